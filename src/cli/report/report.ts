import type { HostPort } from "../../base/address.ts";
import type { Reported, ReportedTest } from "../../report/mod.ts";
import { PLOT_IDS } from "../../report/plot.ts";
import { parseAddress } from "../address.ts";
import { defineCommand } from "../command.ts";
import { CommandFailure, UsageError } from "../errors.ts";
import { flag, size, text } from "../flags.ts";
import { onInterrupt } from "../interrupts.ts";
import { DEFAULT_PATH, NOT_COMPLETE, PATH } from "../results/results.ts";
import { escape, writeStdout } from "../terminal.ts";
import { checkPageName, writeFile, writePages } from "./write.ts";

/** What `tine report` writes by default. */
const DEFAULT_PAGE = "report.html";

/** `tine report [PATH]`: what was measured, as pages and pictures for people. */
export const command = defineCommand({
  name: "report",
  summary: "Make a page, or a picture for a paper, of what was measured",
  usage: [
    "[PATH]... [-o FILE.html|DIR/|-] [--title TEXT] [--size SIZE]",
    "[PATH]... --plot NAME [-o FILE.svg|FILE.png|-]",
    "[DIR] --serve [--listen HOST:PORT]",
  ],
  description:
    "Of a test, one page; of a run, an index and its tests, in one file or, with -o DIR/, each in a file of its own. " +
    "Several paths are laid over each other, flow by flow: the first is the base, those of others are dashed. A page " +
    "is one file that loads nothing: it can be mailed, and reads without scripts. `tine help report` shows the plots.",
  flags: {
    out: text({
      short: "o",
      value: "FILE|DIR/|-",
      help: `the file or the folder, - for standard output; default: ${DEFAULT_PAGE}, or the plot's name`,
      complete: "file",
    }),
    title: text({ value: "TEXT", help: "what the page is called; default: the test's id, or the plan" }),
    size: size({
      default: 5_000_000,
      min: 100_000,
      help: "about how large a page may be: more samples than fit go into buckets with exact extremes",
    }),
    plot: text({
      value: "NAME",
      help: "only this plot, as a picture",
      words: PLOT_IDS,
    }),
    serve: flag({
      help: "serve the pages of a folder of runs, and follow the run that is under way; prints the address",
    }),
    listen: text({
      value: "HOST:PORT",
      help: "where --serve listens; default: a free port of 127.0.0.1",
      goesWith: ["serve"],
    }),
    withStdin: flag({ help: "of --serve: end when standard input ends" }),
  },
  positionals: [{
    ...PATH,
    help: "a run, a test, or a folder of runs: its newest; default: results",
    repeatable: true,
  }],
  examples: [
    { command: "tine report", what: "the page of the newest run in results: report.html" },
    { command: "tine report results/latest/name=hello -o hello.html", what: "a page of one test" },
    { command: "tine report results/latest -o pages/", what: "a page for each test, and an index" },
    { command: "tine report before after -o overlay.html", what: "two runs, laid over each other" },
    { command: "tine report --serve", what: "pages of all runs, which grow while a run goes on, for a browser" },
    { command: "tine report results/latest/name=voip --plot rtt-cdf -o rtt.svg", what: "one plot for a paper" },
  ],

  async run({ flags, positionals }) {
    if (flags.serve) {
      const other = (["out", "title", "plot"] as const).find((name) => flags[name] !== undefined);
      if (other !== undefined) throw new UsageError(`--serve does not go with --${other}`);
      if (positionals.length > 1) throw new UsageError("--serve takes one folder of runs");
      const listen = parseAddress(flags.listen ?? "127.0.0.1:0", "--listen");
      return await serveReports(positionals[0] ?? DEFAULT_PATH, listen, flags.withStdin);
    }
    if (flags.withStdin) throw new UsageError("--with-stdin means nothing without --serve");
    const stop = new AbortController();
    using interrupts = onInterrupt(() => stop.abort(), () => Deno.exit(130));
    const paths = positionals.length === 0 ? [DEFAULT_PATH] : positionals;
    checkOut(flags.out, flags.plot);
    const reported: Reported[] = [];
    for (const path of paths) reported.push(await openReported(path));
    if (flags.plot !== undefined) {
      const tests = await Promise.all(reported.map(onlyTest));
      const { singlePlot } = await import("../../report/mod.ts");
      const svg = await singlePlot(tests, flags.plot, { title: flags.title });
      const out = flags.out ?? `${flags.plot}.svg`;
      if (/\.png$/i.test(out)) {
        const { pngOf } = await import("./png.ts");
        await writeFile(out, await pngOf(svg));
      } else await writeFile(out, svg);
      return 0;
    }
    const { makePages } = await import("../../report/mod.ts");
    const out = await folderOf(flags.out ?? DEFAULT_PAGE);
    const separate = out.endsWith("/");
    const pages = makePages(reported, { title: flags.title, maxBytes: flags.size, separate, signal: stop.signal });
    try {
      await writePages(out, pages);
    } catch (error) {
      if (stop.signal.aborted) return 130;
      throw error;
    }
    return interrupts.interrupted ? 130 : 0;
  },
});

