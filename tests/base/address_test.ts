import { assert, assertEquals, assertThrows } from "@std/assert";
import { createServer } from "node:http";
import {
  cannotListen,
  formatHostPort,
  formatIPv4,
  formatIPv6,
  HOST_PORT_PATTERN,
  ipFamily,
  isLoopback,
  isMappedIPv4,
  parseDialAddress,
  parseHostPort,
  parseIPv4,
  parseIPv6,
} from "../../src/base/address.ts";
import { TineError } from "../../src/base/errors.ts";
import { Random } from "../support/random.ts";

Deno.test("parseHostPort() takes names, addresses, and no host", () => {
  for (
    const [text, hostname, port] of [
      ["10.0.0.1:7000", "10.0.0.1", 7000],
      ["host.example:1", "host.example", 1],
      ["[::1]:0", "::1", 0],
      ["[fe80::1%eth0]:65535", "fe80::1%eth0", 65535],
      [":7", "", 7],
      ["[fe80::1%br-0@x]:1", "fe80::1%br-0@x", 1],
    ] as const
  ) assertEquals(parseHostPort(text), { hostname, port });
});

Deno.test("parseHostPort() and parseDialAddress() refuse what is no address", () => {
  for (
    const text of [
      "",
      "host",
      "::1:7",
      "[::1]",
      "[::1]7",
      "a:65536",
      "a b:1",
      "a:-1",
      "[host]:1",
      "[1]:1",
      "[::1%]:1",
      "[::1%a%b]:1",
      "7000",
    ]
  ) {
    assertEquals(assertThrows(() => parseHostPort(text), TineError).code, "invalid-address");
  }
  for (const text of [":7", "host:0"]) {
    assertEquals(assertThrows(() => parseDialAddress(text), TineError).code, "invalid-address");
  }
});

Deno.test("parseHostPort() takes a bare port where it is allowed", () => {
  for (const text of ["7000", ":7000"]) {
    assertEquals(parseHostPort(text, { barePort: true }), { hostname: "", port: 7000 });
  }
  for (const text of ["", "70000", "host", "7000:", "-1"]) {
    assertThrows(() => parseHostPort(text, { barePort: true }), TineError, `"${text}" is not an address`);
  }
});

Deno.test("HOST_PORT_PATTERN takes whatever parseHostPort() takes, and formatHostPort() writes it", () => {
  for (const text of ["10.0.0.1:7000", "host.example:1", "[::1]:0", "[fe80::1%eth0]:65535", ":7"]) {
    assert(HOST_PORT_PATTERN.test(text), text);
    assertEquals(formatHostPort(parseHostPort(text)), text);
  }
});

Deno.test("isLoopback() is true for what only this machine reaches", () => {
  assertEquals(["localhost", "::1", "127.9.8.7"].map(isLoopback), [true, true, true]);
  assertEquals(["", "::", "0.0.0.0", "127.example", "10.0.0.1"].map(isLoopback), [false, false, false, false, false]);
});

const ignore = Deno.build.os !== "linux";

/** The C library's inet_pton(3) and inet_ntop(3), as witnesses. */
function inet() {
  const library = Deno.dlopen("libc.so.6", {
    inet_pton: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
    inet_ntop: { parameters: ["i32", "buffer", "buffer", "u32"], result: "pointer" },
  });
  const family = { 4: 2, 16: 10 } as const;
  return {
    parse(length: 4 | 16, text: string): Uint8Array | undefined {
      const bytes = new Uint8Array(length);
      const parsed = library.symbols.inet_pton(family[length], new TextEncoder().encode(`${text}\0`), bytes);
      return parsed === 1 ? bytes : undefined;
    },
    format(bytes: Uint8Array<ArrayBuffer>): string {
      const text = new Uint8Array(64);
      library.symbols.inet_ntop(family[bytes.length as 4 | 16], bytes, text, text.length);
      return new TextDecoder().decode(text.subarray(0, text.indexOf(0)));
    },
    [Symbol.dispose]: () => library.close(),
  };
}

