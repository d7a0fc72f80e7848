import { TineError } from "../../base/errors.ts";
import type { Difference } from "../../udf/recording/comparison.ts";
import type { ReplayReport } from "../../udf/replay.ts";
import { defineCommand } from "../command.ts";
import { formatCount } from "../../base/units.ts";
import { UsageError } from "../errors.ts";
import { duration, flag, number } from "../flags.ts";
import { onInterrupt } from "../interrupts.ts";
import { checkModuleFlags, moduleFlags, moduleOptions } from "../module_flags.ts";
import { escape, type Style, style, writeStdout } from "../terminal.ts";
import { checkTarget, maxFrame, reachUdf, targetFlags } from "../udf/target.ts";

/** Differences that people are shown; further ones are counted. */
const MAX_SHOWN_DIFFERENCES = 20;

const flags = {
  ...targetFlags,
  show: flag({ help: "print what the recording holds, and replay nothing" }),
  raw: flag({
    help: "with --show: print each field on the wire, unknown ones too; also of the records.tine of a test",
  }),
  pace: flag({ help: "send requests at the pace of the recording, not as fast as the UDF takes them" }),
  tolerance: number({
    min: 0,
    default: 0,
    help: "numbers of fields may differ by this much, absolutely or relatively",
  }),
  ignoreSnapshots: flag({ help: "do not compare snapshots, whose bytes some UDFs write in any order" }),
  json: flag({ help: "print JSON lines" }),
  timeout: duration({ default: 10_000, zero: "wait for ever", help: "give up on a UDF that is silent for this long" }),
  drainTimeout: duration({
    default: 60_000,
    zero: "wait for ever",
    help: "give up on a UDF that still runs this long after the last request",
  }),
  ...moduleFlags,
  maxFrame,
};

/** `tine replay`: does a UDF still answer as it did when it was recorded? */
export const command = defineCommand({
  name: "replay",
  summary: "Replay a recording to a UDF and compare its answers",
  usage: [
    "RECORDING [flags] -- CMD ARGS...",
    "RECORDING [flags] --handler HANDLER | --socket PATH | --connect HOST:PORT",
    "RECORDING --show [--raw] [--json]",
  ],
  description:
    "Recordings are made by --record FILE of tine host and tine agent. Points are compared in order within their group; " +
    "keepalives are not compared. Exits with 0 if all answers are as recorded, with 1 if not.",
  flags,
  positionals: [{ name: "RECORDING", help: "what --record has written", complete: "file" }],
  trailing: true,
  examples: [
    { command: "tine replay run.rec -- python3 -u my_udf.py", what: "a regression test of a UDF" },
    { command: "tine replay run.rec --tolerance 1e-9 --socket /tmp/udf.sock", what: "allow for rounding" },
    { command: "tine replay run.rec --show", what: "print the messages with their times" },
    { command: "tine replay run.rec --show --raw", what: "each field as it lies on the wire" },
  ],

  async run({ flags, positionals: [path], trailing }) {
    if (path === undefined) throw new UsageError("RECORDING is missing");
    const target = { handler: flags.handler, socket: flags.socket, connect: flags.connect, trailing };
    if (flags.show) {
      if (Object.values(target).some((value) => value !== undefined)) {
        throw new UsageError("--show prints a recording and needs no UDF: give one of them");
      }
    } else {
      if (flags.raw) throw new UsageError("--raw is a way to print a recording: give --show with it");
      checkTarget(target);
      checkModuleFlags(flags, flags.handler);
    }
    if (flags.show) {
      const { showFile } = await import("./show.ts");
      await showFile(path, flags);
      return 0;
    }
    const { openRecording } = await import("../../udf/recording/recording.ts");
    using recording = await openRecording(path);
    const { replay } = await import("../../udf/replay.ts");
    const { dim, yellow } = style(Deno.stderr);
    const stopping = new AbortController();
    using interrupts = onInterrupt(() => stopping.abort(), () => Deno.exit(130));
    const udf = await reachUdf(target, {
      retryMs: flags.timeout,
      log: (line) => console.error(dim(escape(line))),
      signal: stopping.signal,
      module: { ...moduleOptions(flags), maxFrameBytes: flags.maxFrame },
    });
    const paint = style(Deno.stdout);
    let printed = Promise.resolve();
    let found = 0;
    const print = (text: string) => {
      printed = printed.then(() => writeStdout(text));
      printed.catch(() => stopping.abort());
    };
    const report = await replay(recording, udf, (difference) => {
      if (flags.json) print(JSON.stringify(difference) + "\n");
      else if (++found <= MAX_SHOWN_DIFFERENCES) print(differenceText(difference, paint));
    }, {
      pace: flags.pace,
      tolerance: flags.tolerance,
      ignoreSnapshots: flags.ignoreSnapshots,
      timeoutMs: flags.timeout,
      drainTimeoutMs: flags.drainTimeout,
      maxFrameBytes: flags.maxFrame,
      log: (message) => console.error(yellow(`tine replay: ${escape(message)}`)),
      signal: stopping.signal,
    });
    const { failure, ...counts } = report;
    const differences = report.changed + report.missing + report.extra;
    const verdict = failure !== undefined ? "failed" : differences > 0 ? "differs" : "same";
    if (flags.json) print(JSON.stringify({ verdict, ...counts, error: failure?.message }) + "\n");
    else {
      if (found > MAX_SHOWN_DIFFERENCES) {
        print(`... and ${formatCount(found - MAX_SHOWN_DIFFERENCES, "more difference")}\n`);
      }
      print(summaryText(report, differences, paint));
    }
    await printed;
    if (interrupts.interrupted) return 130;
    if (failure !== undefined) throw failure instanceof TineError ? failure : new TineError("failed", failure.message);
    return differences > 0 ? 1 : 0;
  },
});

function differenceText({ change, what, group, index, expected, actual, details }: Difference, paint: Style): string {
  const where = `${what} ${index + 1}${group ? ` of group ${escape(group)}` : ""}`;
  const lines = [paint.bold(`${where} ${{ changed: "differs", missing: "is missing", extra: "is new" }[change]}`)];
  if (expected !== undefined) lines.push(paint.red(`  - ${expected}`));
  if (actual !== undefined) lines.push(paint.green(`  + ${actual}`));
  for (const line of details) lines.push(`    ${line}`);
  return lines.join("\n") + "\n";
}

function summaryText(report: ReplayReport, differences: number, { bold, red, green }: Style): string {
  const { same, changed, missing, extra, beyond, requests } = report;
  const sent = formatCount(requests, "request");
  const lines: string[] = [];
  if (report.failure !== undefined) {
    lines.push(`${red("failed")}: ${formatCount(same, "response")} as recorded until then, ${differences} not`);
  } else if (differences === 0) {
    lines.push(`${green("same")}: ${sent}, ${formatCount(same, "response")} as recorded`);
  } else {
    const kinds = [[changed, "differ"], [missing, "missing"], [extra, "new"]] as const;
    const text = kinds.filter(([n]) => n > 0).map(([n, what]) => `${n} ${what}`).join(", ");
    lines.push(`${red(bold("differs"))}: ${sent}, ${formatCount(same, "response")} as recorded, ${text}`);
  }
  if (report.cut) {
    lines.push(`the recording was cut; what came beyond its end was not compared: ${formatCount(beyond, "response")}`);
  }
  if (report.endedEarly) lines.push("the recorded UDF ended before its input did");
  return lines.join("\n") + "\n";
}
