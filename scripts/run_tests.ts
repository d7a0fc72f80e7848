/**
 * Runs the tests: all of them, in two processes a processor at a time, since many tests wait, or as DENO_JOBS says; or
 * those that are named, in one. Of all of them, those that need the processors for themselves come last, one by one.
 *
 *     deno task test [FILE|FOLDER...] [FLAGS OF deno test...]
 *
 * Processes rather than the threads of `deno test --parallel`, because tests set what all threads of a process share,
 * such as environment variables, and count open files and memory.
 *
 * A file with a test that failed runs once more in the end, by itself. A test that passes then is inconclusive, since it
 * failed beside other work: it is counted and named, and its first output is shown.
 *
 * @module
 */
import { toText } from "@std/streams";
import {
  addSummaries,
  type Failure,
  formatSummary,
  parseFailures,
  parseInconclusive,
  parsePutOff,
  parseSummary,
  PUT_OFF,
  type PutOff,
  type Summary,
} from "./test/summary.ts";
import { ASKING, asksWhoRunsIt } from "./test/root_tests.ts";

const root = new URL("..", import.meta.url).pathname;
const COMMAND = ["test", "-A", "--no-check"];
/** More than processes, so that none is left with the slow ones; few, since each start costs a moment. */
const SHARES = 24;
/** Files that take half a minute and more: they start first, so that the others need not wait for one in the end. */
const SLOW = [
  "manual_test.ts",
  "scripts/bench_test.ts",
  "cli/run_faults_test.ts",
  "examples_test.ts",
  "cli/udp_client_test.ts",
  "cli/init_test.ts",
  "cli/run_ssh_test.ts",
  "cli/run_ssh_faults_test.ts",
  "udf/check/check_test.ts",
  "cli/run_test.ts",
  "cli/check_test.ts",
  "cli/agent_test.ts",
].map((name) => `${root}tests/${name}`);
/** With more files that fail than this, something is broken, and not the machine busy. */
const MAX_SECOND_TRIES = 8;

/** What came of a share of the tests. */
interface Ran {
  readonly output: string;
  readonly summary: Summary;
  /** Names of tests and steps that came to no result, since other work had the processors, and why. */
  readonly inconclusive: readonly string[];
  readonly putOff: readonly PutOff[];
  readonly failures: readonly Failure[];
}

/**
 * Runs tests.
 *
 * @returns the exit status
 */
export async function main(args: readonly string[]): Promise<number> {
  if (args.length > 0) {
    return (await new Deno.Command(Deno.execPath(), { args: [...COMMAND, ...args] }).spawn().status).code;
  }
  const started = performance.now();
  const files = [...testsIn(`${root}tests`)].filter(isWanted).sort();
  const others = files.filter((file) => !SLOW.includes(file));
  const shares = [
    ...SLOW.filter((file) => files.includes(file)).map((file) => [file]),
    // Neighbours are often slow for the same reason: they go into different shares.
    ...Array.from({ length: SHARES }, (_, share) => others.filter((_, i) => i % SHARES === share)),
  ].values();
  const ran: Ran[] = [];
  const run = async (args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
    const result = await runShare(args, env);
    ran.push(result);
    // What failed is shown last.
    if (result.summary.failed === 0) console.log(result.output);
    return result;
  };
  const runInTurn = async () => {
    for (const share of shares) if (share.length > 0) await run(share, { [PUT_OFF]: "1" });
  };
  const jobs = Math.max(1, Number(Deno.env.get("DENO_JOBS")) || 2 * navigator.hardwareConcurrency);
  await Promise.all(Array.from({ length: jobs }, runInTurn));
  const putOff = ran.flatMap(({ putOff }) => putOff);
  let lost = 0;
  if (putOff.length > 0) {
    const { passed, failed, ignored } = (await run(argumentsFor(putOff))).summary;
    lost = countTests(putOff) - passed - failed - ignored;
    if (lost > 0) console.log(`\n${lost} of the tests that were put off did not run`);
  }
  for (const { output, summary } of ran) if (summary.failed > 0) console.log(output);
  const second = await tryAgain(ran.flatMap(({ failures }) => failures));
  const { failed, ignored, ...rest } = addSummaries(ran.map(({ summary }) => summary));
  const total = { ...rest, failed: failed - second.passed.length + lost, ignored: ignored + second.passed.length };
  const inconclusive = [
    ...ran.flatMap(({ inconclusive }) => inconclusive),
    ...second.passed.map(({ name }) => `${name}: failed beside other tests, passed by itself`),
  ];
  if (inconclusive.length > 0) console.log(`\n${inconclusive.length} inconclusive:`);
  for (const line of inconclusive) console.log(`  ${line}`);
  if (total.failed > 0) console.log("\nfailed:");
  for (const { name, file } of second.failed) console.log(`  ${name} (${file})`);
  console.log(`\nall tests:\n${formatSummary(total, performance.now() - started)}`);
  return total.failed === 0 ? 0 : 1;
}