Deno.test("parseIPv4() takes four numbers and nothing else", () => {
  assertEquals(parseIPv4("192.0.2.255"), Uint8Array.of(192, 0, 2, 255));
  for (
    const text of ["", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.4 ", "1..3.4", "0x1.2.3.4", "1.2.3.-4"]
  ) {
    assertEquals(parseIPv4(text), undefined, text);
  }
  assertEquals(formatIPv4(Uint8Array.of(10, 0, 0, 1)), "10.0.0.1");
});

Deno.test("formatIPv6() writes the shortest form", () => {
  const short = (text: string) => formatIPv6(parseIPv6(text)!);
  assertEquals(short("2001:0DB8:0:0:0:0:0:1"), "2001:db8::1");
  assertEquals(short("0:0:0:0:0:0:0:0"), "::");
  assertEquals(short("1:0:0:2:0:0:0:3"), "1:0:0:2::3");
  assertEquals(short("1:0:0:2:3:0:0:4"), "1::2:3:0:0:4");
  assertEquals(short("1:0:2:3:4:5:6:7"), "1:0:2:3:4:5:6:7");
  assertEquals(short("::ffff:10.0.0.1"), "::ffff:10.0.0.1");
});

Deno.test("isMappedIPv4() looks from a place on", () => {
  const bytes = new Uint8Array(20);
  bytes.set(parseIPv6("::ffff:1.2.3.4")!, 4);
  assertEquals([isMappedIPv4(bytes, 4), isMappedIPv4(bytes)], [true, false]);
});

Deno.test({
  name: "parseIPv6() and formatIPv6() agree with the C library on addresses",
  ignore,
  fn() {
    using c = inet();
    const random = new Random(6);
    for (let i = 0; i < 5000; i++) {
      const bytes = Uint8Array.from(random.bytes(16));
      for (let group = 0; group < 8; group++) if (random.below(2) === 0) bytes.fill(0, 2 * group, 2 * group + 2);
      const text = formatIPv6(bytes);
      assertEquals(parseIPv6(text), bytes, text);
      assertEquals(c.parse(16, text), bytes, text);
      // The C library writes an old form of embedded IPv4 too, ::1.2.3.4.
      if (!c.format(bytes).includes(".")) assertEquals(text, c.format(bytes));
    }
  },
});

Deno.test({
  name: "parseIPv4() and parseIPv6() agree with the C library on what is none",
  ignore,
  fn() {
    using c = inet();
    const random = new Random(7);
    const letters = "0:1f.:25:.";
    const starts = ["", "::", "1:2:3:4:5:6:7:8", "::ffff:1.2.3.4", "fe80::1", "1.2.3.4"];
    for (let i = 0; i < 20_000; i++) {
      let text = starts[random.below(starts.length)];
      for (let edits = 1 + random.below(4); edits > 0; edits--) {
        const at = random.below(text.length + 1);
        text = text.slice(0, at) + letters[random.below(letters.length)] + text.slice(at + random.below(3));
      }
      assertEquals(parseIPv6(text), c.parse(16, text), text);
      assertEquals(parseIPv4(text), c.parse(4, text), text);
    }
  },
});

Deno.test("ipFamily() takes what ends in a number for IPv4, and what has a colon for IPv6", () => {
  for (const host of ["10.0.0.1", "1", "1.2.3", "300.1.1.1", "host.5"]) assertEquals(ipFamily(host), "ipv4", host);
  for (const host of ["::1", "fe80::1%eth0", "1:2"]) assertEquals(ipFamily(host), "ipv6", host);
  for (const host of ["", "host", "host5", "1.example", "1."]) assertEquals(ipFamily(host), undefined, host);
});

Deno.test("cannotListen() has one sentence for a reason, whichever runtime found it", async () => {
  const address = { hostname: "192.0.2.1", port: 80 };
  const failure = (hostname: string, port: number): Promise<unknown> =>
    new Promise((resolve) => {
      const server = createServer().once("error", resolve);
      server.listen(port, hostname, () => server.close(() => resolve(undefined)));
    });
  const thrown = assertThrows(() => Deno.listen({ hostname: "192.0.2.1", port: 0 }));
  for (const cause of [thrown, await failure("192.0.2.1", 0)]) {
    assertEquals(
      cannotListen(address, cause).message,
      "cannot listen on 192.0.2.1:80: this machine does not have that address",
    );
  }
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const taken = assertThrows(() => Deno.listen({ hostname: "127.0.0.1", port }));
  assertEquals(
    cannotListen(address, taken, " for x").message,
    "cannot listen on 192.0.2.1:80 for x: the address is in use",
  );
  assertEquals(
    cannotListen(address, Object.assign(new Error(), { code: "EACCES" })).message,
    "cannot listen on 192.0.2.1:80: permission denied, as ports below 1024 take a privilege",
  );
  const unknown = new Error("failed to lookup address information: Name or service not known");
  assertEquals(
    cannotListen({ hostname: "host", port: 1 }, unknown).message,
    "cannot listen on host:1: the name has no address",
  );
});
