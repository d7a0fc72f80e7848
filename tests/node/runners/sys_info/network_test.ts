import { assertEquals } from "@std/assert";
import { parseInterfaces } from "../../../../src/node/runners/sys_info/network.ts";

Deno.test("parseInterfaces() makes a line of each interface", () => {
  const json = JSON.stringify([{
    ifname: "left",
    link: "right",
    mtu: 1500,
    qdisc: "tbf",
    operstate: "UP",
    address: "02:00:00:00:00:01",
    linkinfo: { info_kind: "veth" },
    addr_info: [{ local: "10.0.0.1", prefixlen: 24 }, { local: "fe80::1", prefixlen: 64 }],
  }, { ifname: "lo" }]);
  assertEquals(parseInterfaces(json), {
    left:
      "state UP, kind veth, link right, mtu 1500, mac 02:00:00:00:00:01, addresses 10.0.0.1/24 fe80::1/64, qdisc tbf",
    lo: "",
  });
});

Deno.test("parseInterfaces() has nothing for what is no list of interfaces", () => {
  for (const text of ["", "1: lo: <LOOPBACK>", "{}", "null"]) assertEquals(parseInterfaces(text), undefined);
  assertEquals(parseInterfaces("[null, 1, {}]"), {});
});
