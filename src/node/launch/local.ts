import { type Connection, streamConnection } from "../../wire/connection.ts";
import { messageOf } from "../../base/errors.ts";
import { lines } from "../../base/lines.ts";
import { LogLimiter } from "../../base/log_limiter.ts";
import { settlesWithin } from "../../base/time.ts";
import { describeStatus, signalGroup, spawnGroup } from "../process/processes.ts";

/** What a node gets to end by itself once its input has ended. */
const GRACE_MS = 5000;
/** What its watchdog gets after that: it holds the standard error of the node as long as it works. */
const WATCHDOG_GRACE_MS = 25_000;
/** How long the last words of a node that has ended are waited for. */
const LAST_WORDS_MS = 250;
const MAX_LINE_LENGTH = 4096;

/** A process on this machine that is spoken with over its standard input and output. */
export interface LocalProcess extends AsyncDisposable {
  readonly connection: Connection;
  /** How it ended, in words, with the last lines that it wrote to standard error. */
  readonly ended: Promise<string>;
  /** Kills it and its group. */
  kill(): void;
  /** Waits for its end, kills it after a grace period, and waits for what it has to clean up. */
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Starts a process in a process group of its own, so that a Ctrl-C in the terminal does not reach it.
 *
 * @param command the program and its arguments
 * @param env its whole environment
 * @param onLine gets what it writes to standard error; at most 1,000 lines a second
 * @throws {TineError} `cannot-start`
 */
export function startLocal(
  command: readonly string[],
  env: Readonly<Record<string, string>>,
  onLine: (line: string) => void,
): LocalProcess {
  const [program, ...args] = command;
  const child = spawnGroup(program, args, env);
  const connection = streamConnection(child.stdout, child.stdin);
  const limiter = new LogLimiter(onLine, { maxLines: MAX_LINES_PER_SECOND });
  const last = new LastLines();
  const log = (line: string) => {
    last.add(line);
    limiter.log(line);
  };
  const canceled = new AbortController();
  const reading = (async () => {
    try {
      const stderr = child.stderr.pipeThrough(new TransformStream(), { signal: canceled.signal });
      for await (const line of lines(stderr, MAX_LINE_LENGTH)) log(line);
    } catch (error) {
      // It was closed although something that was left behind still holds it.
      if (!canceled.signal.aborted) log(`standard error cannot be read: ${messageOf(error)}`);
    }
    limiter.end();
  })();
  const status = child.status.then((status) => {
    // What is left of its group. Its watchdog is not in there.
    signalGroup(child.pid, "SIGKILL");
    return status;
  });
  let running = true;
  const ended = status.then(async (status) => {
    running = false;
    await settlesWithin(LAST_WORDS_MS, reading);
    return [describeStatus(status), ...last.lines].join(": ");
  });
  const kill = () => {
    if (running) signalGroup(child.pid, "SIGKILL");
  };
  return {
    connection,
    ended,
    kill,
    async [Symbol.asyncDispose]() {
      connection.closeWrite().catch(() => {}); // it is closed, or the process has ended
      if (!await settlesWithin(GRACE_MS, status)) kill();
      await status;
      if (!await settlesWithin(WATCHDOG_GRACE_MS, reading)) canceled.abort();
      await reading;
      connection.close();
      await ended;
    },
  };
}

/** Lines of standard error that are passed on in a second. */
const MAX_LINES_PER_SECOND = 1000;
/** How many of the last lines explain why a process has ended, and how long each may be. */
const LAST_LINES = 3;
const MAX_LAST_CHARS = 300;

/** The last lines that are not blank. */
class LastLines {
  readonly lines: string[] = [];

  add(line: string): void {
    const text = line.trim();
    if (text === "") return;
    this.lines.push(text.slice(0, MAX_LAST_CHARS));
    if (this.lines.length > LAST_LINES) this.lines.shift();
  }
}
