import { ChunkWriter } from "../../src/flow/records/chunk_writer.ts";
import { encodeItem } from "../../src/node/protocol/kinds.ts";
import { createRun } from "../../src/result/mod.ts";
import type { Benchmark } from "./benchmark.ts";
import { builtTine } from "./built_tine.ts";
import { medianMs } from "./command_time.ts";
import { medianOfRounds } from "./median.ts";
import { thousands } from "./throughput.ts";

/** How long the figures of a test take at the first look and at the second one. */
export const benchmark: Benchmark = {
  summary: "`tine results` of a test for the first and the second time: a flow of many samples, and 1,000 flows",

  async *run({ quick }) {
    const samples = quick ? 10_000 : 10_000_000;
    const cases = [
      { what: "one flow", flows: 1, samples, killed: false },
      { what: "1,000 flows", flows: 1000, samples: samples / 1000, killed: false },
      { what: "one flow of a test that was killed", flows: 1, samples, killed: true },
    ];
    await using built = await builtTine();
    const out = await Deno.makeTempDir({ prefix: "tine-bench-" });
    try {
      for (const { what, flows, samples, killed } of cases) {
        const test = await record(`${out}/${flows}-${killed}`, flows, samples);
        if (killed) await cut(test);
        const timed = (...args: string[]) => medianMs([built.path, ...args], 1, { env: built.env });
        const look = () => timed("results", "--json", test);
        const first = await look();
        const [second, help] = await medianOfRounds(quick ? 1 : 15, look, () => timed("--help"));
        yield {
          what: `${what}, ${thousands(flows * samples)} samples`,
          figures: `first look ${(first / 1000).toFixed(2)} s, second look ${second.toFixed(0)} ms, ` +
            `tine --help ${help.toFixed(0)} ms: ${(second / help).toFixed(2)} x`,
          target: "150 ms",
          reached: second <= 150,
        };
      }
    } finally {
      await Deno.remove(out, { recursive: true });
    }
  },
};

/** Leaves a test as a kill does: it has not written how it ended. */
async function cut(test: string): Promise<void> {
  const path = `${test}/test.json`;
  const summary = JSON.parse(await Deno.readTextFile(path));
  await Deno.writeTextFile(path, JSON.stringify({ ...summary, status: "running" }));
  await Deno.remove(`${test}/figures.json`).catch(() => {});
}

/** Stores a test of UDP flows, of which half the samples are packets sent and half are echoes; returns its folder. */
async function record(out: string, flows: number, samples: number): Promise<string> {
  const test = { id: { name: "look" }, timeout: 1000, sleep: 1 };
  await using run = await createRun(out, { tests: [test] }, { planName: "bench", tine: "0" });
  const store = await run.startTest(test);
  const writer = new ChunkWriter("packetIO");
  for (let flow = 0; flow < flows; flow++) {
    const send = async () => {
      const chunk = writer.take().slice();
      await store.add(encodeItem({ type: "records", nodeId: "client", flow: `flow.${flow}`, chunk }));
    };
    for (let n = 0; n < samples; n++) {
      const { columns } = writer, i = writer.next();
      const seq = n >> 1, echoed = n & 1;
      columns.seq[i] = seq;
      columns.t[i] = seq * 1e6 + echoed * (100_000 + seq * 7919 % 50_000);
      columns.scheduled[i] = seq * 1e6;
      columns.packets[i] = 1;
      columns.flag[i] = echoed ? 2 : 1;
      columns.sent[i] = echoed ? 0 : 1;
      columns.len[i] = 100;
      columns.serverReceived[i] = echoed ? -50_000 : 0;
      columns.serverTime[i] = echoed ? 10_000 : 0;
      columns.serverCount[i] = echoed ? seq + 1 : 0;
      if (writer.full) await send();
    }
    if (writer.length > 0) await send();
  }
  await store.finish({ status: "ok" });
  return `${await run.finish()}/name=look`;
}
