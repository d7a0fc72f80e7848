import { assert } from "@std/assert";
import { makeLink, whyNoLink } from "../support/link.ts";
import { runClient, startServer } from "./by_hand.ts";
import { needsProcessors } from "../support/quiet.ts";

Deno.test({
  ...needsProcessors(
    "tine tcp client --parallel over a slow path ends soon after its time, and adds up to no more than its rate",
    async () => {
      await using link = await makeLink({ bridge: true });
      await using server = await startServer(link, "tcp");
      // What the kernels have learned of a fast path makes them fill large buffers at once.
      await runClient(link, "tcp", server.address, "--duration=500ms", "--bidir");
      const bucket = "rate 2mbit burst 5kb limit 20kb";
      for (const port of [link.toServer, link.toClient]) await port.shape(bucket);
      for (const direction of ["--duration=1s", "--reverse"]) {
        const args = [server.address, "--duration=1s", "--parallel=4", direction];
        const { flows, goodputBitsPerSecond } = await runClient(link, "tcp", ...args);
        const bytes = flows.reduce((sum: number, flow: { bytes: number }) => sum + flow.bytes, 0);
        // A second's worth is a third of it; the rest is what the four had begun with.
        assert(bytes < 700e3, `${bytes} bytes`);
        // 1448 of 1514 bytes are those of the application; the bucket lets a burst through at once.
        assert(goodputBitsPerSecond < 2e6 * 1448 / 1514 * 1.03, `${goodputBitsPerSecond}`);
      }
    },
  ),
  ignore: whyNoLink() !== undefined,
});
