import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { makeLink, whyNoLink } from "../support/link.ts";
import { unless, whyNotInstalled } from "../support/unless.ts";
import { clientOutput, runClient, startServer } from "./by_hand.ts";

/** Of the way of the router to the server, with headers. */
const MTU = 1300;
/** It passes the client's own interface, and not that way. */
const LENGTH = 1400;
const PACKETS = 12;

Deno.test({
  ...unless(
    whyNoLink() ?? whyNotInstalled("sysctl"),
    "tine udp client has packets cut, lost or refused where a router takes no longer ones, and finds the path MTU",
  ),
  async fn() {
    await using link = await makeLink({ routedMtu: MTU });
    for (const family of ["ipv4", "ipv6"] as const) {
      await using server = await startServer(link, "udp", family, "--max-packet-size=3000");
      const reassembled = family === "ipv4" ? "Ip ReasmOKs" : "Ip6ReasmOKs";
      const flow = [server.address, "--wait=5ms", `--packets=${PACKETS}`];

      // Before any router has reported: with fragments, all but the first ones pass in either family.
      const cut = await runClient(link, "udp", ...flow, "--length=2900", "--fragment=allow");
      const [{ toServer, fromServer, sendErrors, direction }] = cut.flows;
      assertEquals([direction, toServer.sent, sendErrors], ["upload", PACKETS, 0]);
      assert(toServer.received >= PACKETS / 2, `${toServer.received}`);
      // Each that arrived was put together, at the server and the client.
      assert(await link.server.counter(reassembled) >= toServer.received);
      assert(await link.client.counter(reassembled) >= fromServer.received && fromServer.received > 0);

      const before = await link.server.counter(reassembled);
      const probe = await clientOutput(link, "udp", ...flow, `--length=${LENGTH}`, "--fragment=probe");
      assertEquals(probe.code, 0, probe.stderr);
      assertStringIncludes(
        probe.stderr,
        `packets are too long for the path, which takes ${MTU} bytes with their headers`,
      );
      const [lost] = JSON.parse(probe.stdout).flows;
      assertEquals([lost.toServer.sent, lost.toServer.received, lost.toServer.lost], [PACKETS, 0, PACKETS]);
      assertEquals([lost.toServer.pathMtuBytes, lost.sendErrors], [MTU, 0]);
      assertEquals(await link.server.counter(reassembled), before, "none was cut");

      // What was reported is known now.
      const headers = family === "ipv4" ? 28 : 48;
      const refused = await clientOutput(link, "udp", ...flow, `--length=${LENGTH}`);
      assertEquals(refused.code, 1);
      assertStringIncludes(refused.stderr, `packets of ${LENGTH} bytes are too long for the path to ${server.address}`);
      assertStringIncludes(refused.stderr, `takes ${MTU - headers} uncut (EMSGSIZE)`);
      const fits = await runClient(link, "udp", ...flow, `--length=${MTU - headers}`, "--fragment=forbid");
      const [{ toServer: there, fromServer: back }] = fits.flows;
      assertEquals([there.received, back.received], [PACKETS, PACKETS]);
      assertEquals([there.pathMtuBytes, back.pathMtuBytes], [MTU, MTU]);

      // Senders at the server.
      const down = [server.address, "--reverse", "--rate=200pps", `--packets=${PACKETS}`, `--length=${LENGTH}`];
      const { flows: [received] } = await runClient(link, "udp", ...down, "--fragment=allow");
      assertEquals([received.fromServer.sent, received.fromServer.received], [PACKETS, PACKETS]);
    }
  },
});
