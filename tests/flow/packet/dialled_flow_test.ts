import { assertEquals } from "@std/assert";
import { FakeNetwork } from "./fake_network.ts";

const MS = 1e6;
const flow = { flow: "video", sender: [{ unresponsive: { wait: [10], duration: 100 } }] };

for (const kind of ["UDP", "STAMP"] as const) {
  Deno.test(`DialledFlow tries each address of a peer, and closes the ports of those that take nothing, for ${kind}`, () => {
    const network = new FakeNetwork(), connect = network.connect.bind(network);
    network.connect = (address) => {
      const port = connect(address);
      if (address.host !== "192.0.2.1") port.mostBytes = 0;
      return port;
    };
    const before = ["192.0.2.7:9", "192.0.2.8:9", "192.0.2.9:9"];
    if (kind === "UDP") {
      network.serve();
      network.dial(flow, undefined, before);
    } else {
      network.reflect();
      network.dialReflector({ ...flow, stamp: {} }, undefined, before);
    }
    network.pass(1000 * MS);
    assertEquals(network.host.error, undefined);
    assertEquals(network.host.result?.complete, 1);
    const dialled = network.ports.filter(({ peer }) => peer !== undefined);
    const closed = dialled.map(({ peer, closed }) => [peer!.host, closed]);
    assertEquals(closed.slice(0, -1), [["192.0.2.7", true], ["192.0.2.8", true], ["192.0.2.9", true]]);
  });
}
