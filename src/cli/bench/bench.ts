import { BUNDLED_HANDLERS } from "../../udf/handlers/mod.ts";
import { defineCommand } from "../command.ts";
import { UsageError } from "../errors.ts";
import { duration, flag, type Flags, type FlagValues, integer, list, number, text } from "../flags.ts";
import { inputFlags } from "../udf/input_flags.ts";
import { checkModuleFlags, isModule, moduleFlags } from "../module_flags.ts";
import { checkTarget, type Target, targetFlags } from "../udf/target.ts";

/** Flags that mean nothing without `--input`. */
function withInput<F extends Flags>(flags: F): F {
  const changed = Object.entries(flags).map(([key, flag]) => [key, { ...flag, goesWith: ["input"] }]);
  return { ...flags, ...Object.fromEntries(changed) };
}

const flags = {
  ...targetFlags,
  handler: {
    ...targetFlags.handler,
    help: `run a handler in a process of its own: ${BUNDLED_HANDLERS.join(", ")}, or the path of a module`,
  },
  set: list({ value: "NAME=VALUE", short: "s", help: "set an option of the UDF, as for tine host" }),
  versus: text({
    value: "UDF",
    help: "a second UDF, measured in turn with the first: a handler, a module, unix:PATH, tcp:HOST:PORT or a command",
  }),
  versusSet: list({
    value: "NAME=VALUE",
    goesWith: ["versus"],
    help: "set an option of the second UDF; without any, it gets those of --set",
  }),
  duration: duration({ min: 600, default: 10_000, help: "how long each UDF is measured, about" }),
  repeats: integer({ min: 1, max: 1000, default: 6, help: "in how many repeats, each with a fresh UDF" }),
  groups: text({ value: "N,N", default: "1,100,10000", help: "look at memory after these numbers of groups" }),
  groupPoints: integer({ min: 1, default: 1, help: "points, or batches, of each of these groups" }),
  ...withInput(inputFlags),
  input: list({ value: "FILE", short: "i", complete: "file", help: "points of your own instead of generated ones" }),
  groupBy: text({
    value: "TAG,TAG",
    goesWith: ["input"],
    help: "group points of --input as Kapacitor's groupBy does; *: by all tags",
  }),
  batchSize: integer({ min: 1, default: 100, help: "a batch is this many points of a group" }),
  alpha: number({ default: 0.05, min: 0.0001, max: 0.5, help: "how likely all verdicts together have a false one" }),
  timeout: duration({ default: 10_000, help: "give up on a UDF that is silent or makes no progress for this long" }),
  ...moduleFlags,
  verbose: flag({ short: "v", help: "show what the UDF writes to stderr" }),
  json: flag({ help: "a JSON object a line: of type repeat, udf, row, warning, and summary" }),
};

/** The values of the flags of `tine bench`. */
export type BenchFlags = FlagValues<typeof flags>;

/** `tine bench`: how fast is a UDF, and what does it take? */
export const command = defineCommand({
  name: "bench",
  summary: "Measure how fast a UDF is, and what it takes",
  usage: [
    "[flags] -- CMD ARGS...",
    "[flags] --handler HANDLER | --socket PATH | --connect HOST:PORT",
    "[flags] --handler HANDLER --versus UDF",
  ],
  description:
    "Points/s, round trips, memory by number of groups, size and time of snapshots, in repeats with a fresh process or " +
    "connection each. With --versus, two UDFs in turn, and a verdict for each figure. `tine help bench` has the details.",
  flags,
  trailing: true,
  examples: [
    { command: "tine bench --set field=usage --set size=10 --handler moving-avg", what: "a bundled handler" },
    { command: "tine bench -i cpu.txt --group-by host -- python3 -u my_udf.py", what: "any UDF, with your own points" },
    {
      command: 'tine bench --set field=usage --set size=10 --handler moving-avg \\\n    --versus "python3 -u avg.py"',
      what: "two UDFs side by side: is the second one better?",
    },
    { command: "tine bench --json --duration 30s --socket /tmp/udf.sock", what: "for a program, in more time" },
  ],

  async run({ flags, trailing }) {
    const target: Target = { ...flags, trailing };
    checkTarget(target);
    if (flags.handler !== undefined) isModule(flags.handler, "--handler HANDLER"); // throws where it is neither
    checkModuleFlags(flags, flags.handler);
    if (flags.input.includes("-")) {
      throw new UsageError("--input FILE: each repeat reads the points anew, which - (stdin) does not allow");
    }
    const { runBench } = await import("./run_bench.ts");
    return await runBench(flags, target);
  },
});
