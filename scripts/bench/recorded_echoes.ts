import type { RunFolder } from "../../src/result/mod.ts";
import { ChunkWriter } from "../../src/flow/records/chunk_writer.ts";
import { encodeItem } from "../../src/node/protocol/kinds.ts";
import { createRun } from "../../src/result/mod.ts";

/** Samples of an echo: at the client and at the server, each sent and received. */
export const SAMPLES_PER_ECHO = 4;

/**
 * Stores a test with the samples of a UDP flow that is echoed, of both ends, with delays that differ from packet to packet.
 *
 * @param out the folder of runs
 * @param echoes how many
 * @returns the folder of the test
 */
export async function recordEchoes(out: string, echoes: number): Promise<string> {
  const id = { name: "echoes" };
  const plan = { tests: [{ id, timeout: 1000 }] } as unknown as Parameters<typeof createRun>[1];
  await using run: RunFolder = await createRun(out, plan, { planName: "bench", tine: "bench", started: new Date() });
  const store = await run.startTest(plan.tests[0]);
  const tinit = 1_795_916_003_108_756_319n;
  const values = { client: "127.0.0.1:1", server: "127.0.0.1:2", sharesClock: true };
  const flow = "voip";
  for (const server of [false, true]) {
    await store.add(encodeItem({ type: "packetInfo", nodeId: server ? "right" : "left", flow, tinit, server, values }));
  }
  const writers = { left: new ChunkWriter("packetIO"), right: new ChunkWriter("packetIO") };
  const put = async (node: keyof typeof writers, last = false) => {
    const writer = writers[node];
    if (writer.length === 0 || !writer.full && !last) return;
    await store.add(encodeItem({ type: "records", nodeId: node, flow, chunk: writer.take().slice() }));
  };
  // A linear congruential generator: the same delays on every machine.
  let state = 1;
  const random = (most: number) => (state = state * 48_271 % 0x7fffffff) % most;
  for (let seq = 0; seq < echoes; seq++) {
    const sent = seq * 100_000 + random(20_000);
    const [there, atServer, back] = [15_000 + random(30_000), 5_000 + random(20_000), 15_000 + random(30_000)];
    add(writers.left, { seq, t: sent, scheduled: seq * 100_000, packets: 1, flag: 1, len: 172, sent: 1 });
    await put("left");
    add(writers.right, { seq, t: sent + there, scheduled: sent + there, packets: 1, flag: 1, len: 172, server: 1 });
    await put("right");
    const replied = sent + there + atServer;
    add(writers.right, { seq, t: replied, scheduled: replied, packets: 1, flag: 3, len: 172, server: 1, sent: 1 });
    await put("right");
    const received = { serverReceived: -atServer - back, serverTime: atServer, serverCount: seq + 1 };
    add(writers.left, {
      seq,
      t: replied + back,
      scheduled: replied + back,
      packets: 1,
      flag: 2,
      len: 172,
      ...received,
    });
    await put("left");
  }
  await put("left", true);
  await put("right", true);
  await store.finish({ status: "ok" });
  await run.finish();
  return `${run.path}/name=echoes`;
}

function add(writer: ChunkWriter<"packetIO">, sample: Partial<Record<string, number>>): void {
  const i = writer.next();
  for (const [name, column] of Object.entries<Float64Array>(writer.columns)) column[i] = sample[name] ?? 0;
}
