import { assertEquals, assertThrows } from "@std/assert";
import { TineError } from "../../../src/base/errors.ts";
import { joinedAddress, joinProblem, parseJoin } from "../../../src/flow/multicast/join.ts";

Deno.test("parseJoin() reads groups with and without source, interface and port", () => {
  const forms: [string, (string | number | undefined)[]][] = [
    ["239.1.2.3", [undefined, "239.1.2.3", undefined, 7001]],
    ["239.1.2.3%eth0.7:7002", [undefined, "239.1.2.3", "eth0.7", 7002]],
    ["10.0.0.1@232.1.2.3", ["10.0.0.1", "232.1.2.3", undefined, 7001]],
    ["10.0.0.1@232.1.2.3%2:9", ["10.0.0.1", "232.1.2.3", "2", 9]],
    ["ff15::1", [undefined, "ff15::1", undefined, 7001]],
    ["[ff15::1%eth0]:7002", [undefined, "ff15::1", "eth0", 7002]],
    ["2001:db8::1@ff3e::1%eth0", ["2001:db8::1", "ff3e::1", "eth0", 7001]],
    ["[2001:db8::1]@[ff3e::1]:7002", ["2001:db8::1", "ff3e::1", undefined, 7002]],
  ];
  for (const [text, expected] of forms) {
    const { source, group, device, port } = parseJoin(text);
    assertEquals([source, group, device, port], expected, text);
  }
  assertEquals(joinedAddress(parseJoin("ff02::7%eth0")), "[ff02::7%eth0]:7001");
  assertEquals(joinedAddress(parseJoin("ff15::7%eth0")), "[ff15::7]:7001");
});

Deno.test("parseJoin() refuses what is no group, and names it", () => {
  const wrong: [string, string][] = [
    ["10.0.0.1", "has the address 10.0.0.1, expected a group: 224.0.0.0 to 239.255.255.255, or ff00::/8"],
    ["fe80::1%eth0", "has the address fe80::1, expected a group: 224.0.0.0 to 239.255.255.255, or ff00::/8"],
    ["239.1.2.300", "has 239.1.2.300, which is no IP address"],
    ["239.1.2.3:70000", "has the port 70000, expected 1 to 65535"],
    ["239.1.2.3:0", "has the port 0, expected 1 to 65535"],
    ["239.1.2.4@239.1.2.3", "has the group 239.1.2.4 as its source"],
    ["ff02::1", "has a group of the link without its interface, expected e.g. ff02::1%eth0"],
  ];
  for (const [text, why] of wrong) {
    assertEquals(assertThrows(() => parseJoin(text), TineError).message, `"${text}" ${why}`);
  }
  for (
    const text of ["", "eth0", "239.1.2.3%", "239.1.2.3:", "@239.1.2.3", "10.0.0.1@", "[239.1.2.3]:1", "host.example"]
  ) {
    assertThrows(() => parseJoin(text), TineError, `"${text}"`);
  }
  assertEquals(joinProblem("239.1.2.3", "udp6"), '"239.1.2.3" has a group of IPv4, but protocol is udp6');
  assertEquals(joinProblem("ff15::1", "udp4"), '"ff15::1" has a group of IPv6, but protocol is udp4');
  assertEquals(joinProblem("ff15::1", "udp"), undefined);
});
