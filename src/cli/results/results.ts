import { TineError } from "../../base/errors.ts";
import type { Measured, RunResults, TestEntry, TestResults, TestStatus } from "../../result/mod.ts";
import { PLOT_IDS } from "../../report/plot.ts";
import { testIdText } from "../../result/names.ts";
import { byteAmount, elapsed, formatCount } from "../../base/units.ts";
import { defineCommand, type Positional } from "../command.ts";
import { CommandFailure, UsageError } from "../errors.ts";
import { choice, type Flag, flag } from "../flags.ts";
import type { PlotChoice } from "./plots.ts";
import { ProgressLine, samplesText } from "../progress.ts";
import type { GateVerdict } from "../../result/gates/mod.ts";
import { gateLines } from "../gate/render.ts";
import { isOf, udfText } from "../run/outcome_text.ts";
import { escape, style, writeStdout } from "../terminal.ts";
import type { SysInfoData } from "../../node/mod.ts";

/** Where results are looked for when no path is given. */
export const DEFAULT_PATH = "results";

/** The argument of commands that look at results. */
export const PATH: Positional = {
  name: "PATH",
  help: `a folder of runs, a run, or a test; default: ${DEFAULT_PATH}`,
  optional: true,
  complete: "directory",
};

/** The state of a run whose end is not recorded. */
export const NOT_COMPLETE = "not complete: it is still running, or was killed";

/** Longer lists are cut for people; `--json` has all of it. */
const MAX_LINES = 1000;
/** A status is padded to this. */
const STATUS_WIDTH = 10;

const NAMED_PLOT = choice([...PLOT_IDS, "usual", "all"], {
  value: "NAME",
  help: "draw plots of each test, without a name those that are usual: goodput, rtt and rtt-cdf",
  bare: "usual",
  complete: "directory",
});

/** `--plot`, which also takes `udf.` and the name of a UDF. */
const PLOT: Flag<PlotChoice | undefined> = {
  ...NAMED_PLOT,
  takes: isOfUdf,
  read(given, name) {
    const word = given.at(-1);
    return word !== undefined && isOfUdf(word) ? word : NAMED_PLOT.read(given, name);
  },
};

function isOfUdf(word: string): word is `udf.${string}` {
  return word.startsWith("udf.");
}

/** `tine results [PATH]`: what runs have left. */
export const command = defineCommand({
  name: "results",
  summary: "List runs, tests and what was measured",
  usage: ["[PATH] [--json]", "PATH --plot [NAME]", "PATH --system [--json]"],
  description:
    "A folder with several runs: its runs, the oldest first. A run, or a folder with one: its tests, with a line a flow. " +
    "A test: its errors, nodes and files, and the figures of its flows, or what sysInfo found. Results of a run that is under way, or was " +
    "killed, are shown as far as they go.",
  flags: {
    system: flag({ help: "of a test: what sysInfo found on its nodes" }),
    plot: PLOT,
    json: flag({ help: "a JSON object a line: of type run, test, flow, or system" }),
  },
  positionals: [PATH],
  examples: [
    { command: "tine results", what: "the runs in the folder results" },
    { command: "tine results results/latest", what: "the tests of the latest run, and a line a flow" },
    { command: "tine results results/latest/name=hello", what: "one test, with nodes, files and figures" },
    { command: "tine results results/latest --plot", what: "goodput and RTT of its tests, drawn in the terminal" },
    { command: "tine results results/latest/name=hello --system", what: "kernel, CPU, interfaces, ... of its nodes" },
  ],

  async run({ flags, positionals: [path = DEFAULT_PATH] }) {
    const { openResults } = await import("../../result/mod.ts");
    const results = await openResults(path);
    if (results.kind === "results") {
      for (const { message } of results.damaged) console.error(`tine results: passed over: ${escape(message)}`);
    }
    if (flags.plot !== undefined) {
      if (flags.json || flags.system) throw new UsageError("--plot goes with neither --json nor --system");
      const { printPlots } = await import("./plots.ts");
      return await printPlots(results, path, flags.plot);
    }
    if (flags.system) return await printSystems(results, flags.json);
    if (results.kind === "test") await printTest(results, flags.json);
    else if (results.kind === "run") await printRun(results, flags.json);
    else if (results.runs.length === 1) await printRun(results.runs[0], flags.json);
    else await print(results.runs.map((run) => flags.json ? runJson(run) : runLine(run)));
    return 0;
  },
});

