import { messageOf, TineError } from "../../base/errors.ts";
import { lines } from "../../base/lines.ts";
import { findTool, toolPath } from "./find_program.ts";
import { LINEAGE, type Lineage } from "./lineage.ts";
import { intoMounts } from "./namespaces.ts";
import WATCHDOG_SCRIPT from "./watchdog.sh" with { type: "text" };

/** A line of its answers that is longer is cut. */
const LONGEST_ANSWER = 4096;

/** Where it runs. */
interface Place {
  /** A process in the mount namespace that it belongs into. */
  readonly mounts?: number;
  /** As root, by `sudo -n`. */
  readonly sudo?: boolean;
}

/** The process of a watchdog, and the pipes to it. The requests are those of {@linkcode WATCHDOG_SCRIPT}. */
export class WatchdogProcess {
  readonly #child: Deno.ChildProcess;
  readonly #requests: WritableStreamDefaultWriter<Uint8Array>;
  readonly #answers: AsyncGenerator<string>;
  /** Whether it did its work, rather than being killed. */
  readonly #ended: Promise<boolean>;
  /** Answers come in the order of the questions. */
  #lastAnswer: Promise<unknown> = Promise.resolve();
  #asking = 0;
  #ending = false;
  /** Settled if it ends without being told. */
  readonly died: Promise<void>;

  constructor(lineage: Lineage, place: Place) {
    const [program, ...args] = watchdogCommand(lineage, place);
    try {
      this.#child = new Deno.Command(program, {
        args,
        // Without what nodes and commands carry in theirs, and in a group of its own: whoever kills these spares it.
        clearEnv: true,
        env: { PATH: toolPath(), LC_ALL: "C", [LINEAGE]: lineage.watchdog },
        detached: true,
        stdin: "piped",
        stdout: "piped",
        // Whoever waits for the end of the node's own standard error so waits for its watchdog as well.
        stderr: "inherit",
      }).spawn();
    } catch (error) {
      throw new TineError("no-watchdog", `cannot start ${program}, which cleans up after a node: ${messageOf(error)}`, {
        cause: error,
      });
    }
    this.#child.unref();
    this.#requests = this.#child.stdin.getWriter();
    // A write that fails is reported by it, and the end of the process by its status.
    this.#requests.closed.catch(() => {});
    this.#answers = lines(this.#child.stdout, LONGEST_ANSWER);
    const died = Promise.withResolvers<void>();
    this.died = died.promise;
    this.#ended = this.#child.status.then(({ success }) => {
      if (!this.#ending) died.resolve();
      return success;
    });
  }

  /** @returns once it has the request; it has it also if this process dies then */
  async tell(request: string): Promise<void> {
    try {
      await this.#requests.write(new TextEncoder().encode(`${request}\n`));
    } catch {
      // It was killed. The one that follows is told everything.
    }
  }

  /** @returns undefined if it was done, otherwise why not */
  ask(request: string): Promise<string | undefined> {
    const asked = this.tell(request);
    // A program goes on as long as an answer is awaited.
    if (this.#asking++ === 0) this.#child.ref();
    const answer = this.#lastAnswer.then(async () => {
      await asked;
      const { value } = await this.#answers.next();
      if (--this.#asking === 0 && !this.#ending) this.#child.unref();
      if (value === "ok") return undefined;
      return value?.startsWith("no ") ? value.slice(3) : "the watchdog of the node was killed";
    });
    this.#lastAnswer = answer;
    return answer;
  }

  /** @returns false if it was killed before it had done its work */
  async end(): Promise<boolean> {
    this.#ending = true;
    this.#child.ref();
    await this.#requests.close().catch(() => {}); // it was killed
    const success = await this.#ended;
    await this.#lastAnswer;
    for await (const _ of this.#answers); // closes the stream
    return success;
  }
}

function watchdogCommand(lineage: Lineage, { mounts, sudo }: Place): string[] {
  const script = ["sh", "-c", WATCHDOG_SCRIPT, "tine-watchdog", lineage.marker];
  if (sudo) {
    const path = findTool("sudo", "it runs commands as root; install it, or run tine as root");
    return [path, "-n", "--", "env", `${LINEAGE}=${lineage.watchdog}`, ...script];
  }
  return [...intoMounts(mounts), ...script];
}
