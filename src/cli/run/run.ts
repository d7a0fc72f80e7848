import type { Plan } from "../../node/mod.ts";
import type { RunPlanOptions } from "../../experiment/run_plan.ts";
import { TineError } from "../../base/errors.ts";
import type { PrecisionGoal } from "../../result/compare/mod.ts";
import type { Display } from "./display.ts";
import { defineCommand } from "../command.ts";
import { CommandFailure, UsageError } from "../errors.ts";
import { flag, integer, list, size, text } from "../flags.ts";
import { onInterrupt } from "../interrupts.ts";
import { permissionFlags } from "../module_flags.ts";
import { GATE_FAILED, gatesGiven } from "../gate/gate.ts";
import { escape, writeStdout } from "../terminal.ts";
import { findingsOfUdfs, PLAN } from "../vet.ts";

/** How long a test may take to end at once; then the program ends, and watchdogs clean up. */
const KILL_GRACE_MS = 5000;

/** `tine run PLAN`: runs a plan of tests. */
export const command = defineCommand({
  name: "run",
  summary: "Run a plan of tests and store what they measure",
  usage: [
    "PLAN [--out DIR] [--test NAME=REGEXP]... [--report FILE] [--serve] [--resume] [--rootless]",
    "PLAN.ts [FLAGS] -- ARGS...",
    "PLAN [--gate EXPR]... [--baseline PATH|NAME]",
    "PLAN --dry-run",
  ],
  description:
    "Runs the tests of a plan one after another; one that fails does not keep the next from running. Results go to a " +
    "new folder in --out, also those of a failed test; its path is printed at the end. Without root, network " +
    "namespaces are made in a user namespace. Ctrl-C ends a test in order, a second one at once. Exit code 1 if a " +
    "test failed, else 3 if a gate of the plan or of --gate, or an alert of a UDF, did not pass, or --until was not " +
    "reached.\n\n" +
    "A plan in TypeScript is what the module exports as default, or else what it prints. It runs without permissions " +
    "unless flags give it some; it needs no Deno on the machine, and finds @tine/tine/node.",
  flags: {
    out: text({ value: "DIR", default: "results", complete: "directory", help: "the folder of runs; made if missing" }),
    test: list({ value: "NAME=REGEXP", help: "only tests whose id has such a value" }),
    until: list({ value: "GOAL", help: "repeat until a figure is exact enough: 'voip rttP99 within 5%'" }),
    maxRepeat: integer({
      value: "N",
      default: 30,
      min: 1,
      max: 10_000,
      help: "with --until, the most repeats",
      goesWith: ["until"],
    }),
    repeat: integer({
      value: "N",
      min: 1,
      max: 10_000,
      help: "run each test this many times, in rounds: A B A B (default: the repeat of the plan)",
    }),
    resume: flag({ help: "keep results of unchanged tests that succeeded before, run the others" }),
    report: text({
      value: "FILE",
      complete: "file",
      help: "write a page of the run when it has ended, also of one that failed",
    }),
    serve: flag({ help: "serve pages of the run while it goes on, and print their address" }),
    dryRun: flag({ help: "print the tests as they would run, and run nothing" }),
    rootless: flag({ help: "make namespaces in a user namespace, also as root" }),
    exeDir: text({
      value: "DIR",
      complete: "directory",
      help: "builds for the platforms of nodes behind ssh (tine-linux-arm64, ...); default: this very tine",
    }),
    maxSize: size({ default: 64 * 2 ** 30, min: 2 ** 20, help: "what all results of the run together may take" }),
    ...permissionFlags,
    gate: list({ value: "EXPR", help: "a gate beside those of the plan, such as 'voip.* rttP99 < 30ms'" }),
    baseline: text({
      value: "PATH|NAME",
      complete: "directory",
      help: "what baseline means in gates: results, or what tine gate --save has stored",
    }),
    verbose: flag({ help: "show log entries of nodes and progress of flows as well" }),
    json: flag({ help: "a JSON object a line for what happens; with --dry-run, the plan" }),
  },
  trailing: true,
  positionals: [PLAN],
  examples: [
    { command: "tine run my_plan.yaml", what: "run all tests" },
    { command: "tine run my_plan.yaml --test cca=bbr --resume", what: "some of them, and only what is not done yet" },
    { command: "tine run my_plan.yaml --serve", what: "run them, and watch flows, plots and logs in a browser" },
    { command: "tine run my_plan.yaml --dry-run", what: "only show what would run" },
    { command: "tine run my_plan.ts -- 10s", what: "a plan that a module writes, with what it gets as Deno.args" },
    { command: "deno run my_plan.ts | tine run -", what: "a plan that another program writes" },
  ],

  async run({ flags, positionals: [path], trailing }) {
    // All at once: while files are read, what is there already is compiled and the plan is checked.
    const running = loadRunning();
    const [{ thisMachine, vetPlan }, { readGivenPlan }, { selectTests }] = await Promise.all([
      import("../../node/mod.ts"),
      import("../read_plan.ts"),
      import("./test_selection.ts"),
    ]);
    if (flags.out === "") throw new UsageError("--out DIR: expected a folder, not an empty text");
    if (flags.report !== undefined) await checkPagePath(flags.report, flags.out);
    const goals = await precisionGoals(flags.until, flags.repeat);
    const repeat = goals.length > 0 ? flags.maxRepeat : flags.repeat;
    const whole = await readGivenPlan(path, flags, trailing, repeat);
    const { planForTests, vetGates } = await import("../../result/gates/mod.ts");
    const gates = [...vetGates(whole)];
    const tests = selectTests(whole.tests, flags.test);
    const plan = gates.length > 0 ? { ...whole, tests } : planForTests(whole, tests);
    if (flags.dryRun) {
      const { planTree } = await import("./plan_tree.ts");
      await writeStdout(flags.json ? JSON.stringify({ ...plan, written: undefined }) + "\n" : planTree(plan));
      return 0;
    }
    const name = path === "-" ? "stdin" : path;
    const { findings } = vetPlan(plan, { machine: thisMachine({ rootless: flags.rootless }) });
    const all = [...gates, ...findings, ...await findingsOfUdfs(plan)];
    const errors = all.filter(({ severity }) => severity === "error");
    if (errors.length > 0) {
      const [{ place, message }] = errors;
      const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : "";
      throw new CommandFailure("bad-plan", `${name}: ${place}: ${message}${more}; tine vet lists all`, 1);
    }
    const gated = await gatesToRun(plan, flags);
    return await runAndShow(plan, name, { ...flags, goals, ...gated }, await running);
  },
});