async function printRun(run: RunResults, json: boolean): Promise<void> {
  if (!json) return await printTests(run);
  const [{ testsOf }, { readVerdicts }, { flowJson }] = await Promise.all([
    import("../../result/mod.ts"),
    import("../../result/gates/mod.ts"),
    import("./flow_tables.ts"),
  ]);
  await print([runJson(run)]);
  for await (const test of testsOf(run)) {
    await print([testJson(test, await readVerdicts(test.path))]);
    const flows = await flowsOf(test.path, test.summary.id);
    await print(jsonLines(flows.flatMap((flow) => flowJson(flow, test.summary.id))));
  }
}

/** The tests of a run for people, as their figures become known: the first look makes them. */
async function printTests(run: RunResults): Promise<void> {
  const [errors, { flowLines }] = await Promise.all([errorsOf(run), import("./flow_lines.ts")]);
  const { readVerdicts } = await import("../../result/gates/mod.ts");
  await print(runHead(run));
  const { tests } = run.summary;
  const shown = tests.slice(0, MAX_LINES);
  const ids = shown.map(({ id }) => escape(testIdText(id)));
  const width = Math.min(60, Math.max(0, ...ids.map((id) => id.length)));
  for (const [i, test] of shown.entries()) {
    const flows = flowLines(await flowsOf(`${run.path}/${test.folder}`, test.id));
    await print([
      ...entryLines(test, ids[i].padEnd(width), run.complete, errors.get(test.folder)),
      ...gateLines(await readVerdicts(`${run.path}/${test.folder}`), style(Deno.stdout)).map((line) => `    ${line}`),
      ...flows.map((line) => `    ${line}`),
    ]);
  }
  if (tests.length > MAX_LINES) await print([`... and ${tests.length - MAX_LINES} more`]);
}

/** The flows of a test, with a line on a terminal meanwhile: the first look goes through all samples. */
async function figuresOf(
  folder: string,
  id: Readonly<Record<string, string>>,
): Promise<Measured[]> {
  const { readFlows } = await import("../../result/mod.ts");
  let samples = 0;
  using _ = new ProgressLine(() => samples === 0 ? "" : `${escape(testIdText(id))}: ${samplesText(samples)}`);
  return await Array.fromAsync(readFlows(folder, undefined, (count) => samples += count));
}

/** The flows of one of the tests of a run; one that is damaged is no obstacle to the others. */
async function flowsOf(
  folder: string,
  id: Readonly<Record<string, string>>,
): Promise<Measured[]> {
  try {
    return await figuresOf(folder, id);
  } catch (error) {
    if (!(error instanceof TineError)) throw error;
    if (error.code !== "no-results") console.error(`tine results: passed over: ${escape(error.message)}`);
    return [];
  }
}

function jsonLines(objects: readonly object[]): string[] {
  return objects.map((object) => JSON.stringify(object));
}

async function printTest(test: TestResults, json: boolean): Promise<void> {
  const { readVerdicts } = await import("../../result/gates/mod.ts");
  const gates = await readVerdicts(test.path);
  await print(json ? [testJson(test, gates)] : testLines(test, gates));
  const { records, id } = test.summary;
  if (Object.keys(records.samples).length === 0) return;
  const { flowJson, flowTables } = await import("./flow_tables.ts");
  const flows = await figuresOf(test.path, id);
  await print(json ? jsonLines(flows.flatMap((flow) => flowJson(flow, id))) : flowTables(flows));
}