/** Pages that follow a run have this long to load its final page, in milliseconds. */
const LAST_PAGES_MS = 5000;

/**
 * Serves the pages of runs until it is interrupted.
 *
 * @param path a folder of runs, or a run
 * @param withStdin also ends when standard input does, once pages have what there is
 * @returns the exit code
 * @throws {TineError} `cannot-listen`
 * @throws {CommandFailure} `no-results`, where it is a file
 */
async function serveReports(path: string, listen: HostPort, withStdin: boolean): Promise<number> {
  await checkFolder(path, withStdin);
  const stop = new AbortController();
  using _interrupts = onInterrupt(() => stop.abort(), () => Deno.exit(130));
  const { ReportServer } = await import("../../report/serve/server.ts");
  await using server = await ReportServer.start({
    path,
    listen,
    report: (message) => console.error(`tine report: ${escape(message)}`),
  });
  await writeStdout(`${server.url}\n`);
  const { promise: interrupted, resolve } = Promise.withResolvers<void>();
  stop.signal.addEventListener("abort", () => resolve(), { once: true });
  if (stop.signal.aborted) resolve();
  await (withStdin ? Promise.race([interrupted, endOfStdin()]) : interrupted);
  if (!stop.signal.aborted) await Promise.race([interrupted, server.drained(LAST_PAGES_MS)]);
  return 0;
}

/**
 * A folder may come with the first run, but a slip in its name is to be seen.
 *
 * @param awaited whether its owner, such as tine run, is about to make it
 */
async function checkFolder(path: string, awaited: boolean): Promise<void> {
  const found = await Deno.stat(path).catch(() => undefined);
  if (found?.isDirectory) return;
  if (found !== undefined) throw new CommandFailure("no-results", `${path} is no folder of results`, 1);
  if (!awaited) console.error(`tine report: there is no folder ${escape(path)} so far: pages wait for it`);
}

async function endOfStdin(): Promise<void> {
  const bytes = new Uint8Array(4096);
  try {
    while (await Deno.stdin.read(bytes) !== null);
  } catch {
    // What was there is gone as well.
  }
}

/** Refuses what would become a file that is not what its name says. */
function checkOut(out: string | undefined, plot: string | undefined): void {
  if (out === undefined) return;
  if (out === "") throw new UsageError("-o: expected a file or a folder, not an empty text");
  if (plot === undefined) checkPageName(out, "a plot by itself takes --plot NAME");
  else if (/\.[a-z]+$/i.test(out) && !/\.(svg|png)$/i.test(out)) {
    throw new UsageError(`-o: expected a plot's file such as ${plot}.svg or ${plot}.png, not "${escape(out)}"`);
  }
}

/** Returns the path of a folder that is there with a slash behind it. */
async function folderOf(out: string): Promise<string> {
  if (out.endsWith("/")) return out;
  const isFolder = (await Deno.stat(out).catch(() => undefined))?.isDirectory;
  return isFolder ? `${out}/` : out;
}

/** Opens what a path leads to: of a folder of runs, the newest one that is complete. */
async function openReported(path: string): Promise<Reported> {
  const { newestRun, openResults } = await import("../../result/mod.ts");
  const results = await openResults(path);
  if (results.kind === "test") {
    return { test: results, run: (await Deno.realPath(results.path)).split("/").at(-2) };
  }
  if (results.kind === "run") {
    if (!results.complete) console.error(`run ${escape(results.name)} is ${NOT_COMPLETE}`);
    return results;
  }
  for (const { message } of results.damaged) console.error(`tine report: passed over: ${escape(message)}`);
  const newest = newestRun(results.runs)!;
  if (results.runs.length > 1) {
    console.error(
      `tine report: of the ${results.runs.length} runs in ${escape(path)}, the newest: ${escape(newest.name)}`,
    );
  }
  return newest;
}

/** The test that one plot is of. */
async function onlyTest(reported: Reported): Promise<ReportedTest> {
  if ("test" in reported) return reported;
  const { testsOf } = await import("../../result/mod.ts");
  const { path, name, summary } = reported;
  if (summary.tests.length !== 1) {
    throw new CommandFailure(
      "several-tests",
      summary.tests.length === 0
        ? `${path} has no test yet`
        : `--plot needs one test, and ${path} has ${summary.tests.length}: name one, such as ${path}/${
          summary.tests[0].folder
        }`,
      1,
    );
  }
  const [test] = await Array.fromAsync(testsOf(reported));
  return { test, run: name };
}
