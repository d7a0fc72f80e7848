import { assert, assertEquals } from "@std/assert";
import type { FlowMessage } from "../../../src/flow/engine/messages.ts";
import { PoolWorker } from "../../../src/flow/engine/flow_pool.ts";
import { availability } from "../../../src/sys/libc.ts";
import { openSockets } from "../stream/open_sockets.ts";
import { needsProcessors } from "../../support/quiet.ts";

const ignore = !availability().available;
const request = { kind: "streamServer", addresses: ["127.0.0.1:0"], config: { listenAddr: ":0" } };

function setUp() {
  const messages: FlowMessage[] = [], errors: Error[] = [];
  const worker = new PoolWorker("test", (message) => messages.push(message), (error) => errors.push(error));
  return { worker, messages, errors };
}

Deno.test({
  ...needsProcessors(
    "PoolWorker.rehearse() sends packets there and back, signed and not, of flows that nobody has, and leaves nothing",
    async () => {
      const { worker, messages, errors } = setUp();
      await using cleanup = new AsyncDisposableStack();
      cleanup.defer(() => worker.stop());
      await worker.rehearse("packets");
      assertEquals(messages.filter(({ type }) => type === "listening").length, 2);
      assertEquals(messages.filter(({ type }) => type === "failed"), []);
      const signed = messages.flatMap((message) => message.type === "info" ? [message.info] : [])
        .filter(({ server }) => server).map(({ values }) => values.signed);
      assertEquals(signed, [false, true]);
      assert(messages.some((message) => message.type === "progress" && message.values["received.0"] > 0));
      assert(messages.every(({ id }) => id < 0));
      // The worker itself has one.
      const before = openSockets();
      await worker.rehearse("packets");
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
    worker.tell({ type: "start", id: 1, request });
    worker.tell({ type: "cancel", id: 1 });
    first.resolve();
    await worker.rehearse("packets");
    assertEquals(messages.filter(({ id }) => id === 1), []);
    second.resolve();
    await worker.stop();
    assertEquals(messages.filter(({ id }) => id === 1).map(({ type }) => type), ["listening", "canceled"]);
  },
});

Deno.test({
  ...needsProcessors("PoolWorker.stop() ends it while it rehearses, too", async () => {
    const { worker, errors } = setUp();
    const rehearsed = worker.rehearse("packets");
    worker.hold(rehearsed);
    await worker.stop();
    await rehearsed;
    assertEquals([worker.dead, errors], [true, []]);
  }),
  ignore,
});