/** The gates of a plan and of `--gate`, and what they compare with. */
async function gatesToRun(
  plan: Plan,
  { gate: given, baseline, out }: { gate: readonly string[]; baseline: string | undefined; out: string },
): Promise<Pick<Settings, "gates" | "baselineSamples">> {
  const { gatesOf, vetGates } = await import("../../result/gates/mod.ts");
  const more = await gatesGiven(given);
  const bare = plan.tests.map(({ gates: _, ...test }) => test);
  const [problem] = vetGates({ gates: given, tests: bare });
  if (problem !== undefined) throw new UsageError(`--gate ${escape(problem.message)}`);
  const gates = gatesOf(plan, more);
  if (baseline === undefined) return { gates };
  const { readSide } = await import("../../result/compare/mod.ts");
  return { gates, baselineSamples: await readSide(baseline, { out }) };
}

interface Settings extends Pick<RunPlanOptions, "gates"> {
  baselineSamples?: RunPlanOptions["baseline"];
  out: string;
  resume: boolean;
  rootless: boolean;
  exeDir: string | undefined;
  maxSize: number;
  report: string | undefined;
  serve: boolean;
  verbose: boolean;
  json: boolean;
  /** Repeats end when all are reached. */
  goals: readonly PrecisionGoal[];
}

/** Reads the values of `--until`. */
async function precisionGoals(given: readonly string[], repeat: number | undefined): Promise<readonly PrecisionGoal[]> {
  if (given.length === 0) return [];
  if (repeat !== undefined) {
    throw new UsageError("--repeat and --until cannot be given together; --max-repeat limits the repeats of --until");
  }
  const { parsePrecisionGoal } = await import("../../result/compare/mod.ts");
  return given.map((text) => {
    try {
      return parsePrecisionGoal(text);
    } catch (error) {
      throw error instanceof TineError ? new UsageError(`--until: ${error.message}`, { cause: error }) : error;
    }
  });
}

function loadRunning() {
  return Promise.all([
    import("../../experiment/run_plan.ts"),
    import("./display.ts"),
    import("../../node/mod.ts"),
    import("../version.ts"),
  ]);
}

