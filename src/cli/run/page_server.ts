import { messageOf, TineError } from "../../base/errors.ts";
import { lines } from "../../base/lines.ts";
import { settlesWithin } from "../../base/time.ts";
import { selfCommand } from "../../node/launch/executable.ts";
import { asUser, thisHost, userEnv } from "../../node/launch/invoking_user.ts";
import { signalGroup } from "../../node/process/processes.ts";
import { findTool } from "../../node/process/tools.ts";
import { setGroupNice } from "../../sys/scheduling.ts";

/** Pages have this long to load what there is at the end; then the server is killed, in milliseconds. */
const GRACE_MS = 8000;
const MAX_LINE_LENGTH = 4096;
/** The test comes first where processors are short. */
const NICENESS = 10;

/**
 * A server of pages beside a run, `tine report --serve`: a process of its own, so that it cannot slow the test. Its
 * standard input is a pipe from here, at whose end it ends by itself, whatever this process dies of.
 */
export class PageServer implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #reading: Promise<void>;

  private constructor(
    child: Deno.ChildProcess,
    reading: Promise<void>,
    /** The address of the list of runs. */
    readonly url: string,
  ) {
    this.#child = child;
    this.#reading = reading;
  }

  /**
   * Starts to serve a folder of runs, which need not be there yet.
   *
   * @param out the folder
   * @param report gets what it writes to standard error, line by line
   * @throws {TineError} `cannot-serve`
   */
  static async start(out: string, report: (line: string) => void): Promise<PageServer> {
    const child = spawn(out);
    // It has a session of its own, so that nice(1) counts only where the kernel does not group by sessions.
    setGroupNice(child.pid, NICENESS);
    let last = "";
    const reading = (async () => {
      for await (const line of lines(child.stderr, MAX_LINE_LENGTH)) {
        if (line.trim() !== "") report(last = line);
      }
    })();
    const first = (async () => {
      for await (const line of lines(child.stdout, MAX_LINE_LENGTH)) return line;
    })();
    const url = await first;
    if (url !== undefined) return new PageServer(child, reading, url);
    await Promise.all([child.status, reading]);
    child.stdin.close().catch(() => {}); // it has ended
    throw new TineError("cannot-serve", `pages cannot be served: ${last || "tine report --serve ended at once"}`);
  }

  /** Ends the server, once the pages that followed the run have loaded the final one. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin.close().catch(() => {}); // it has ended
    if (!await settlesWithin(GRACE_MS, this.#child.status)) signalGroup(this.#child.pid, "SIGKILL");
    await Promise.all([this.#child.status, this.#reading]);
  }
}

function spawn(out: string): Deno.ChildProcess {
  const { command, env } = selfCommand({ forOther: true });
  const { user } = thisHost();
  const own = { ...Deno.env.toObject(), ...env };
  const path = out.startsWith("-") ? `./${out}` : out;
  const [program, ...args] = [
    ...nice(),
    ...user === undefined ? [] : asUser(user),
    ...command,
    ...["report", path, "--serve", "--with-stdin"],
  ];
  try {
    return new Deno.Command(program, {
      args,
      clearEnv: true,
      env: { ...user === undefined ? own : userEnv(own, user), NO_COLOR: "1" },
      // A Ctrl-C in the terminal does not reach it: the test ends in order, and pages show that.
      detached: true,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch (error) {
    throw new TineError("cannot-serve", `pages cannot be served: ${messageOf(error)}`, { cause: error });
  }
}

/** The words in front of a command that give it less of the processors; none where nice(1) is missing. */
function nice(): string[] {
  try {
    return [findTool("nice", ""), "-n", String(NICENESS)];
  } catch {
    return [];
  }
}
