/**
 * Runs the tests: all of them, in as many processes at a time as there are processors, or as DENO_JOBS says; or those
 * that are named, in one.
 *
 *     deno task test [FILE|FOLDER...] [FLAGS OF deno test...]
 *
 * Processes rather than the threads of `deno test --parallel`, because tests set what all threads of a process share,
 * such as environment variables, and count open files and memory.
 *
 * @module
 */
import { toText } from "@std/streams";
import { addSummaries, formatSummary, parseInconclusive, parseSummary, type Summary } from "./test/summary.ts";

const root = new URL("..", import.meta.url).pathname;
const COMMAND = ["test", "-A", "--no-check"];
/** More than processes, so that none is left with the slow ones; few, since each start costs a moment. */
const SHARES = 16;
/** Folders with tests of how exact traffic and its figures are: they run when nothing else does. */
const QUIET = ["flow", "truth"].map((name) => `${root}tests/${name}/`);

/** What came of a share of the tests. */
interface Ran {
  readonly output: string;
  readonly summary: Summary;
  /** Names of tests and steps that came to no result, since other work had the processors, and why. */
  readonly inconclusive: readonly string[];
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
  const isQuiet = (file: string) => QUIET.some((folder) => file.startsWith(folder));
  const files = [...testsIn(`${root}tests`)].sort();
  const others = files.filter((file) => !isQuiet(file));
  // Neighbours are often slow for the same reason: they go into different shares.
  const shares = Array.from({ length: SHARES }, (_, share) => others.filter((_, i) => i % SHARES === share)).values();
  const ran: Ran[] = [];
  const run = async (share: readonly string[]) => {
    const result = await runShare(share);
    ran.push(result);
    // What failed is shown last.
    if (result.summary.failed === 0) console.log(result.output);
  };
  const runInTurn = async () => {
    for (const share of shares) await run(share);
  };
  const jobs = Math.max(1, Number(Deno.env.get("DENO_JOBS")) || navigator.hardwareConcurrency);
  await Promise.all(Array.from({ length: jobs }, runInTurn));
  await run(files.filter(isQuiet));
  for (const { output, summary } of ran) if (summary.failed > 0) console.log(output);
  const total = addSummaries(ran.map(({ summary }) => summary));
  const inconclusive = ran.flatMap(({ inconclusive }) => inconclusive);
  if (inconclusive.length > 0) console.log(`\n${inconclusive.length} inconclusive:`);
  for (const line of inconclusive) console.log(`  ${line}`);
  console.log(`\nall tests:\n${formatSummary(total, performance.now() - started)}`);
  return total.failed === 0 ? 0 : 1;
}

function* testsIn(folder: string): Iterable<string> {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    if (isDirectory) yield* testsIn(`${folder}/${name}`);
    else if (name.endsWith("_test.ts")) yield `${folder}/${name}`;
  }
}

async function runShare(files: readonly string[]): Promise<Ran> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [...COMMAND, ...files],
    cwd: root,
    env: { NO_COLOR: "1" },
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
  // What came to no result was not tested.
  const summary = {
    passed: passed - open.tests.length,
    failed,
    ignored: ignored + open.tests.length,
    steps: steps - open.steps.length,
  };
  const output = stdout + stderr;
  const inconclusive = [...open.tests, ...open.steps];
  if (success || failed > 0) return { output, summary, inconclusive };
  // Such as a file that does not load, or a crash.
  return {
    output: `${output}\ndeno test exited with status ${code}`,
    summary: { ...summary, failed: 1 },
    inconclusive,
  };
}

if (import.meta.main) Deno.exit(await main(Deno.args));