async function runAndShow(
  plan: Plan,
  name: string,
  flags: Settings,
  [{ runPlan }, { createDisplay }, { Canceled, decodeItem, Kind, leastTime, runners, thisHost }, { version }]: Awaited<
    ReturnType<typeof loadRunning>
  >,
): Promise<number> {
  await using _pages = flags.serve ? await servePages(flags.out) : undefined;
  const started = performance.now();
  const stop = new AbortController();
  const kill = new AbortController();
  await using display = createDisplay({ json: flags.json, verbose: flags.verbose });
  let killing: ReturnType<typeof setTimeout> | undefined;
  using interrupts = onInterrupt(
    () => {
      display.note("interrupted: the test ends in order; once more to end it at once");
      stop.abort(new Canceled("interrupted", "it was interrupted"));
    },
    () => {
      kill.abort(new Canceled("interrupted", "it was interrupted"));
      killing ??= setTimeout(() => Deno.exit(130), KILL_GRACE_MS);
    },
  );
  // Logs may be long, and lines of them are shown on a terminal, or on demand.
  const logs = flags.verbose || (!flags.json && Deno.stderr.isTerminal());
  const shown: ReadonlySet<number> = new Set([
    Kind.nodeInfo,
    Kind.error,
    Kind.activity,
    Kind.progress,
    ...(logs ? [Kind.log] : []),
  ]);
  const observer: RunPlanOptions["observer"] = {
    planStarts: (folder, kept) => display.planStarts({ plan: name, folder, tests: plan.tests.length, kept }),
    testStarts: (test, number) =>
      display.testStarts({
        id: test.id,
        number,
        expectedMs: leastTime(test, runners),
        timeoutMs: test.timeout,
      }),
    message(message) {
      if (shown.has(message.kind)) display.item(decodeItem(message));
    },
    udfs: (progress) => display.udfs(progress),
    testEnds: (summary, number, folder, kept) =>
      display.testEnds({
        ...summary,
        number,
        folder,
        status: kept ? "kept" : summary.status === "running" ? "failed" : summary.status,
        durationMs: summary.durationMs ?? 0,
      }),
  };
  try {
    const outcome = await runPlan(plan, {
      planName: name,
      tine: version,
      out: flags.out,
      resume: flags.resume,
      rootless: flags.rootless,
      exeDir: flags.exeDir,
      maxBytes: flags.maxSize,
      owner: thisHost().user,
      signal: stop.signal,
      killSignal: kill.signal,
      observer,
      ...flags.goals.length > 0 && { isEnough: (folder) => isExactEnough(folder, flags.goals, display) },
      gates: flags.gates,
      baseline: flags.baselineSamples,
    });
    const inexact = flags.goals.length > 0 && outcome.notNeeded === 0 && !interrupts.interrupted &&
      !await isExactEnough(outcome.folder, flags.goals, display);
    await display.planEnds({ ...outcome, durationMs: performance.now() - started });
    if (flags.report !== undefined) {
      const { writeRunPage } = await import("../report/write.ts");
      await writeRunPage(outcome.folder, flags.report);
    }
    if (interrupts.interrupted) return 130;
    if (outcome.failed + outcome.canceled + outcome.notRun > 0) return 1;
    return inexact || outcome.gates.some(({ status }) => status !== "pass") ? GATE_FAILED : 0;
  } finally {
    clearTimeout(killing);
  }
}

/** Starts a server of pages beside the run, and says where it is. */
async function servePages(out: string): Promise<AsyncDisposable> {
  const { PageServer } = await import("./page_server.ts");
  const server = await PageServer.start(out, (line) => console.error(escape(line)));
  console.error(`pages: ${server.url}`);
  return server;
}

/** Whether repeats have reached all goals; shows how far they are. */
async function isExactEnough(folder: string, goals: readonly PrecisionGoal[], display: Display): Promise<boolean> {
  const { checkPrecision } = await import("../../result/compare/mod.ts");
  let reached = true;
  for (const goal of goals) {
    const precision = await checkPrecision(folder, goal);
    display.note(`--until ${goal.text}: ${precision.reached ? "reached: " : ""}${precision.text}`);
    reached &&= precision.reached;
  }
  return reached;
}

/** Refuses what would fail only when a run of hours has ended. */
async function checkPagePath(path: string, out: string): Promise<void> {
  const folder = path.includes("/") ? path.slice(0, path.lastIndexOf("/")) || "/" : ".";
  const expected = "--report FILE: expected a file in a folder that is there";
  if (path === "" || path === "-") throw new UsageError(`${expected}, not "${path}"`);
  const { checkPageName } = await import("../report/write.ts");
  checkPageName(path, "tine report makes pictures");
  const [file, inFolder] = await Promise.all([path, folder].map((path) => Deno.stat(path).catch(() => undefined)));
  if (path.endsWith("/") || file?.isDirectory) throw new UsageError(`${expected}, and ${escape(path)} is a folder`);
  // The folder of runs is made where it is missing.
  const isMade = folder.replace(/\/+$/, "") === out.replace(/\/+$/, "");
  if (!inFolder?.isDirectory && !isMade) throw new UsageError(`${expected}, and there is no folder ${escape(folder)}`);
}
