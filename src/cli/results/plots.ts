import { readTestReport } from "../../report/mod.ts";
import type { Plot, PlotId } from "../../report/plot.ts";
import { newestRun, type ResultsFolder, type RunResults, type TestResults, testsOf } from "../../result/mod.ts";
import { testIdText } from "../../result/names.ts";
import { CommandFailure } from "../errors.ts";
import { columns, escape, showsColour, showsUnicode, style, writeStdout } from "../terminal.ts";
import { plotLines } from "./plot_lines.ts";
import { FlowLetters } from "./curve_lines.ts";

/** What `--plot` takes: the name of a plot, some of them, or all. */
export type PlotChoice = PlotId | `udf.${string}` | "usual" | "all";

/** What most people look for. */
const USUAL: readonly PlotId[] = ["goodput", "rtt", "rtt-cdf"];
/** Wider plots are hard to read. */
const MAX_WIDTH = 160;
/** Where there is no terminal. */
const DEFAULT_WIDTH = 80;
/** Each column of a terminal has two dots: with more samples than a few for each, they are put together. */
const MAX_BYTES = 2_000_000;

/**
 * Prints plots of a test, or of each test of a run, on standard output.
 *
 * @param path what was asked for, for messages
 * @returns the exit code
 * @throws {TineError} where results cannot be read, or have no such plot
 */
export async function printPlots(
  results: ResultsFolder | RunResults | TestResults,
  path: string,
  choice: PlotChoice,
): Promise<number> {
  const run = results.kind === "results" ? newestRun(results.runs)! : results;
  if (results.kind === "results" && run.kind === "run" && results.runs.length > 1) {
    const count = results.runs.length;
    console.error(`tine results: of the ${count} runs in ${escape(path)}, the newest: ${escape(run.name)}`);
  }
  const only = choice === "all" ? undefined : new Set<string>(choice === "usual" ? USUAL : [choice]);
  let found = false;
  for await (const test of run.kind === "test" ? [run] : testsOf(run)) {
    const { timePlots, distributions, problems } = await readTestReport(test, { only, maxBytes: MAX_BYTES });
    for (const problem of problems) console.error(`tine results: ${escape(problem)}`);
    const plots = [...timePlots, ...distributions].filter(({ id }) => isWanted(id, choice));
    if (plots.length === 0) continue;
    found = true;
    await printTest(test, plots);
  }
  if (found) return 0;
  const what = choice === "all" || choice === "usual" ? "nothing to plot" : `nothing to plot as ${choice}`;
  throw new CommandFailure("no-entries", `${path} has ${what}`, 1);
}

/** Whether a plot is asked for; a UDF of several fields has a plot for each. */
function isWanted(id: string, choice: PlotChoice): boolean {
  if (choice === "all") return true;
  return choice === "usual" ? (USUAL as readonly string[]).includes(id) : id === choice || id.startsWith(`${choice}.`);
}

async function printTest({ summary: { id } }: TestResults, plots: readonly Plot[]): Promise<void> {
  const width = Deno.stdout.isTerminal() ? columns(Deno.stdout, MAX_WIDTH) : DEFAULT_WIDTH;
  const screen = { width, unicode: showsUnicode(), colour: showsColour(Deno.stdout) };
  const { bold } = style(Deno.stdout);
  const letters = new FlowLetters();
  const blocks = plots.map((plot) => plotLines(plot, screen, letters).join("\n"));
  await writeStdout(`${[bold(`== ${escape(testIdText(id))}`), ...blocks].join("\n\n")}\n\n`);
}
