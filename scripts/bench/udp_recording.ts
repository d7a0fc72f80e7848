import type { PlanInput } from "../../src/node/mod.ts";
import { readFlows } from "../../src/result/kept_figures.ts";
import type { Benchmark } from "./benchmark.ts";
import { outputOf } from "./command_output.ts";
import { inRounds, medians } from "./median.ts";
import { tine } from "./programs.ts";
import { thousands } from "./throughput.ts";
import { flowRounds, flowSeconds, LOOPBACK, tineFlow } from "./traffic.ts";

const BYTES = 64;
const FLOW = "recorded";

/** What was measured with packets. */
type Figures = Readonly<Record<"received" | "bytesEach", number>>;

/** What it costs to keep every packet. */
export const benchmark: Benchmark = {
  summary: "UDP packets received a second with each of them recorded to disk by a plan, beside none by hand",

  async *run({ quick }) {
    const measures = [() => recorded(quick), () => byHand(quick)];
    const [plan, hand] = (await inRounds<Figures>(flowRounds(quick), ...measures)).map(medians);
    const share = plan.received / hand.received;
    yield {
      what: `${BYTES} bytes, sent and received ones recorded`,
      figures: `${thousands(plan.received)}/s, ${plan.bytesEach.toFixed(1)} bytes on disk a packet, ` +
        `by hand ${thousands(hand.received)}/s: ${share.toFixed(2)} x`,
      target: "0.9 x by hand",
      reached: share >= 0.9,
    };
  },
};

async function byHand(quick: boolean): Promise<Figures> {
  const seconds = flowSeconds(quick);
  const args = ["--rate=max", `--length=${BYTES}`, `--duration=${seconds}s`];
  const { flow } = await tineFlow("udp", LOOPBACK, args);
  return { received: flow.toServer.received / seconds, bytesEach: 0 };
}

/** Both ends are nodes, as they would be of a test. */
async function recorded(quick: boolean): Promise<Figures> {
  const seconds = flowSeconds(quick);
  const folder = await Deno.makeTempDir({ prefix: "tine-bench-" });
  try {
    await Deno.writeTextFile(`${folder}/plan.json`, JSON.stringify(planOf(seconds)));
    await outputOf(tine("run", `${folder}/plan.json`, "--out", `${folder}/results`));
    const test = `${folder}/results/latest/name=recording`;
    const [flow] = await Array.fromAsync(readFlows(test));
    if (flow?.protocol !== "udp") throw new Error("the plan recorded no packets");
    const { sent = 0, received = 0 } = flow.figures.senders[0].toServer!;
    return { received: received / seconds, bytesEach: await bytesIn(test) / (sent + received) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function planOf(seconds: number): PlanInput {
  const unresponsive = { rate: "max", length: [`${BYTES}B`], duration: `${seconds}s` };
  const node = (id: string) => ({ id, launcher: { local: {} } });
  return {
    tests: [{
      id: { name: "recording" },
      serial: [
        {
          child: {
            node: node("server"),
            packetServer: { listenAddr: "127.0.0.1:0", listenAddrKey: "server", hmac: false },
          },
        },
        {
          child: {
            node: node("client"),
            packetClient: { addrKey: "server", flow: FLOW, hmac: false, sender: [{ unresponsive }] },
          },
        },
      ],
    }],
  };
}

async function bytesIn(folder: string): Promise<number> {
  let sum = 0;
  for await (const { name, isFile } of Deno.readDir(folder)) {
    if (isFile) sum += (await Deno.stat(`${folder}/${name}`)).size;
  }
  return sum;
}
