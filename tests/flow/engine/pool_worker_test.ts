import { assert, assertEquals } from "@std/assert";
import type { FlowMessage } from "../../../src/flow/engine/messages.ts";
import { flowWorker } from "../../../src/flow/create_flows.ts";
import { PoolWorker } from "../../../src/flow/engine/flow_pool.ts";
import { availability } from "../../../src/sys/libc.ts";
import { openSockets } from "../stream/open_sockets.ts";
import { needsProcessors } from "../../support/quiet.ts";

const ignore = !availability().available;
const request = { kind: "streamServer", addresses: ["127.0.0.1:0"], config: { listenAddr: ":0" } };

function setUp() {
  const messages: FlowMessage[] = [], errors: Error[] = [];
  const worker = new PoolWorker(flowWorker, "test", (message) => messages.push(message), (error) => errors.push(error));
  return { worker, messages, errors };
}

Deno.test({
  ...needsProcessors(
    "PoolWorker.warmUp() sends packets there and back, signed and not, of flows that have no listener, and leaves nothing",
    async () => {
      const { worker, messages, errors } = setUp();
      await using cleanup = new AsyncDisposableStack();
      cleanup.defer(() => worker.stop());
      await worker.warmUp("packets");
      assertEquals(messages.filter(({ type }) => type === "listening").length, 2);
      assertEquals(messages.filter(({ type }) => type === "failed"), []);
      const signed = messages.flatMap((message) => message.type === "info" ? [message.info] : [])
        .filter(({ server }) => server).map(({ values }) => values.signed);
      assertEquals(signed, [false, true]);
      assert(
        messages.some((message) =>
          message.type === "progress" && message.report.kind === "packets" && message.report.senders[0].received > 0
        ),
      );
      assert(messages.every(({ id }) => id < 0));
      // The worker itself has one.
      const before = openSockets();
      await worker.warmUp("packets");
      assertEquals(openSockets(), before);
      await worker.stop();
      assertEquals(errors, []);
    },
  ),
  ignore,
});

Deno.test({
  name: "PoolWorker.hold() keeps orders back in their order until all who hold them let go",
  ignore,
  async fn() {
    const { worker, messages } = setUp();
    const first = Promise.withResolvers<void>(), second = Promise.withResolvers<void>();
    worker.hold(first.promise);
    worker.hold(second.promise);
    worker.send({ type: "start", id: 1, request });
    worker.send({ type: "cancel", id: 1 });
    first.resolve();
    await worker.warmUp("packets");
    assertEquals(messages.filter(({ id }) => id === 1), []);
    second.resolve();
    await worker.stop();
    assertEquals(messages.filter(({ id }) => id === 1).map(({ type }) => type), ["listening", "canceled"]);
  },
});

Deno.test({
  ...needsProcessors("PoolWorker.stop() ends it while it warms up, too", async () => {
    const { worker, errors } = setUp();
    const warmedUp = worker.warmUp("packets");
    worker.hold(warmedUp);
    await worker.stop();
    await warmedUp;
    assertEquals([worker.dead, errors], [true, []]);
  }),
  ignore,
});
