import type { ExportCounts, ExportedTest, ExportFormat, ExportOptions, WrittenFile } from "../../result/export/mod.ts";
import type { ResultsFolder, RunResults, TestResults } from "../../result/mod.ts";
import { throughUdf, udfTarget } from "./through_udf.ts";
import { serverTarget, TOKEN_VARIABLE, writeUrl } from "./server_target.ts";
import { byteAmount, formatCount } from "../../base/units.ts";
import { defineCommand } from "../command.ts";
import { CommandFailure, UsageError } from "../errors.ts";
import { choice, duration, flag, list, text } from "../flags.ts";
import { onInterrupt } from "../interrupts.ts";
import { BUNDLED_HANDLERS } from "../../udf/handlers/mod.ts";
import { moduleFlags } from "../module_flags.ts";
import { targetFlags, udfDataFlags } from "../udf/target.ts";
import { ProgressLine, samplesText } from "../progress.ts";
import { DEFAULT_PATH, NOT_COMPLETE, PATH } from "../results/results.ts";
import { escape, writeStdout } from "../terminal.ts";

const FORMATS = ["csv", "jsonl", "line", "parquet"] as const satisfies readonly ExportFormat[];

/** How long a message waits that has no use where the command ends soon, in milliseconds. */
const SOON_MS = 1000;

const NO_PARQUET = "a Parquet file is whole only at its end";

