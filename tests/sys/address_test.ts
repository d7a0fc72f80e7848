import { assert, assertEquals, assertThrows } from "@std/assert";
import { interfaceIndex, interfaceName, SockAddr } from "../../src/sys/address.ts";
import { TineError } from "../../src/base/errors.ts";

Deno.test("SockAddr.parse() reads what toString() writes", () => {
  for (const text of ["127.0.0.1:80", "0.0.0.0:0", "[::1]:65535", "[fe80::1%7]:5201", "[::ffff:10.0.0.1]:1"]) {
    assertEquals(SockAddr.parse(text).toString(), text);
  }
  assertEquals(SockAddr.parse("[2001:DB8:0::1]:9").toString(), "[2001:db8::1]:9");
});

Deno.test("SockAddr.parse() refuses what is none, and says so", () => {
  const bad = ["", "localhost:80", "127.0.0.1", "::1:80", "[::1]", "[127.0.0.1]:80", "1.2.3.4:65536", "1.2.3.4:-1"];
  for (const text of [...bad, "[fe80::1%]:1", "[fe80::1%1%2]:1", "[fe80::1%4294967296]:1", ":80", "1.2.3.4:080000"]) {
    const error = assertThrows(() => SockAddr.parse(text), TineError, undefined, text);
    assertEquals(error.code, "invalid-address");
  }
  assertThrows(() => SockAddr.of("::1", 1.5), TineError, "1.5 is not a port, 0 to 65535");
});

Deno.test("SockAddr keeps the kernel's form", () => {
  assertEquals([...SockAddr.parse("1.2.3.4:258").bytes], [2, 0, 1, 2, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0]);
  const ipv6 = SockAddr.parse("[fe80::2%3]:258").bytes;
  assertEquals([...ipv6.subarray(0, 8)], [10, 0, 1, 2, 0, 0, 0, 0]);
  assertEquals([...ipv6.subarray(22)], [0, 2, 3, 0, 0, 0]);
});

Deno.test("SockAddr.decode() copies, and refuses other families", () => {
  const bytes = new Uint8Array(40);
  bytes.set(SockAddr.parse("[::1]:7").bytes);
  const address = SockAddr.decode(bytes);
  bytes.fill(0);
  assertEquals(`${address}`, "[::1]:7");
  assertThrows(() => SockAddr.decode(bytes), TineError, "family 0");
  assertThrows(() => SockAddr.decode(Uint8Array.of(10, 0, 1)), TineError, "family 10");
});

Deno.test("SockAddr reports wildcard and loopback, also of mapped ones", () => {
  for (const text of ["0.0.0.0:1", "[::]:1", "[::ffff:0.0.0.0]:1"]) assert(SockAddr.parse(text).isWildcard, text);
  for (const text of ["127.3.2.1:1", "[::1]:1", "[::ffff:127.0.0.1]:1"]) {
    const address = SockAddr.parse(text);
    assert(address.isLoopback && !address.isWildcard, text);
  }
  for (const text of ["10.0.0.1:1", "[::2]:1", "[1::1]:1"]) assert(!SockAddr.parse(text).isLoopback, text);
  assertEquals(`${SockAddr.wildcard("ipv6", 5)} ${SockAddr.loopback("ipv4", 6)}`, "[::]:5 127.0.0.1:6");
});

Deno.test("SockAddr.mapped() and unmapped() undo each other", () => {
  const address = SockAddr.parse("10.0.0.1:9");
  assertEquals(`${address.mapped()}`, "[::ffff:10.0.0.1]:9");
  assert(address.mapped().isMapped && address.mapped().unmapped().equals(address));
  const ipv6 = SockAddr.parse("[::1]:9");
  assert(ipv6.mapped() === ipv6 && ipv6.unmapped() === ipv6);
});

Deno.test("SockAddr.equals() looks at family, address, port and scope", () => {
  const address = SockAddr.parse("[fe80::1%2]:9");
  assert(address.equals(SockAddr.parse("[fe80::1%2]:9")));
  for (const text of ["[fe80::1%3]:9", "[fe80::1%2]:8", "[fe80::2%2]:9", "1.2.3.4:9"]) {
    assert(!address.equals(SockAddr.parse(text)), text);
  }
  assert(address.withPort(10).equals(SockAddr.parse("[fe80::1%2]:10")));
});

Deno.test({
  name: "SockAddr.of() takes the name of an interface as a scope",
  ignore: Deno.build.os !== "linux",
  fn() {
    const index = interfaceIndex("lo");
    assertEquals(interfaceName(index), "lo");
    assertEquals(SockAddr.of("fe80::1%lo", 1).scopeId, index);
    for (const name of ["nope-0", "", "a-name-that-is-much-too-long"]) {
      assertThrows(() => interfaceIndex(name), TineError, `there is no network interface "${name}"`);
    }
    assertEquals(interfaceName(0x7fff_ffff), undefined);
  },
});
