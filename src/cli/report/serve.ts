import type { HostPort } from "../../base/address.ts";
import { ReportServer } from "../../report/serve/server.ts";
import { CommandFailure } from "../errors.ts";
import { onInterrupt } from "../interrupts.ts";
import { escape, writeStdout } from "../terminal.ts";

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
export async function serveReports(path: string, listen: HostPort, withStdin: boolean): Promise<number> {
  await checkFolder(path, withStdin);
  const stop = new AbortController();
  using _interrupts = onInterrupt(() => stop.abort(), () => Deno.exit(130));
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
 * @param awaited whether the one who serves it, such as tine run, is about to make it
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