/** What sysInfo has found, read from the records of a test. */
async function printSystems({ kind, path }: { kind: string; path: string }, json: boolean): Promise<number> {
  if (kind !== "test") throw new UsageError(`--system needs the folder of a test, such as those in ${escape(path)}`);
  const [{ readRecords }, { decodeItem, Kind }] = await Promise.all([
    import("../../result/mod.ts"),
    import("../../node/mod.ts"),
  ]);
  let found = false;
  for await (const message of readRecords(path)) {
    const item = message.kind === Kind.sysInfo ? decodeItem(message) : undefined;
    if (item?.type !== "sysInfo") continue;
    found = true;
    const { nodeId, sections } = item;
    await print(json ? [JSON.stringify({ type: "system", nodeId, sections })] : systemLines(item));
  }
  if (!found) throw new CommandFailure("no-entries", `the test in ${path} has no sysInfo`, 1);
  return 0;
}

/** The first error of each test that has some, by folder. */
async function errorsOf(run: RunResults): Promise<Map<string, string>> {
  const { testsOf } = await import("../../result/mod.ts");
  const errors = new Map<string, string>();
  const failed = run.summary.tests.filter(({ errors }) => errors > 0).slice(0, MAX_LINES);
  for await (const { path, summary } of testsOf(run, failed)) {
    const [error] = summary.errors;
    if (error !== undefined) {
      errors.set(path.slice(path.lastIndexOf("/") + 1), `${error.nodeId} ${error.tag}: ${error.message}`);
    }
  }
  return errors;
}

function runJson({ path, name, complete, summary }: RunResults): string {
  return JSON.stringify({ type: "run", path, name, complete, ...summary });
}

function testJson({ path, summary }: TestResults, gates: readonly GateVerdict[]): string {
  return JSON.stringify({ type: "test", path, ...summary, ...gates.length > 0 && { gates } });
}

/** A run among others. */
function runLine({ name, complete, summary }: RunResults): string {
  const { yellow } = style(Deno.stdout);
  const { plan, tests } = summary;
  const time = complete ? elapsed(summary.durationMs ?? 0) : yellow("not complete");
  return `${escape(name)}  ${escape(plan)}  ${formatCount(tests.length, "test")}${statusText(tests)}  ${time}`;
}

function runHead({ path, complete, summary: { plan, tests, durationMs = 0 } }: RunResults): string[] {
  const { bold, yellow } = style(Deno.stdout);
  const time = complete ? `, ${elapsed(durationMs)}` : "";
  const head = bold(`${escape(path)}: ${escape(plan)}, ${formatCount(tests.length, "test")}${time}`);
  return complete ? [head] : [head, yellow(NOT_COMPLETE)];
}

/** A test of a run, and its first error. */
function entryLines(test: TestEntry, id: string, complete: boolean, error: string | undefined): string[] {
  const { red } = style(Deno.stdout);
  const { status, durationMs, bytes, keptFrom, errors } = test;
  const kept = keptFrom === undefined ? "" : `  kept from ${escape(keptFrom)}`;
  const took = (durationMs === undefined ? "" : elapsed(durationMs)).padStart(6);
  const line = `${paintStatus(statusOf(status, complete))} ${id} ${took} ${byteAmount(bytes).padStart(8)}${kept}`;
  if (error === undefined) return [line];
  const more = errors > 1 ? ` (and ${formatCount(errors - 1, "more error")})` : "";
  return [line, `${" ".repeat(STATUS_WIDTH)} ${red(escape(error))}${more}`];
}