/** How many tests these are, the steps of one being one. */
function countTests(tests: readonly PutOff[]): number {
  return new Set(tests.map(({ origin, name }) => `${origin} ${name}`)).size;
}

/** Arguments of `deno test` that run just these tests. */
function argumentsFor(tests: readonly PutOff[]): string[] {
  const names = new Set(tests.map(({ name }) => name.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")));
  const files = new Set(tests.map(({ origin }) => new URL(origin).pathname));
  return [`--filter=/^(${[...names].join("|")})$/`, ...[...files].sort()];
}

/** Runs the files of tests that failed again, one by one. */
async function tryAgain(
  failures: readonly Failure[],
): Promise<{ readonly passed: readonly Failure[]; readonly failed: readonly Failure[] }> {
  const files = new Set(failures.map(({ file }) => file));
  if (files.size > MAX_SECOND_TRIES) return { passed: [], failed: failures };
  const passed: Failure[] = [], failed: Failure[] = [];
  for (const file of files) {
    const again = await runShare([file]);
    if (again.summary.failed > 0) console.log(again.output);
    for (const failure of failures.filter((failure) => failure.file === file)) {
      const fails = again.summary.failed > 0 &&
        (again.failures.length === 0 || again.failures.some(({ name }) => name === failure.name));
      (fails ? failed : passed).push(failure);
    }
  }
  return { passed, failed };
}

/** Whether a test file is among those that {@linkcode ASKING} leaves; without it, all are. */
function isWanted(file: string): boolean {
  if (!Deno.env.get(ASKING)) return true;
  return asksWhoRunsIt(file.slice(root.length), (path) => {
    try {
      return Deno.readTextFileSync(root + path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    }
  });
}

function* testsIn(folder: string): Iterable<string> {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    if (isDirectory) yield* testsIn(`${folder}/${name}`);
    else if (name.endsWith("_test.ts")) yield `${folder}/${name}`;
  }
}

async function runShare(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ran> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [...COMMAND, ...args],
    cwd: root,
    env: { ...env, NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const [stdout, stderr, { success, code }] = await Promise.all([
    toText(child.stdout),
    toText(child.stderr),
    child.status,
  ]);
  const { passed, failed, ignored, steps } = parseSummary(stdout) ?? { passed: 0, failed: 0, ignored: 0, steps: 0 };
  const open = parseInconclusive(stdout);
  const putOff = parsePutOff(stdout);
  // What came to no result was not tested; what was put off is counted where it runs.
  const summary = {
    passed: passed - open.tests.length - countTests(putOff),
    failed,
    ignored: ignored + open.tests.length,
    steps: steps - open.steps.length - putOff.filter(({ step }) => step !== undefined).length,
  };
  const output = stdout + stderr;
  const inconclusive = [...open.tests, ...open.steps];
  const failures = parseFailures(stdout);
  if (success || failed > 0) return { output, summary, inconclusive, putOff, failures };
  // Such as a file that does not load, or a crash.
  return {
    output: `${output}\ndeno test exited with status ${code}`,
    summary: { ...summary, failed: 1 },
    inconclusive,
    putOff,
    failures: [],
  };
}

if (import.meta.main) Deno.exit(await main(Deno.args));
