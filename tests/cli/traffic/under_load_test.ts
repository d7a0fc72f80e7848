import { assert, assertEquals } from "@std/assert";
import { Ajv2020 } from "ajv/dist/2020.js";
import { figuresJsonSchema } from "../../../src/cli/schema/figures_schema.ts";
import { delay } from "../../../src/base/time.ts";
import {
  phaseJson,
  phaseLines,
  underLoad,
  underLoadJson,
  underLoadLines,
  type UnderLoadOptions,
} from "../../../src/cli/traffic/under_load.ts";
import { chunkOf, endless, type Script, scriptedFlows } from "./scripted_flows.ts";
import { packetReport, streamReport } from "../../flow/reports.ts";
import type { PacketClientOptions } from "../../../src/flow/flows.ts";
import type { PacketReport } from "../../../src/flow/report.ts";

function options(signal = new AbortController().signal): UnderLoadOptions {
  return {
    server: "192.0.2.1:7001",
    durationMs: 100,
    rampMs: 0,
    waitMs: 10,
    parallel: 2,
    client: {},
    signal,
    // What others do on the machine of the test is no part of what is printed.
    watch: () => () => ({}),
    log() {},
  };
}

/** Ten echoes that take so many milliseconds, as soon as the load is there. */
const probe = (rtts: number[]) => async (flow: string, options: PacketClientOptions): Promise<PacketReport> => {
  const { events, sendAfter } = options;
  events.info({ type: "packetInfo", flow, server: false, tinit: 0n, values: {} });
  await Promise.race([sendAfter, endless(flow, options)]);
  const rtt = rtts.shift()! * 1e6;
  const samples = Array.from({ length: 10 }, (_, seq) => [
    { seq, packets: 1, flag: 1, t: seq * 1e7, scheduled: seq * 1e7, sent: 1 },
    { seq, packets: 1, flag: 2, t: seq * 1e7 + rtt, serverCount: seq + 1 },
  ]);
  events.records!(flow, chunkOf("packetIO", samples.flat()));
  return packetReport();
};

Deno.test("underLoad() measures each phase, with what the load carried", async () => {
  const bulk: Script = () => Promise.resolve(streamReport({ bytes: 125_000, durationNanos: 1e9 }));
  const flows = scriptedFlows({ upload: bulk, download: bulk, packets: probe([10, 60, 30, 80]) });
  const phases = await Array.fromAsync(underLoad(flows, options()));
  assertEquals(phases.flatMap((phase) => phaseLines(phase)), [
    "idle        10.00    10.00    10.00    10.00      0%      6,000            -            -",
    "upload      60.00    60.00    60.00    60.00      0%      1,000  2.00 Mbit/s            -",
    "download    30.00    30.00    30.00    30.00      0%      2,000            -  2.00 Mbit/s",
    "both        80.00    80.00    80.00    80.00      0%        750  2.00 Mbit/s  2.00 Mbit/s",
  ]);
  assertEquals(underLoadLines(phases, "ffi"), [
    "",
    "The load adds 70.00 ms to the median round trip.",
    "Responsiveness under load: 750 round trips per minute in the worst phase.",
  ]);
});

Deno.test("phaseLines() and phaseJson() count packets that a socket dropped apart from lost ones", async () => {
  // Of ten echoes, the client's socket drops two and the server's one; one is lost on its way back.
  const packets: Script = (flow, { events }) => {
    events.info({ type: "packetInfo", flow, server: false, tinit: 0n, values: {} });
    const sent = Array.from({ length: 10 }, (_, seq) => ({ seq, packets: 1, flag: 1, t: seq * 1e7, sent: 1 }));
    const replies = sent.slice(0, 6).map(({ seq, t }) => ({ seq, packets: 1, flag: 2, t: t + 1e6, serverCount: 9 }));
    events.records!(flow, chunkOf("packetIO", [...sent, ...replies]));
    return Promise.resolve(packetReport({ serverReceived: 9, socketDrops: 2, serverSocketDrops: 1 }));
  };
  const [idle] = await Array.fromAsync(underLoad(scriptedFlows({ packets }), options()));
  assertEquals(phaseLines(idle)[0].trim().split(/ +/)[5], "10%");
  const { sent, lostPercent, dropped } = phaseJson(idle) as Record<string, unknown>;
  assertEquals({ sent, lostPercent, dropped }, { sent: 10, lostPercent: 10, dropped: 3 });
});

Deno.test("underLoad() adds up what flows carried over their common time", async () => {
  let starts = 0n;
  const bulk: Script = (flow, { events }) => {
    // One after the other, a second each.
    events.info({ type: "streamInfo", flow, server: false, tinit: 1_000_000_000n * (starts++ % 2n), values: {} });
    return Promise.resolve(streamReport({ bytes: 125_000, durationNanos: 1e9 }));
  };
  const flows = scriptedFlows({ upload: bulk, download: bulk, packets: probe([1, 1, 1, 1]) });
  const [, upload] = await Array.fromAsync(underLoad(flows, options()));
  assertEquals(upload.uploadBitsPerSecond, 1e6);
});

