import { messageOf, TineError } from "../../base/errors.ts";
import type { Host } from "../../udf/host.ts";
import type { Supervisor } from "../../udf/supervise/supervisor.ts";
import { defineCommand } from "../command.ts";
import { UsageError } from "../errors.ts";
import { choice, duration, flag, integer, list, size, text } from "../flags.ts";
import { onInterrupt } from "../interrupts.ts";
import { describeTarget, openRecordings } from "../recordings.ts";
import { checkModuleFlags, isModule, moduleFlags, moduleOptions } from "../module_flags.ts";
import { supervisionFlags, supervisorOptions } from "../supervision_flags.ts";
import { escape, StdoutClosed, style } from "../terminal.ts";
import { checkTarget, reachUdf, targetFlags } from "../udf_target.ts";

/** Bad lines that are told; further ones are only counted. */
const TOLD_BAD_LINES = 20;

const flags = {
  ...targetFlags,
  set: list({
    value: "NAME=VALUE",
    short: "s",
    help: "set an option of the UDF; several values by comma; NAME alone: a flag",
  }),
  input: list({ value: "FILE", short: "i", complete: "file", help: "read points from a file; - or none: stdin" }),
  inputFormat: choice(["line", "json", "csv"], { help: "default: what the file's name says, else line" }),
  precision: choice(["ns", "us", "ms", "s", "m", "h"], { default: "ns", help: "unit of times that are integers" }),
  measurement: text({ value: "NAME", help: "name of points that have none" }),
  database: text({ value: "NAME", help: "database of points that name none" }),
  retentionPolicy: text({ value: "NAME", help: "retention policy of points that name none" }),
  tagColumns: text({ value: "NAME,NAME", help: "CSV: the columns that are tags" }),
  timeColumn: text({ value: "NAME", help: "CSV: the column of the time (default: time)" }),
  groupBy: text({ value: "TAG,TAG", help: "group points as Kapacitor's groupBy does; *: by all tags" }),
  batchSize: integer({ min: 1, help: "a batch is so many points of a group" }),
  batchWindow: duration({ help: "a batch is a span of time of a group; neither: a blank line ends batches" }),
  format: choice(["line", "json", "table"], {
    help: "how points are printed (default: table on a terminal, else line)",
  }),
  json: flag({ help: "points and summary as JSON lines" }),
  strict: flag({ help: "a bad line, or a point that the format cannot hold, is an error" }),
  snapshot: text({ value: "FILE", complete: "file", help: "at the end, save the UDF's state" }),
  restore: text({ value: "FILE", complete: "file", help: "at the start, give the UDF a saved state" }),
  taskId: text({ value: "ID", default: "tine", help: "task that the UDF is told" }),
  nodeId: text({ value: "ID", default: "udf", help: "node that the UDF is told" }),
  timeout: duration({ default: 10_000, zero: "wait for ever", help: "give up a UDF that is silent for so long" }),
  drainTimeout: duration({
    default: 60_000,
    zero: "wait for ever",
    help: "give up a UDF that goes on so long after its input",
  }),
  ...supervisionFlags,
  ...moduleFlags,
  watch: flag({ help: "with --handler MODULE: replace it by its new version whenever it changes" }),
  maxFrame: size({
    min: 1,
    max: 2 ** 31 - 1,
    help: "largest message accepted (default: 64MiB, for snapshots as memory allows)",
  }),
  record: text({ value: "FILE", complete: "file", help: "record both directions, for tine replay" }),
};

