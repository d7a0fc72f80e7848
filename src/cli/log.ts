import type { LoggedLine, RunResults, TestResults } from "../result/mod.ts";
import { defineCommand } from "./command.ts";
import { CommandFailure } from "./errors.ts";
import { flag, list } from "./flags.ts";
import { DEFAULT_PATH, NOT_COMPLETE, PATH } from "./results/results.ts";
import { escape, type Style, style, writeStdout } from "./terminal.ts";

/** What collects before it is written at once, in UTF-16 code units. */
const WRITE_UNITS = 64 * 1024;

/** `tine log [PATH]`: what the nodes of a run have logged, in the order of time. */
export const command = defineCommand({
  name: "log",
  summary: "Print the logs of a run, merged by time",
  usage: ["[PATH] [--test NAME=REGEXP]... [--node ID]... [--tag TAG]... [--relative] [--json]"],
  description:
    "Of a folder with several runs, the latest is taken. Errors are among the entries. Times are of the clocks of the nodes; " +
    "entries of one node keep their order even if its clock was set back.",
  flags: {
    test: list({ value: "NAME=REGEXP", help: "only tests whose id has such a value" }),
    node: list({ value: "ID", help: "only entries of this node; the root's id is -" }),
    tag: list({ value: "TAG", help: "only entries with this tag, the name of a runner, or of a command that it ran" }),
    relative: flag({ help: "seconds since the test started, rather than the time of day" }),
    json: flag({ help: "a JSON object a line, times in nanoseconds since 1970" }),
  },
  positionals: [PATH],
  examples: [
    { command: "tine log", what: "all logs of the latest run" },
    { command: "tine log results/latest/name=hello --node left --relative", what: "one node in one test" },
    { command: "tine log --test name=fct --tag tc", what: "output of a command, by its name, in some tests" },
  ],

  async run({ flags, positionals: [path = DEFAULT_PATH] }) {
    const { readLogs } = await import("../result/mod.ts");
    const tests = await selected(path, flags.test);
    const filter = {
      ...(flags.node.length > 0 ? { nodes: flags.node } : {}),
      ...(flags.tag.length > 0 ? { tags: flags.tag } : {}),
    };
    const several = tests.length > 1;
    let found = false;
    let text = "";
    for (const test of tests) {
      const write = flags.json ? jsonWriter(test) : lineWriter(test, flags.relative);
      let heading = several && !flags.json ? await headingOf(test) : "";
      for await (const line of readLogs(test.path, filter)) {
        text += heading + write(line);
        heading = "";
        found = true;
        if (text.length < WRITE_UNITS) continue;
        await writeStdout(text);
        text = "";
      }
    }
    await writeStdout(text);
    if (!found) throw new CommandFailure("no-entries", noEntries(path, flags), 1);
    return 0;
  },
});

/** Returns the tests that are wanted. Prints on stderr which run it is if the path does not, and if it is not complete. */
async function selected(path: string, wanted: readonly string[]): Promise<TestResults[]> {
  const [{ openResults, testsOf }, { selectTests }] = await Promise.all([
    import("../result/mod.ts"),
    import("./run/test_selection.ts"),
  ]);
  const results = await openResults(path);
  if (results.kind === "test") return selectTests([results.summary], wanted).map(() => results);
  const run = results.kind === "run" ? results : results.runs.at(-1)!;
  reportRun(run, results.kind === "results" && results.runs.length > 1);
  return await Array.fromAsync(testsOf(run, selectTests(run.summary.tests, wanted)));
}

function reportRun({ name, complete }: RunResults, several: boolean): void {
  if (several || !complete) {
    console.error(`run ${escape(name)}${complete ? "" : `, which is ${NOT_COMPLETE}`}`);
  }
}

async function headingOf({ summary }: TestResults): Promise<string> {
  const { testIdText } = await import("../result/mod.ts");
  return style(Deno.stdout).bold(`== ${escape(testIdText(summary.id))}`) + "\n";
}

function jsonWriter({ summary }: TestResults): (line: LoggedLine) => string {
  const test = JSON.stringify(summary.id);
  return ({ time, nodeId, tag, text, error }) =>
    `{"test":${test},"time":"${time}","nodeId":${JSON.stringify(nodeId)},"tag":${JSON.stringify(tag)},` +
    (error === undefined ? "" : `"error":${JSON.stringify(error)},`) + `"text":${JSON.stringify(text)}}\n`;
}

function lineWriter({ summary }: TestResults, relative: boolean): (line: LoggedLine) => string {
  const paint = style(Deno.stdout);
  const started = BigInt(Date.parse(summary.started) || 0) * 1_000_000n;
  const time = relative ? (time: bigint) => secondsText(time - started) : timeOfDay;
  // The ids line up as far as they are known.
  const width = Math.min(20, Math.max(1, ...summary.nodes.map(({ nodeId }) => nodeId.length)));
  return (line) => entryText(line, time(line.time), width, paint);
}

/** An entry; further lines of its text are indented. */
function entryText({ nodeId, tag, text, error }: LoggedLine, time: string, width: number, paint: Style): string {
  const head = `${time}  ${escape(nodeId).padEnd(width)}  ${escape(tag)}: `;
  const lines = text.replace(/\n$/, "").split("\n").map(escape);
  if (error !== undefined) return paint.red(`${head}ERROR ${lines.join("\n    ")}`) + "\n";
  return `${paint.dim(head)}${lines.join("\n    ")}\n`;
}

/** Local time, to the microsecond. */
function timeOfDay(ns: bigint): string {
  const date = new Date(Number(ns / 1_000_000n));
  if (Number.isNaN(date.getTime())) return String(ns);
  const fields = [date.getHours(), date.getMinutes(), date.getSeconds()];
  const micros = ((ns % 1_000_000_000n + 1_000_000_000n) % 1_000_000_000n) / 1000n;
  return `${fields.map((field) => String(field).padStart(2, "0")).join(":")}.${String(micros).padStart(6, "0")}`;
}

/** Seconds, to the microsecond. */
function secondsText(ns: bigint): string {
  const micros = (ns < 0n ? -ns : ns) / 1000n;
  const text = `${micros / 1_000_000n}.${String(micros % 1_000_000n).padStart(6, "0")}`;
  return (ns < 0n ? `-${text}` : text).padStart(12);
}

function noEntries(path: string, { test, node, tag }: Record<"test" | "node" | "tag", readonly string[]>): string {
  const given = [["--test", test], ["--node", node], ["--tag", tag]] as const;
  const flags = given.flatMap(([name, values]) => values.map((value) => `${name} ${value}`));
  return flags.length === 0
    ? `nothing was logged in ${path}`
    : `nothing in the logs of ${path} is chosen by ${flags.join(" ")}`;
}
