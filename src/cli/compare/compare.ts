import type { Comparisons, FlowFigure, Samples } from "../../result/compare/mod.ts";
import { TineError } from "../../base/errors.ts";
import { defineCommand } from "../command.ts";
import { CommandFailure, UsageError } from "../errors.ts";
import { flag, list, number, text } from "../flags.ts";
import { checkPageName, writeFile } from "../report/write.ts";
import { escape, writeStdout } from "../terminal.ts";

/** `tine compare BASE PATH...`: is it better? */
export const command = defineCommand({
  name: "compare",
  summary: "Compare figures of repeats: is it better?",
  usage: [
    "BASE PATH... [--figure NAME]... [--json | --markdown | -o FILE.html]",
    "PATH... --by KEY[=BASE] [--figure NAME]...",
  ],
  description:
    "Tests are matched by their ids, flows by their names. Repeats are tests of a run whose ids differ in repeat alone, " +
    "and tests of one id in several runs. A row has medians, the difference, their intervals, and a verdict by the exact " +
    "Mann-Whitney test, adjusted for the number of rows; ~ where there are too few repeats for it. Name figures to have fewer " +
    "rows. `tine help compare` has the details.",
  flags: {
    by: text({ value: "KEY[=BASE]", help: "compare tests of all paths by a key of their ids, such as cca" }),
    figure: list({ value: "NAME", help: "a figure, such as goodput or rttP99; default: those of tine results" }),
    flow: text({ value: "GLOB", help: "only flows whose id matches, such as voip.*" }),
    test: list({ value: "NAME=REGEXP", help: "only tests whose id has such a value" }),
    alpha: number({ default: 0.05, min: 0.0001, max: 0.5, help: "how likely all rows together have a false verdict" }),
    json: flag({ help: "a JSON object a line: of type row, warning, and summary" }),
    markdown: flag({ help: "a table in Markdown, as for a pull request" }),
    out: text({ short: "o", value: "FILE.html|-", help: "a page, with the repeats of each row", complete: "file" }),
    title: text({ value: "TEXT", help: "what the page is called", goesWith: ["out"] }),
  },
  positionals: [{
    name: "PATH",
    help: "a run, a test, a folder of runs, or a stored baseline; without --by, the first is the base",
    repeatable: true,
    complete: "directory",
  }],
  examples: [
    { command: "tine compare results/before results/after", what: "two runs, or folders of runs" },
    { command: "tine compare results/latest --by cca", what: "tests of one run that differ in cca" },
    {
      command: "tine compare results/latest --by cca=cubic --figure goodput",
      what: "one figure, and what is the base",
    },
    { command: "tine compare results/before results/after -o compare.html", what: "as a page" },
    { command: "tine compare main results/latest --markdown", what: "against the baseline main, for a pull request" },
  ],

  async run({ flags, positionals: paths }) {
    const ways = [flags.json && "--json", flags.markdown && "--markdown", flags.out !== undefined && "-o"];
    const given = ways.filter((way) => way !== false);
    if (given.length > 1) throw new UsageError(`${given.join(" and ")} exclude each other`);
    if (flags.by === undefined && paths.length < 2) {
      throw new UsageError("what to compare with is missing: name a second path, or a key of ids with --by");
    }
    if (flags.out !== undefined) checkPageName(flags.out, "--markdown, --json and a table are for standard output");
    const [result, { compareText, compareMarkdown, compareJson }] = await Promise.all([
      import("../../result/compare/mod.ts"),
      import("./render.ts"),
    ]);
    const figures = figuresNamed(flags.figure, result.figureNamed);
    const wanted = await selector(flags.test);
    const samples: Samples[] = [];
    const damaged: string[] = [];
    // Baselines are beside the runs that they are compared with.
    const out = await result.runsFolderOf(paths[paths.length - 1]);
    for (const path of paths) {
      const side = await result.readSide(path, { wanted, out, damaged: (message) => damaged.push(message) });
      if (side.tests.every(({ repeats }) => repeats.length === 0) && damaged.length > 0) {
        throw new CommandFailure("bad-results", `${path} has no test that can be read; ${damaged[0]}`, 1);
      }
      if (wanted !== undefined && side.tests.length === 0) {
        throw new CommandFailure("no-test", `${path} has no test with ${flags.test.join(" and ")}`, 1);
      }
      samples.push(side);
    }
    const [base, ...others] = flags.by === undefined ? samples : sidesBy(flags.by, samples, result);
    const flows = flags.flow === undefined ? undefined : result.flowMatcher(flags.flow);
    const compared = result.compare(base, others, { alpha: flags.alpha, figures, flows });
    const comparisons = { ...compared, warnings: [...damaged, ...compared.warnings] };
    if (flags.out !== undefined) {
      const { comparePage } = await import("../../report/mod.ts");
      await writeFile(flags.out, await comparePage(comparisons, { title: flags.title }));
    } else if (flags.json) await writeStdout(compareJson(comparisons));
    else if (flags.markdown) await writeStdout(compareMarkdown(comparisons));
    else await writeStdout(compareText(comparisons));
    if (!flags.json && !flags.markdown) warn(comparisons);
    return 0;
  },
});

function figuresNamed(
  names: readonly string[],
  figureNamed: (name: string) => FlowFigure,
): readonly FlowFigure[] | undefined {
  if (names.length === 0) return undefined;
  return [
    ...new Set(
      names.flatMap((name) => name.split(",")).map((name) => {
        try {
          return figureNamed(name.trim());
        } catch (error) {
          if (!(error instanceof TineError) || error.code !== "unknown-figure") throw error;
          throw new UsageError(`--figure: ${escape(error.message)}`, { cause: error });
        }
      }),
    ),
  ];
}

/** What `--test` selects; tests are not known before they are read. */
async function selector(given: readonly string[]) {
  if (given.length === 0) return undefined;
  const { testSelector } = await import("../run/test_selection.ts");
  return testSelector(given);
}

/** The sides of `--by KEY` or `--by KEY=BASE`, the base first. */
function sidesBy(
  by: string,
  samples: readonly Samples[],
  { joinSamples, samplesBy }: typeof import("../../result/compare/mod.ts"),
): Samples[] {
  const [, key, value] = /^([^=]+)(?:=(.*))?$/s.exec(by) ?? [];
  if (key === undefined) throw new UsageError(`--by KEY: expected a key of ids, such as cca, not "${escape(by)}"`);
  const sides = samplesBy(samples.length === 1 ? samples[0] : joinSamples(samples), key);
  if (value === undefined) return sides;
  const name = `${key}=${value}`;
  const base = sides.find((side) => side.name === name);
  if (base !== undefined) return [base, ...sides.filter((side) => side !== base)];
  throw new UsageError(`--by ${escape(by)}: there are only ${sides.map((side) => escape(side.name)).join(", ")}`);
}

function warn({ warnings }: Comparisons): void {
  for (const warning of warnings) console.error(`warning: ${escape(warning)}`);
}