/** `tine host`: drives a UDF with points. */
export const command = defineCommand({
  name: "host",
  summary: "Drive a UDF with points and print what it returns",
  usage: ["[flags] -- CMD ARGS...", "[flags] --handler HANDLER | --socket PATH | --connect HOST:PORT"],
  description:
    "Points come in as InfluxDB line protocol, JSON lines or CSV, and go out on stdout; a summary goes to stderr.",
  flags,
  trailing: true,
  examples: [
    {
      command: "tine host --handler moving-avg --set field=value --set size=10 --input points.txt",
      what: "try a bundled handler",
    },
    {
      command: "tine host --set field=idle --group-by host -i cpu.csv --tag-columns host -- python3 -u my_udf.py",
      what: "drive a UDF in another language",
    },
    {
      command: "tine host --socket /tmp/udf.sock --batch-window 10s --set field=value < points.txt",
      what: "drive a UDF that listens, with batches of 10 s",
    },
  ],

  async run({ flags, trailing }) {
    const target = { handler: flags.handler, socket: flags.socket, connect: flags.connect, trailing };
    checkTarget(target);
    checkModuleFlags(flags, flags.handler);
    if (flags.batchSize !== undefined && flags.batchWindow !== undefined) {
      throw new UsageError("--batch-size and --batch-window exclude each other: give one of them");
    }
    if (flags.json && flags.format !== undefined && flags.format !== "json") {
      throw new UsageError(`--json and --format ${flags.format} exclude each other: give one of them`);
    }
    if (flags.watch && (flags.handler === undefined || !isModule(flags.handler, "--handler HANDLER"))) {
      throw new UsageError("--watch is for modules: give --handler the path of a .ts or .js file");
    }
    const hosts = await import("../../udf/host.ts");
    const supervisors = await import("../../udf/supervise/supervisor.ts");
    const { Feeder } = await import("../../udf/feeder.ts");
    const { readPoints } = await import("../../udf/format/point_reader.ts");
    const { createPointWriter } = await import("../../udf/format/point_writer.ts");
    const { describeOptions, parseSettings } = await import("../../udf/option_settings.ts");
    const { checkSnapshotPath, openInputs, readSnapshot, writeSnapshot } = await import("./input.ts");
    const { PointPrinter } = await import("./point_printer.ts");
    const { Progress } = await import("./summary.ts");
    const { renderSummary } = await import("./summary.ts");

    const restored = flags.restore === undefined ? undefined : await readSnapshot(flags.restore);
    if (flags.snapshot !== undefined) await checkSnapshotPath(flags.snapshot);
    const inputs = await openInputs(flags.input, flags.inputFormat);
    // Last: a recording that exists is overwritten, which a mistyped name of an input should not cost.
    const recordings = await openRecordings(
      flags.record,
      "host",
      describeTarget(target),
      (message) => warn(escape(message)),
    );
    const total = inputs.every(({ size }) => size !== undefined)
      ? inputs.reduce((sum, { size }) => sum + size!, 0)
      : undefined;
    const { dim, yellow } = style(Deno.stderr);
    let bytesBefore = 0;
    let bytesRead = () => 0;
    const format = flags.json ? "json" : flags.format ?? (Deno.stdout.isTerminal() ? "table" : "line");
    const progressWanted = total !== undefined && total > 0 && !Deno.stdout.isTerminal() && !flags.json;
    const say = (line: string) => {
      progress?.clear();
      console.error(line);
    };
    const warn = (message: string) => say(yellow(`tine host: ${message}`));

    const ending = new AbortController();
    const writer = createPointWriter(format);
    const printer = new PointPrinter(writer, { strict: flags.strict, warn });
    let waiting: ReturnType<typeof setTimeout> | undefined;
    using interrupts = onInterrupt(() => {
      ending.abort();
      waiting ??= setTimeout(() => warn("interrupted, waiting for the UDF to end; a second time kills it"), 1000);
    }, () => {
      peer?.kill();
      Deno.exit(130);
    });
    let progress: InstanceType<typeof Progress> | undefined;
    let peer: Awaited<ReturnType<typeof reachUdf>> | undefined;
    const reach = async () => {
      const reached = await reachUdf(target, {
        retryMs: flags.timeout,
        log: (line) => say(dim(escape(line))),
        signal: ending.signal,
        module: { ...moduleOptions(flags), maxFrameBytes: flags.maxFrame },
      });
      return peer = recordings?.udf(reached) ?? reached;
    };
    const hostOptions = {
      taskId: flags.taskId,
      nodeId: flags.nodeId,
      timeoutMs: flags.timeout,
      maxFrameBytes: flags.maxFrame,
      log: (message: string) => warn(escape(message)),
      onAbort(error: Error) {
        ending.abort();
        waiting ??= setTimeout(() => warn(`${escape(error.message)}; waiting for the UDF to end`), 1000);
      },
    };
    const supervisor = flags.restart || flags.watch
      ? new supervisors.Supervisor(reach, printer, { ...hostOptions, ...supervisorOptions(flags) })
      : undefined;
    let host: Host | Supervisor;
    try {
      host = supervisor ?? new hosts.Host(await reach(), printer, hostOptions);
    } catch (error) {
      clearTimeout(waiting);
      for (const { stream } of inputs) await stream.cancel();
      if (interrupts.interrupted) return 130;
      throw error;
    }
    const unwatch = flags.watch
      ? (await import("../../udf/module/watch_file.ts")).watchModule(flags.handler!, () => void supervisor!.reload())
      : undefined;
    const started = performance.now();
    let badLines = 0;
    let late = () => 0;
    let failure: unknown;

    try {
      host.start();
      const info = await host.info();
      const options = parseSettings(flags.set, info);
      try {
        await host.init(options);
      } catch (error) {
        if (!(error instanceof TineError) || error.code !== "init-failed") throw error;
        throw new TineError(error.code, `${error.message} (${describeOptions(info)})`, { cause: error });
      }
      if (restored !== undefined) await host.restore(restored);
      if (info.wants === "stream" && (flags.batchSize !== undefined || flags.batchWindow !== undefined)) {
        const name = flags.batchSize === undefined ? "--batch-window" : "--batch-size";
        warn(`${name} has no effect: the UDF wants single points, not batches`);
      }
      let current = "";
      const feeder = new Feeder(host, {
        wants: info.wants,
        groupBy: split(flags.groupBy),
        batches: {
          size: flags.batchSize,
          windowNs: flags.batchWindow === undefined ? undefined : BigInt(Math.round(flags.batchWindow * 1e6)),
        },
        onBad(bad) {
          const message = `${current} line ${bad.line}: ${bad.reason}: ${bad.text}`;
          if (flags.strict) throw new TineError("bad-line", message);
          if (++badLines <= TOLD_BAD_LINES) warn(message);
          if (badLines === TOLD_BAD_LINES) warn("further bad lines are only counted");
        },
      });
      late = () => feeder.late;
      if (progressWanted) {
        progress = new Progress(() => {
          const done = 100 * (bytesBefore + bytesRead()) / total;
          return `${done.toFixed(0)}%  ${host.counts.pointsIn} points in, ${host.counts.pointsOut} out`;
        });
      }
      for (const input of inputs) {
        if (ending.signal.aborted) break;
        current = escape(input.name);
        const reader = readPoints({
          format: input.format,
          precision: flags.precision,
          measurement: flags.measurement,
          database: flags.database,
          retentionPolicy: flags.retentionPolicy,
          tagColumns: split(flags.tagColumns),
          timeColumn: flags.timeColumn,
          again: input.again && (() => input.again!(ending.signal)),
          warn: (message) => warn(`${current} ${message}`),
        }, input.stream.pipeThrough(new TransformStream(), { signal: ending.signal }));
        bytesRead = () => reader.bytesRead;
        try {
          for await (const items of reader) await feeder.feed(items);
        } catch (error) {
          if (!ending.signal.aborted) throw error;
        }
        bytesBefore += reader.bytesRead;
        bytesRead = () => 0;
        if (reader.invalidUtf8 > 0) {
          warn(`${current}: ${reader.invalidUtf8} times bytes that are not UTF-8 became U+FFFD`);
        }
      }
      if (host.failure === undefined) {
        await feeder.end();
        if (flags.snapshot !== undefined) await writeSnapshot(flags.snapshot, await host.snapshot());
      }
      await host.stop(flags.drainTimeout);
    } catch (error) {
      failure = error;
      for (const { stream } of inputs) if (!stream.locked) await stream.cancel();
      if (!(error instanceof Error)) throw error;
      host.abort(error);
      await host.stop(flags.drainTimeout).catch(() => {});
    } finally {
      unwatch?.();
      clearTimeout(waiting);
      progress?.[Symbol.dispose]();
    }
    try {
      await printer.finish();
    } catch (error) {
      failure ??= error;
    }
    const summary = {
      ...host.counts,
      supervision: supervisor?.supervision,
      seconds: (performance.now() - started) / 1000,
      badLines,
      latePoints: late(),
      wrongGroups: printer.wrongGroups,
      losses: writer.losses,
      // That nobody wants to read more is no failure.
      error: failure === undefined || failure instanceof StdoutClosed ? undefined : messageOf(host.failure ?? failure),
    };
    if (flags.json) console.error(JSON.stringify(summary));
    else if (failure === undefined || summary.pointsIn > 0) console.error(dim(renderSummary(summary)));
    if (failure !== undefined) throw host.failure ?? failure;
    if (interrupts.interrupted) return 130;
    return badLines > 0 ? 1 : 0;
  },
});

function split(names: string | undefined): string[] {
  return names === undefined || names === "" ? [] : names.split(",").map((name) => name.trim());
}
