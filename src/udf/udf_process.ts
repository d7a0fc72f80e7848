import { settlesWithin } from "../base/time.ts";
import { streamConnection } from "../wire/connection.ts";
import { messageOf, TineError } from "../base/errors.ts";
import { lines } from "../base/lines.ts";
import { LastWords } from "./last_words.ts";
import type { RunningUdf } from "./running_udf.ts";

/** How long stderr is read after the process has ended: its own children may hold it open for ever. */
const STDERR_GRACE_MS = 250;

/**
 * Starts a UDF as a child process that speaks over its standard input and output.
 *
 * The process is in a group of its own: a Ctrl-C in the terminal reaches the host alone, which then stops the UDF in
 * order, and {@linkcode RunningUdf.kill} reaches what the UDF has started.
 *
 * @param command the program and its arguments; no shell is involved
 * @param log gets each line that the UDF writes to stderr
 * @param env what it gets in its environment on top of that of this process
 * @param cwd the folder that it runs in, and that relative paths of programs start from; default: that of this process
 * @throws {TineError} `cannot-start`
 */
export function startProcess(
  command: readonly string[],
  log: (line: string) => void,
  env: Readonly<Record<string, string>> = {},
  cwd?: string,
): RunningUdf & { readonly pid: number } {
  const [program, ...args] = command;
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(program, {
      args,
      env,
      cwd,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
      detached: true,
    }).spawn();
  } catch (error) {
    throw cannotStart(program, error);
  }
  const endWatch = watchOver(child.pid);
  const closing = new AbortController();
  const lastWords = new LastWords();
  const logging = (async () => {
    try {
      const stderr = child.stderr.pipeThrough(new TransformStream(), { signal: closing.signal });
      for await (const line of lines(stderr)) {
        lastWords.add(line);
        log(line);
      }
    } catch {
      // It was closed although something that the UDF has left behind still holds it.
    }
  })();

  async function ended(): Promise<string | undefined> {
    const status = await child.status;
    await settlesWithin(STDERR_GRACE_MS, logging);
    if (status.success) return undefined;
    const how = status.signal === null ? `exited with status ${status.code}` : `was ended by ${status.signal}`;
    return lastWords.clause === "" ? how : `${how}; ${lastWords.clause}`;
  }

  const connection = streamConnection(child.stdout, child.stdin);
  return {
    name: command.join(" "),
    pid: child.pid,
    connection,
    ended: ended(),
    signal(name) {
      try {
        child.kill(name);
      } catch (error) {
        // It has ended by itself.
        if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
      }
    },
    kill: () => killGroup(child.pid),
    async close() {
      connection.close();
      closing.abort();
      endWatch();
      // Ends what the UDF has left behind in its group; the UDF itself has been waited for.
      killGroup(child.pid);
      await child.status;
    },
  };
}

/**
 * Refuses a program that cannot be started, where the start comes only later.
 *
 * @throws {TineError} `cannot-start`, as {@linkcode startProcess}
 */
export function checkProgram(program: string): void {
  const folders = program.includes("/") ? [""] : Deno.env.get("PATH")?.split(":").map((folder) => `${folder || "."}/`);
  let failure: Error = new Deno.errors.NotFound();
  for (const folder of folders ?? []) {
    try {
      const { isFile, mode } = Deno.statSync(folder + program);
      if (isFile && (mode === null || (mode & 0o111) !== 0)) return;
      failure = new Deno.errors.PermissionDenied();
    } catch {
      // It is not there, or cannot be reached, which is the same.
    }
  }
  if (folders !== undefined) throw cannotStart(program, failure);
}

/**
 * Ends a process group soon after this process has died without having done that itself: a UDF that hangs does not see
 * the end of its input, and a signal that killed this process does not reach the group.
 *
 * @returns ends the watching
 */
function watchOver(group: number): () => void {
  let watcher: Deno.ChildProcess;
  try {
    watcher = new Deno.Command("sh", {
      args: ["-c", 'read -r line || { sleep 2; kill -KILL "-$0"; }', String(group)],
      stdin: "piped",
      stdout: "null",
      stderr: "null",
      detached: true,
    }).spawn();
  } catch {
    return () => {}; // there is no shell
  }
  watcher.unref();
  return () => {
    killGroup(watcher.pid);
    watcher.stdin.abort().catch(() => {});
  };
}

function killGroup(pid: number): void {
  try {
    Deno.kill(-pid, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function cannotStart(program: string, cause: unknown): TineError {
  return new TineError("cannot-start", `cannot start ${JSON.stringify(program)}: ${startFailure(cause)}`, { cause });
}

function startFailure(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "there is no such program";
  if (error instanceof Deno.errors.PermissionDenied) return "it is not executable";
  return messageOf(error);
}