Deno.test("underLoad() measures nothing without its load, and ends with the phase whose load fails", async () => {
  const failure = new Error("refused");
  const packets = probe([10, 20]);
  const flows = scriptedFlows({
    upload: async (_flow, { signal }) => {
      await delay(10, signal);
      throw failure;
    },
    packets,
  });
  const phases = await Array.fromAsync(underLoad(flows, options()));
  assertEquals(phases.map(({ phase, error }) => [phase, error]), [["idle", undefined], ["upload", failure]]);
  assertEquals([phases[1].packets, phases[1].uploadBitsPerSecond], [undefined, undefined]);
});

Deno.test("underLoad() opens the probe before its load, and measures once all of that is open", async () => {
  const opened: string[] = [], probesOpened: number[] = [];
  const flows = scriptedFlows({
    async upload(flow, { events, signal }) {
      await delay(opened.length * 5, signal);
      opened.push(flow);
      events.info({ type: "streamInfo", flow, server: false, tinit: 0n, values: {} });
      await probed.promise;
      return streamReport({ bytes: 125_000, durationNanos: 1e9 });
    },
    async packets(flow, options) {
      probesOpened.push(opened.length);
      options.events.info({ type: "packetInfo", flow, server: false, tinit: 0n, values: {} });
      await options.sendAfter;
      probes.push(opened.length);
      if (probes.length > 1) probed.resolve();
      return measured(flow, options);
    },
  });
  const [probed, probes, measured] = [Promise.withResolvers<void>(), [] as number[], probe([1, 2, 3, 4])];
  for await (const { phase } of underLoad(flows, options())) if (phase === "upload") break;
  assertEquals([probesOpened, probes], [[0, 0], [0, 2]]);
});

Deno.test("underLoad() ends with the phase whose packets the server has not counted", async () => {
  const flows = scriptedFlows({
    packets: async (flow, options) => ({ ...await probe([1])(flow, options), complete: false }),
  });
  const phases = await Array.fromAsync(underLoad(flows, options()));
  assertEquals(phases.map(({ phase, error }) => [phase, (error as { code: string }).code]), [[
    "idle",
    "incomplete-flow",
  ]]);
});

Deno.test("underLoadLines() concludes nothing from a phase that was cut short", async () => {
  const bulk: Script = () => Promise.resolve(streamReport({ bytes: 125_000, durationNanos: 1e9 }));
  const failure = new Error("reset");
  const measured = probe([10, 60, 5]);
  let phase = 0;
  const flows = scriptedFlows({
    upload: bulk,
    download: bulk,
    packets: async (flow, options) => {
      const totals = await measured(flow, options);
      if (++phase === 3) throw failure;
      return totals;
    },
  });
  const phases = await Array.fromAsync(underLoad(flows, options()));
  assertEquals(underLoadLines(phases, "ffi"), [
    "",
    "The phase download was not whole: nothing is concluded from it.",
    "The load adds 50.00 ms to the median round trip.",
    "Responsiveness under load: 1,000 round trips per minute in the worst phase.",
  ]);
  const json = underLoadJson(phases, {
    server: "192.0.2.1:7001",
    kind: "ffi",
    error: failure,
    started: new Date(0),
  }) as {
    complete: boolean;
    kind: string;
    error: unknown;
    phases: { complete: boolean }[];
  };
  assertEquals([json.complete, json.kind, json.error], [false, "ffi", { code: "failed", message: "reset" }]);
  assertEquals(json.phases.map(({ complete }) => complete), [true, true, false]);
  const ajv = new Ajv2020({ strict: false, validateFormats: false }).addSchema(figuresJsonSchema(), "figures");
  for (const [name, object] of [["underLoadSummary", json], ["phase", phaseJson(phases[0])]] as const) {
    const validate = ajv.getSchema(`figures#/$defs/${name}`)!;
    assert(validate(JSON.parse(JSON.stringify(object))), JSON.stringify(validate.errors));
  }
});

Deno.test("underLoad() reports where tine was the limit of the load", async () => {
  const measured = probe([1, 1, 1, 1]);
  const bulk: Script = (flow, { events }) => {
    const half = { busyTime: 1e6, rwndLimited: 500_000 };
    events.info({ type: "streamInfo", flow, server: false, tinit: 0n, values: {} });
    events.records!(flow, chunkOf("tcpInfo", [{ t: 1e9, ...half }]));
    return Promise.resolve(streamReport({ bytes: 125_000, durationNanos: 1e9 }));
  };
  const flows = scriptedFlows({ upload: bulk, download: bulk, packets: measured });
  const phases = await Array.fromAsync(underLoad(flows, options()));
  assert(
    underLoadLines(phases, "ffi").some((line) =>
      line.startsWith("- of the load, the receiver's window was full for 50%")
    ),
    underLoadLines(phases, "ffi").join("\n"),
  );
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
  assertEquals(underLoadLines(phases, "ffi"), ["", "The phase idle was not whole: nothing is concluded from it."]);
});