/** `tine export [PATH]`: what was measured, as files for other programs. */
export const command = defineCommand({
  name: "export",
  summary: "Write what was measured as CSV, JSON, Parquet or to a server",
  usage: [
    "[PATH] --table NAME[,NAME] --format csv|jsonl|line|parquet [-o FILE|DIR|-]",
    "[PATH] --table NAME[,NAME] --format csv|jsonl|line --follow [-o FILE|DIR|-]",
    "[PATH] --table NAME[,NAME] --format line --to URL [--follow]",
    "[PATH] --table NAME --format csv|jsonl|line|parquet --to-udf HANDLER | -- CMD ARGS...",
  ],
  description:
    "Of a run, all its tests are in one table, distinguished by the keys of their ids; of a folder of runs, each test of " +
    "each run has files of its own in DIR: run=RUN/test=ID/TABLE.parquet, which DuckDB, Spark, Polars and ClickHouse " +
    "read as one table. With --follow, rows are written as a run records them, until it ends; of a folder of runs, the " +
    "run that is under way is followed, or the next one. `tine help tables` has the tables and their columns.",
  flags: {
    table: list({ value: "NAME", help: "a table, or several with commas between them" }),
    format: choice(FORMATS, { help: "csv, jsonl: an object a line, line: InfluxDB line protocol, parquet" }),
    out: text({
      short: "o",
      value: "FILE|DIR|-",
      help: "a file, a folder for a file a table, or standard output (-), which is the default",
      complete: "file",
    }),
    follow: flag({ help: "write rows as they arrive, from a run that is under way" }),
    to: text({
      value: "URL",
      help: `write lines to a server with InfluxDB's API, with the token in ${TOKEN_VARIABLE} if it is set`,
    }),
    test: list({ value: "NAME=REGEXP", help: "only tests whose id has such a value" }),
    flow: text({ value: "GLOB", help: "only flows whose id matches, such as voip.*" }),
    interval: duration({ help: "the length of the rows of intervals; default: 100ms", min: 1 }),
    columns: text({ value: "NAME[,NAME]", help: "only these columns, in this order" }),
    toUdf: text({
      value: "HANDLER",
      complete: "file",
      words: BUNDLED_HANDLERS,
      help:
        "write what a UDF returns for the rows: a bundled handler or a module; or give -- CMD, --socket or --connect",
    }),
    socket: targetFlags.socket,
    connect: targetFlags.connect,
    ...udfDataFlags,
    batchWindow: duration({ help: "a batch is a span of time of a group; default: 1s" }),
    as: text({ value: "NAME", help: "what the UDF is called: its table is udf.NAME; default: after the handler" }),
    udfTimeout: duration({
      default: 10_000,
      zero: "wait for ever",
      help: "give up on a UDF that is silent for this long",
    }),
    ...moduleFlags,
    time: choice(["timestamp", "int64"], {
      help: "how Parquet has times: int64 is for readers that do not know TIMESTAMP(NANOS)",
      default: "timestamp",
    }),
  },
  positionals: [PATH],
  trailing: true,
  examples: [
    {
      command: "tine export results/latest --table flows --format csv",
      what: "figures of all flows of the latest run",
    },
    {
      command: "tine export results/latest --table flows,packets --format parquet -o data/",
      what: "two tables, each a file of the folder",
    },
    {
      command: "tine export results --table flows --format parquet -o data/",
      what: "all runs, partitioned by run and test",
    },
    {
      command: "tine export results --table round_trips --format jsonl --follow",
      what: "round trips of the run that is under way, as they come",
    },
    {
      command:
        "tine export --table intervals --format line --follow \\\n    --to 'http://localhost:8086/write?db=tine'",
      what: "a live feed to InfluxDB",
    },
    {
      command: "tine export --table round_trips --format csv \\\n    --to-udf anomaly --set field=rtt_us --set size=50",
      what: "what a UDF returns for the rows",
    },
  ],

  async run({ flags, positionals: [path = DEFAULT_PATH], trailing }) {
    const tables = commaList(flags.table);
    if (tables.length === 0) throw new UsageError("--table is missing: name a table, such as --table flows");
    if (flags.format === undefined) throw new UsageError(`--format is missing: one of ${FORMATS.join(", ")}`);
    const format = flags.format;
    if (flags.interval !== undefined && !tables.includes("intervals")) {
      throw new UsageError(
        `--interval is the length of the rows of intervals, and no row of ${tables.join(", ")} has one`,
      );
    }
    if (flags.time === "int64" && format !== "parquet") {
      throw new UsageError(`--time int64 is how Parquet may have times, not ${format}`);
    }
    const columns = flags.columns === undefined ? undefined : commaList([flags.columns]);
    if (columns?.length === 0) {
      throw new UsageError(`--columns "${flags.columns}" names no column: expected such as --columns time,rtt_us`);
    }
    const url = flags.to === undefined ? undefined : writeUrl(flags.to);
    if (url !== undefined && format !== "line") throw new UsageError(`--to takes --format line, not ${format}`);
    if (url !== undefined && flags.out !== undefined) throw new UsageError("--to and -o exclude each other");
    const udf = udfTarget(flags, trailing);
    if (udf !== undefined && tables.length > 1) throw new UsageError(`a UDF gets the rows of one table, not ${tables}`);
    if (udf !== undefined && flags.follow) {
      throw new UsageError(
        "--follow takes no UDF: rows go through one while a test runs where its plan has it as udfs",
      );
    }
    const stop = new AbortController();
    let killUdf = () => {};
    using interrupts = onInterrupt(() => {
      stop.abort();
      if (udf === undefined) return;
      const message = "tine export: interrupted, waiting for the UDF to end; a second time kills it";
      Deno.unrefTimer(setTimeout(() => report(message), SOON_MS));
    }, () => {
      killUdf();
      Deno.exit(130);
    });
    const { signal } = stop;
    let counts: ExportCounts | undefined;
    let samples = 0;
    using progress = new ProgressLine(() => {
      if (counts !== undefined && counts.rows > 0) return summaryText(counts);
      return samples === 0 ? "" : samplesText(samples);
    });
    const report = (message: string) => {
      progress.clear();
      console.error(escape(message));
    };
    const common = {
      tables,
      flows: flags.flow,
      intervalMs: flags.interval,
      ...(columns === undefined ? {} : { columns }),
      onProgress: (now: ExportCounts) => counts = now,
      onSamples: (count: number) => void (samples += count),
      signal,
    };
    const out = flags.out ?? "-";
    let taken = true;
    try {
      const target = url && await serverTarget(url, report, signal);
      if (flags.follow) {
        if (format === "parquet") throw new UsageError(`--follow takes --format csv, jsonl or line: ${NO_PARQUET}`);
        const { follow } = await import("./follow.ts");
        return await follow(path, { ...common, format }, { out, target, wanted: flags.test, report })
          ? interrupts.interrupted ? 130 : 0
          : 1;
      }
      const { exportToFile, exportToFolder, exportToStream } = await import("../../result/export/mod.ts");
      const { tests, several } = await testsFor("tine export", path, flags.test);
      await using returned = udf && await throughUdf(udf, flags, {
        ...common,
        tests,
        table: tables[0],
        report,
        onProgress: (points) => counts = { rows: points, bytes: 0, lostRows: 0, lostValues: 0 },
        onStart: (kill) => killUdf = kill,
      });
      const options: ExportOptions = { ...common, tests, ...returned, format, time: flags.time };
      let files: readonly WrittenFile[] = [];
      if (target !== undefined) {
        counts = await exportToStream(options, target.write);
        taken = await target.close();
      } else if (out === "-") counts = await exportToStream(options, writeStdout);
      else if (several || tables.length > 1 && format !== "line" || await isFolder(out)) {
        files = await exportToFolder(options, folderPath(out), { partitioned: several });
      } else files = [await exportToFile(options, out)];
      progress.clear();
      for (const file of files) console.error(`${escape(file.path)}: ${summaryText(file)}`);
      const written = files.length > 0 ? files : counts === undefined ? [] : [counts];
      reportLosses(written);
      if (flags.flow !== undefined && written.every(({ rows }) => rows === 0)) {
        console.error(`tine export: there is no row of a flow that matches --flow ${escape(flags.flow)}`);
      }
    } catch (error) {
      if (signal.aborted) return 130;
      throw error;
    }
    if (interrupts.interrupted) return 130;
    return taken ? 0 : 1;
  },
});

