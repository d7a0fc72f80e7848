import { defineCommand } from "./command.ts";
import { formatCount } from "../base/units.ts";
import { flag } from "./flags.ts";
import { permissionFlags } from "./module_flags.ts";
import { escape, style, writeStdout } from "./terminal.ts";
import type { VetUdfsOptions } from "../bridge/vet_udfs.ts";
import type { Finding, Plan, Problem } from "../node/mod.ts";

/** The plan that a command takes. */
export const PLAN = {
  name: "PLAN",
  help: "a file in JSON, JSONC or YAML, or a .ts or .js that writes the plan; -: stdin",
  complete: "file",
} as const;

/** The most findings that are shown; the rest is counted. */
const MAX_SHOWN = 100;

/** `tine vet PLAN`: checks a plan without running it. */
export const command = defineCommand({
  name: "vet",
  summary: "Check a plan without running it",
  usage: ["PLAN [--json]", "PLAN.ts [FLAGS] [-- ARGS...]"],
  description:
    "An error: the plan cannot run as it stands. A warning: it may, but deserves a look. Found are unknown keys, bad " +
    "values and, beyond what a schema can check, clashing nodes and namespaces, feedback that is never set, runs " +
    "that can never run, missing executables and what needs root, for this machine and this user. UDFs are asked for " +
    "the options that they take, unless they are behind a socket. tine run checks for errors as well. Exit code 1 if " +
    "there are errors.",
  flags: {
    rootless: flag({ help: "check for a run without root, also as root" }),
    ...permissionFlags,
    json: flag({ help: "a JSON object a line: one for each finding, then the summary" }),
  },
  trailing: true,
  positionals: [PLAN],
  examples: [
    { command: "tine vet my_plan.yaml", what: "a plan in a file" },
    { command: "tine vet my_plan.ts", what: "a plan that a module writes" },
    { command: "deno run my_plan.ts | tine vet -", what: "a plan that another program writes" },
  ],

  async run({ flags, positionals: [path], trailing }) {
    const [{ PlanError, thisMachine, vetPlan }, { readGivenPlan }] = await Promise.all([
      import("../node/mod.ts"),
      import("./read_plan.ts"),
    ]);
    const name = path === "-" ? "stdin" : path;
    let findings: Found[];
    let more = 0;
    let size;
    try {
      const plan = await readGivenPlan(path, flags, trailing);
      const { findings: found, ...counts } = vetPlan(plan, { machine: thisMachine({ rootless: flags.rootless }) });
      const { vetGates } = await import("../result/gates/mod.ts");
      const all = [...vetGates(plan), ...found, ...await findingsOfUdfs(plan, { commands: true })];
      findings = all.sort((a, b) => a.severity === b.severity ? 0 : a.severity === "error" ? -1 : 1);
      size = counts;
    } catch (error) {
      if (!(error instanceof PlanError)) throw error;
      findings = error.problems.map((problem): Found => ({ severity: "error", code: "bad-plan", ...problem }));
      more = error.more;
    }
    const errors = findings.filter(({ severity }) => severity === "error").length + more;
    const warnings = findings.length + more - errors;
    const summary = { type: "summary", plan: name, ...size, errors, warnings };
    const lines = flags.json
      ? [...findings.map((finding) => JSON.stringify({ type: "finding", ...finding })), JSON.stringify(summary)]
      : report(name, findings, more, summaryText(name, summary));
    await writeStdout(lines.join("\n") + "\n");
    return errors > 0 ? 1 : 0;
  },
});

/** What is wrong with the UDFs of a plan; it takes long to load what asks them. */
export async function findingsOfUdfs(plan: Plan, options?: VetUdfsOptions): Promise<Finding[]> {
  if (plan.tests.every(({ udfs = [] }) => udfs.length === 0)) return [];
  const { vetUdfs } = await import("../bridge/vet_udfs.ts");
  return await vetUdfs(plan, options);
}

/** A finding, or a problem of a plan that could not even be validated. */
type Found = Problem & { severity: "error" | "warning"; code: string };

function report(name: string, findings: readonly Found[], more: number, summary: string): string[] {
  const { red, yellow, bold } = style(Deno.stdout);
  const lines = findings.slice(0, MAX_SHOWN).map(({ severity, place, line, column, message }) => {
    const head = severity === "error" ? red("ERROR") : yellow("WARN ");
    const where = line === undefined ? place || name : `${name}:${line}:${column}`;
    return `${head}  ${bold(escape(where))}\n       ${escape(message)}`;
  });
  const hidden = findings.length - lines.length + more;
  if (hidden > 0) lines.push(`... and ${hidden} more`);
  return [...lines, ...(lines.length > 0 ? [""] : []), bold(escape(summary))];
}

interface Summary {
  tests?: number;
  runs?: number;
  nodes?: number;
  errors: number;
  warnings: number;
}

function summaryText(name: string, { tests, runs, nodes, errors, warnings }: Summary): string {
  const size = tests === undefined
    ? "no usable plan"
    : `${formatCount(tests, "test")}, ${formatCount(runs!, "run")}, ${formatCount(nodes!, "node")}`;
  return `${name}: ${size}; ${formatCount(errors, "error")}, ${formatCount(warnings, "warning")}`;
}
