import type { Samples } from "../../result/compare/mod.ts";
import { testIdText } from "../../result/names.ts";
import type { Gate } from "../../result/gates/mod.ts";
import { defineCommand } from "../command.ts";
import { UsageError } from "../errors.ts";
import { flag, list, text } from "../flags.ts";
import { PATH } from "../results/results.ts";
import { escape, style, writeStdout } from "../terminal.ts";

/** The exit status where a gate does not pass. */
export const GATE_FAILED = 3;

/** `tine gate [PATH]`: is it good enough? */
export const command = defineCommand({
  name: "gate",
  summary: "Check figures against limits: is it good enough?",
  usage: ["[PATH] [--gate EXPR]... [--baseline PATH|NAME] [--json | --junit FILE | --markdown]", "[PATH] --save NAME"],
  description:
    "Gates are FLOWS FIGURE OP VALUE [over each|sum|mean|worst]; those of the plan come first. The value may be 3x FLOW " +
    "or 0.95x baseline, the operator within 5% of. Of several repeats, the median counts. A gate without data fails, and " +
    "a figure that tine or its machine limited is undecided. Exit code 3 unless all pass. `tine help gates` has the details.",
  flags: {
    gate: list({ value: "EXPR", help: "a gate of all tests with such flows, such as 'voip.* rttP99 < 30ms'" }),
    baseline: text({
      value: "PATH|NAME",
      help: "what baseline means: results, or what --save has stored",
      complete: "directory",
    }),
    save: text({ value: "NAME", help: "store the figures as a baseline, in the folder baselines beside the runs" }),
    test: list({ value: "NAME=REGEXP", help: "only tests whose id has such a value" }),
    json: flag({ help: "a JSON object a line: one for each gate and test, then the summary" }),
    junit: text({ value: "FILE|-", help: "write JUnit's XML for CI, too", complete: "file" }),
    markdown: flag({ help: "a table in Markdown, as for a pull request" }),
  },
  positionals: [{ ...PATH, help: "a run, a test, or a folder of runs; default: results/latest" }],
  examples: [
    { command: "tine gate", what: "the gates of the plan, on the latest run" },
    { command: "tine gate --gate 'voip.* rttP99 < 30ms' --gate 'bulk goodput > 18Mbps'", what: "gates of your own" },
    { command: "tine gate --gate 'voip.beside rttP99 < 3x voip.alone'", what: "under load against idle" },
    { command: "tine gate --save main", what: "store the latest run as the baseline main" },
    {
      command: "tine gate --gate '* rttMedian within 5% of baseline' \\\n    --baseline main --junit gates.xml",
      what: "in CI",
    },
  ],

  async run({ flags, positionals: [path = "results/latest"] }) {
    if (flags.json && flags.markdown) throw new UsageError("--json and --markdown exclude each other");
    if (flags.junit === "-" && (flags.json || flags.markdown)) {
      throw new UsageError("--junit - and --json or --markdown exclude each other: both print to standard output");
    }
    const [
      { allPass, evaluateGates, junitXml, readAlerts, readGates },
      { isBaselineName, readSamples, readSide, runsFolderOf, saveBaseline },
      render,
    ] = await Promise.all([
      import("../../result/gates/mod.ts"),
      import("../../result/compare/mod.ts"),
      import("./render.ts"),
    ]);
    if (flags.save !== undefined && !isBaselineName(flags.save)) {
      const name = `"${escape(flags.save)}"`;
      throw new UsageError(`--save NAME: expected a name of letters, digits, _, ., + and -, such as main, not ${name}`);
    }
    const given = await gatesGiven(flags.gate);
    const wanted = flags.test.length === 0
      ? undefined
      : (await import("../run/test_selection.ts")).testSelector(flags.test);
    const samples = await readSamples(path, { wanted });
    const runs = await runsFolderOf(path);
    const { gates: all, planned } = await readGates(path, given);
    const baseline: Samples | undefined = flags.baseline === undefined
      ? undefined
      : await readSide(flags.baseline, { wanted, out: runs });
    if (flags.save !== undefined) console.error(escape(await saveBaseline(runs, flags.save, samples)));
    const keys = new Set(samples.tests.map(({ id }) => testIdText(id)));
    // The first baseline has nothing to be compared with.
    const gates = all.filter(({ gate, test }) =>
      (wanted === undefined || test === undefined || keys.has(testIdText(test))) &&
      !(flags.save !== undefined && baseline === undefined && gate.target.of === "baseline")
    );
    const alerts = await readAlerts(path, wanted);
    if (gates.length + alerts.length === 0) {
      if (flags.save !== undefined) return 0;
      throw new UsageError(`nothing to evaluate: the plan of ${escape(path)} has no gates, and there is no --gate`);
    }
    const selected = new Map([...planned].filter(([key]) => wanted?.(JSON.parse(key)) ?? true));
    const verdicts = [...evaluateGates(gates, samples, { baseline, planned: selected }), ...alerts];
    if (flags.junit !== undefined) {
      const xml = junitXml(`tine gate ${path}`, verdicts);
      await (await import("../report/write.ts")).writeFile(flags.junit, xml);
    }
    if (flags.json) await writeStdout(render.gatesJson(verdicts));
    else if (flags.markdown) await writeStdout(render.gatesMarkdown(verdicts));
    else if (flags.junit !== "-") {
      await writeStdout(render.gateLines(verdicts, style(Deno.stdout)).map((line) => line + "\n").join(""));
    }
    return allPass(verdicts) ? 0 : GATE_FAILED;
  },
});

/**
 * Reads the gates of `--gate`.
 *
 * @throws {UsageError} with the column in the gate
 */
export async function gatesGiven(texts: readonly string[]): Promise<Gate[]> {
  if (texts.length === 0) return [];
  const { GateError, parseGate } = await import("../../result/gates/mod.ts");
  return texts.map((text) => {
    try {
      return parseGate(text);
    } catch (error) {
      if (!(error instanceof GateError)) throw error;
      throw new UsageError(`--gate ${escape(error.message)}`, { cause: error });
    }
  });
}
