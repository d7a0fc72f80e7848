import { defineCommand } from "../command.ts";
import { UsageError } from "../errors.ts";
import { choice, duration, flag, flagName, type FlagValues, list, section, text } from "../flags.ts";
import { inputFlagNames, inputFlags } from "../udf/input_flags.ts";
import { checkModuleFlags, isModule, moduleFlags } from "../module_flags.ts";
import { supervisionFlags } from "../udf/supervision_flags.ts";
import { checkTarget, maxFrame, targetFlags, udfDataFlags } from "../udf/target.ts";

const flags = {
  ...targetFlags,
  set: udfDataFlags.set,
  ...inputFlags,
  ...section("Rows of results, in place of --input", {
    fromResults: text({
      value: "PATH",
      complete: "directory",
      help: "take the rows of a table of these results, such as results/latest",
    }),
    table: text({ value: "NAME", goesWith: ["fromResults"], help: "the table, such as round_trips" }),
    flow: text({ value: "GLOB", goesWith: ["fromResults"], help: "only flows whose id matches, such as voip.*" }),
    test: list({ value: "NAME=REGEXP", goesWith: ["fromResults"], help: "only tests whose id has such a value" }),
    interval: duration({
      min: 1,
      goesWith: ["fromResults"],
      help: "the length of the rows of intervals; default: 100ms",
    }),
  }),
  groupBy: udfDataFlags.groupBy,
  batchSize: udfDataFlags.batchSize,
  batchWindow: duration({ help: "a batch is a span of time of a group; neither: a blank line ends batches, rows: 1s" }),
  format: choice(["line", "json", "table", "csv", "parquet"], {
    help: "how points are printed (default: table on a terminal, else line); csv, parquet: at the end",
  }),
  json: flag({ help: "points and summary as JSON lines" }),
  strict: flag({ help: "a bad line, or a point that the format cannot hold, is an error" }),
  snapshot: text({ value: "FILE", complete: "file", help: "at the end, save the UDF's state" }),
  restore: text({ value: "FILE", complete: "file", help: "at the start, give the UDF a saved state" }),
  taskId: text({ value: "ID", default: "tine", help: "task id that the UDF gets in init" }),
  nodeId: text({ value: "ID", default: "udf", help: "node id that the UDF gets in init" }),
  timeout: duration({ default: 10_000, zero: "wait for ever", help: "give up on a UDF that is silent for this long" }),
  drainTimeout: duration({
    default: 60_000,
    zero: "wait for ever",
    help: "give up on a UDF that still runs this long after the end of its input",
  }),
  ...supervisionFlags,
  ...moduleFlags,
  watch: flag({ help: "with --handler MODULE: replace it by its new version whenever it changes" }),
  maxFrame,
  record: text({ value: "FILE", complete: "file", help: "record both directions, for tine replay" }),
};

function isGiven(value: HostFlags[typeof inputFlagNames[number]]): boolean {
  return Array.isArray(value) ? value.length > 0 : value !== undefined && value !== false;
}

/** The values of the flags of `tine host`. */
export type HostFlags = FlagValues<typeof flags>;

/** `tine host`: drives a UDF with points. */
export const command = defineCommand({
  name: "host",
  summary: "Drive a UDF with points and print what it returns",
  usage: ["[flags] -- CMD ARGS...", "[flags] --handler HANDLER | --socket PATH | --connect HOST:PORT"],
  description:
    "Points come in as line protocol, JSON lines or CSV, from files of InfluxDB, Telegraf and Kapacitor, or are rows of " +
    "what tine run measured, and go out on stdout; a summary goes to stderr.",
  flags,
  trailing: true,
  examples: [
    {
      command: "tine host --handler moving-avg --set field=value --set size=10 -i points.txt",
      what: "try a bundled handler",
    },
    {
      command: "tine host -i cpu.csv --tag-columns host --set field=idle -- python3 -u udf.py",
      what: "drive a UDF in another language",
    },
    {
      command: "tine host --socket udf.sock --batch-window 10s --set field=value < points.txt",
      what: "drive a UDF that listens, with batches of 10 s",
    },
    {
      command: "tine host --from-results results/latest --table round_trips --group-by flow \\\n" +
        "    --handler ewma --set field=rtt_us --set alpha=0.125",
      what: "smooth what was measured",
    },
  ],

  async run({ flags, trailing }) {
    const target = { handler: flags.handler, socket: flags.socket, connect: flags.connect, trailing };
    checkTarget(target);
    checkModuleFlags(flags, flags.handler);
    if (flags.batchSize !== undefined && flags.batchWindow !== undefined) {
      throw new UsageError("--batch-size and --batch-window exclude each other: give one of them");
    }
    if (flags.fromResults !== undefined) {
      const given = inputFlagNames.find((name) => isGiven(flags[name]));
      if (given !== undefined) throw new UsageError(`--from-results and ${flagName(given)} exclude each other`);
      if (flags.table === undefined) {
        throw new UsageError("--table is missing: name the table of the results, such as --table round_trips");
      }
      if (flags.interval !== undefined && flags.table !== "intervals") {
        throw new UsageError(`--interval is the length of the rows of intervals, and no row of ${flags.table} has one`);
      }
    }
    if (flags.json && flags.format !== undefined && flags.format !== "json") {
      throw new UsageError(`--json and --format ${flags.format} exclude each other: give one of them`);
    }
    if (flags.watch && (flags.handler === undefined || !isModule(flags.handler, "--handler HANDLER"))) {
      throw new UsageError("--watch is for modules: give --handler the path of a .ts or .js file");
    }
    const { runHost } = await import("./run_host.ts");
    return await runHost(flags, target);
  },
});