function commaList(values: readonly string[]): string[] {
  return [
    ...new Set(values.flatMap((value) => value.split(",")).map((name) => name.trim()).filter((name) => name !== "")),
  ];
}

/**
 * The tests that are wanted, and whether they are of several runs.
 *
 * @param command its name, for messages
 */
export async function testsFor(
  command: string,
  path: string,
  wanted: readonly string[],
): Promise<{ tests: ExportedTest[]; several: boolean }> {
  const [{ openResults, testsOf }, { selectTests }] = await Promise.all([
    import("../../result/mod.ts"),
    import("../run/test_selection.ts"),
  ]);
  const results: ResultsFolder | RunResults | TestResults = await openResults(path);
  if (results.kind === "test") {
    const run = (await Deno.realPath(results.path)).split("/").at(-2);
    return { tests: selectTests([results.summary], wanted).map(() => ({ test: results, run })), several: false };
  }
  const runs = results.kind === "run" ? [results] : results.runs;
  if (results.kind === "results") {
    for (const { message } of results.damaged) console.error(`${command}: passed over: ${escape(message)}`);
  }
  for (const { name, complete } of runs) if (!complete) console.error(`run ${escape(name)} is ${NOT_COMPLETE}`);
  const entries = runs.flatMap((run) => run.summary.tests.map((entry) => ({ id: entry.id, entry, run })));
  const tests: ExportedTest[] = [];
  for (const { entry, run } of selectTests(entries, wanted)) {
    for await (const test of testsOf(run, [entry])) tests.push({ test, run: run.name });
  }
  if (tests.length === 0) throw new CommandFailure("no-results", `${path} has no test yet`, 1);
  return { tests, several: runs.length > 1 };
}

/** The path of a folder without slashes at its end. */
export function folderPath(out: string): string {
  return out.replace(/(?<=.)\/+$/, "");
}

/** Whether a path is that of a folder, or is to be one. */
export async function isFolder(path: string): Promise<boolean> {
  if (path.endsWith("/")) return true;
  try {
    return (await Deno.stat(path)).isDirectory;
  } catch {
    return false; // what is not there is a file to be written; what cannot be read fails when it is
  }
}

/** What was written, for people. */
export function summaryText({ rows, bytes }: ExportCounts): string {
  return `${formatCount(rows, "row")}, ${byteAmount(bytes)}`;
}

/** Says what the format could not hold. */
export function reportLosses(written: readonly ExportCounts[]): void {
  const sum = (name: "lostRows" | "lostValues") => written.reduce((total, counts) => total + counts[name], 0);
  const [rows, values] = [sum("lostRows"), sum("lostValues")];
  if (rows > 0) console.error(`left out: ${formatCount(rows, "row")} without any field that line protocol can hold`);
  if (values > 0) {
    console.error(`left out: ${formatCount(values, "value")} that line protocol cannot hold, such as NaN`);
  }
}
