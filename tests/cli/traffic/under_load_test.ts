import { assert, assertEquals } from "@std/assert";
import { underLoad, type UnderLoadOptions } from "../../../src/cli/traffic/under_load.ts";
import { phaseLines, underLoadLines } from "../../../src/cli/traffic/under_load_report.ts";
import { chunkOf, endless, type Script, scriptedFlows } from "./scripted_flows.ts";

function options(signal = new AbortController().signal): UnderLoadOptions {
  return {
    server: "192.0.2.1:7001",
    durationMs: 100,
    rampMs: 0,
    waitMs: 10,
    parallel: 2,
    client: {},
    signal,
    log() {},
  };
}

/** Ten echoes that take so many milliseconds. */
const probe = (rtts: number[]): Script => (flow, { events }) => {
  const rtt = rtts.shift()! * 1e6;
  const samples = Array.from({ length: 10 }, (_, seq) => [
    { seq, packets: 1, flag: 1, t: seq * 1e7, scheduled: seq * 1e7, sent: 1 },
    { seq, packets: 1, flag: 2, t: seq * 1e7 + rtt, serverCount: seq + 1 },
  ]);
  events.records(flow, chunkOf("packetIO", samples.flat()));
  return Promise.resolve({ complete: 1 });
};

Deno.test("underLoad() measures each phase, with what the load carried", async () => {
  const bulk: Script = () => Promise.resolve({ bytes: 125_000, durationNanos: 1e9 });
  const flows = scriptedFlows({ upload: bulk, download: bulk, packets: probe([10, 60, 30, 80]) });
  const phases = await Array.fromAsync(underLoad(flows, options()));
  assertEquals(phases.flatMap((phase) => phaseLines(phase)), [
    "idle        10.00    10.00    10.00    10.00      0%      6,000            -            -",
    "upload      60.00    60.00    60.00    60.00      0%      1,000  2.00 Mbit/s            -",
    "download    30.00    30.00    30.00    30.00      0%      2,000            -  2.00 Mbit/s",
    "both        80.00    80.00    80.00    80.00      0%        750  2.00 Mbit/s  2.00 Mbit/s",
  ]);
  assertEquals(underLoadLines(phases), [
    "",
    "The load adds 70.00 ms to the median round trip.",
    "Responsiveness under load: 750 round trips per minute in the worst phase.",
  ]);
});

Deno.test("underLoad() ends with the phase whose load fails", async () => {
  const failure = new Error("refused");
  const packets = probe([10]);
  let phase = 0;
  const flows = scriptedFlows({
    upload: () => Promise.reject(failure),
    packets: (flow, options) => phase++ === 0 ? packets(flow, options) : endless(flow, options),
  });
  const phases = await Array.fromAsync(underLoad(flows, options()));
  assertEquals(phases.map(({ phase, error }) => [phase, error]), [["idle", undefined], ["upload", failure]]);
});

Deno.test("underLoad() ends when it is aborted", async () => {
  const control = new AbortController();
  const reason = new Error("interrupted");
  const flows = scriptedFlows({
    packets(flow, options) {
      queueMicrotask(() => control.abort(reason));
      return endless(flow, options);
    },
  });
  const phases = await Array.fromAsync(underLoad(flows, options(control.signal)));
  assertEquals(phases.map(({ phase, error }) => [phase, error]), [["idle", reason]]);
  assert(underLoadLines(phases).length === 0);
});