function testLines({ path, summary }: TestResults, gates: readonly GateVerdict[]): string[] {
  const paints = style(Deno.stdout);
  const { bold, red } = paints;
  const { status, durationMs, nodes, records, logs, files, errors, moreErrors, missing, stopped, udfs = [] } = summary;
  const time = durationMs === undefined ? "" : `, ${elapsed(durationMs)}`;
  const lines = [bold(`${escape(path)}: ${escape(testIdText(summary.id))}, ${statusOf(status, false)}${time}`)];
  // The line of a UDF has its own.
  const others = errors.filter((error) => !udfs.some((udf) => isOf(udf, error)));
  for (const { nodeId, tag, message } of others) lines.push(`error    ${red(escape(`${nodeId} ${tag}: ${message}`))}`);
  if (moreErrors > 0) lines.push(`         ... and ${formatCount(moreErrors, "more error")}`);
  for (const { nodeId, what } of missing) lines.push(`missing  ${escape(`${nodeId}: ${what}`)}`);
  for (const { nodeId, platform, hostname } of nodes) {
    lines.push(`node     ${escape(`${nodeId}: ${platform} on ${hostname}`)}`);
  }
  const samples = Object.entries(records.samples).map(([kind, n]) => `, ${n} ${escape(kind)}`).join("");
  lines.push(`records  ${byteAmount(records.bytes)}${samples}`);
  if (logs.entries > 0) {
    lines.push(`logs     ${byteAmount(logs.bytes)}, ${formatCount(logs.entries, "entry", "entries")}`);
  }
  for (const { name, nodeId, bytes } of files.slice(0, MAX_LINES)) {
    // Of a test that has not ended, who wrote a file is not known.
    lines.push(`file     ${escape(name)}: ${byteAmount(bytes)}${nodeId === "" ? "" : ` from ${escape(nodeId)}`}`);
  }
  if (files.length > MAX_LINES) lines.push(`         ... and ${formatCount(files.length - MAX_LINES, "more file")}`);
  if (stopped !== undefined) lines.push(`ended    ${escape(stopped)}`);
  for (const udf of udfs) lines.push(`udf      ${escape(`${udf.name}: ${udfText(udf)}`)}`);
  for (const line of gateLines(gates, paints)) lines.push(`gate     ${line}`);
  return lines;
}

/** How the tests have ended: `: 2 ok, 1 failed`. */
function statusText(tests: readonly TestEntry[]): string {
  if (tests.length === 0) return "";
  const counts = new Map<string, number>();
  for (const { status } of tests) counts.set(status, (counts.get(status) ?? 0) + 1);
  return `: ${Array.from(counts, ([status, n]) => `${n} ${statusOf(status as TestStatus, false)}`).join(", ")}`;
}

/** What runs in a run that is complete can only have been cut. */
function statusOf(status: TestStatus, complete: boolean): string {
  return escape(status === "running" ? complete ? "cut" : "not ended" : status);
}

function paintStatus(status: string): string {
  const { green, red, yellow } = style(Deno.stdout);
  const text = status.padEnd(STATUS_WIDTH);
  return status === "ok" ? green(text) : status === "failed" || status === "timeout" ? red(text) : yellow(text);
}

async function print(lines: readonly string[]): Promise<void> {
  await writeStdout(lines.map((line) => line + "\n").join(""));
}

/** Returns what a sysInfo has found on a node, for people: a heading, sections, and in them values by name, or text. */
export function systemLines({ nodeId, sections }: SysInfoData): string[] {
  const { bold } = style(Deno.stdout);
  const lines = [bold(`== ${escape(nodeId)}`)];
  for (const [title, content] of Object.entries(sections)) {
    if (typeof content === "string") {
      lines.push(escape(title), ...indented(content));
      continue;
    }
    lines.push(escape(title));
    for (const [name, value] of Object.entries(content)) {
      const [first, ...rest] = textLines(value);
      if (rest.length === 0) lines.push(`  ${escape(name)}: ${first}`);
      else lines.push(`  ${escape(name)}:`, ...indented(value).map((line) => `  ${line}`));
    }
  }
  return lines;
}

function indented(text: string): string[] {
  return textLines(text).map((line) => `  ${line}`);
}

function textLines(text: string): string[] {
  // A tab would be escaped, too.
  return text.replace(/\n$/, "").replaceAll("\t", "  ").split("\n").map(escape);
}
