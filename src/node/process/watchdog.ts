import WATCHDOG_SCRIPT from "./watchdog.sh" with { type: "text" };
import { messageOf, TineError } from "../../base/errors.ts";
import { findIp, findTool, toolPath } from "./tools.ts";
import { createLineage, LINEAGE, type Lineage, pidText } from "./lineage.ts";
import { checkNamespaceName, intoMounts, namespaceError } from "./namespaces.ts";
import { lines } from "../../base/lines.ts";

/** The number of times that a killed watchdog is started again. */
const MAX_RESTARTS = 3;

/** How a watchdog is made. */
export interface WatchdogOptions {
  /**
   * A process in the mount namespace where the names of network namespaces are, see `Host`; this process by default.
   */
  readonly mounts?: number;
  /** The lineage of the node; by default, that which its environment gives. */
  readonly lineage?: Lineage;
  /** Run it as root, by `sudo -n`: for commands that run as root where the node does not. */
  readonly sudo?: boolean;
}

/**
 * A small process beside a node that undoes what the node did, when the node ends in whatever way: it kills commands
 * (also those that left their process group and session), ends nodes below, deletes namespaces and removes folders.
 *
 * It is started when it is first needed. Disposing of it is how a node cleans up in order.
 *
 * @example
 * ```ts
 * import { Watchdog } from "./watchdog.ts";
 * await using watchdog = new Watchdog();
 * const folder = await watchdog.makeFolder();
 * await Deno.writeTextFile(`${folder}/notes`, "gone soon");
 * ```
 */
export class Watchdog implements AsyncDisposable {
  /** What is put into the environment of commands, nodes and their watchdogs. */
  readonly lineage: Lineage;
  readonly #options: WatchdogOptions;
  readonly #groups = new Set<number>();
  readonly #paths = new Set<string>();
  readonly #namespaces = new Set<string>();
  #process: WatchdogProcess | undefined;
  #restarts = 0;
  #disposed: Promise<void> | undefined;

  constructor(options: WatchdogOptions = {}) {
    this.#options = options;
    this.lineage = options.lineage ?? createLineage(Deno.env.get(LINEAGE));
  }

  /**
   * Starts it, unless it runs: to be called before anything is started that it must end.
   *
   * @throws {TineError} `no-watchdog`, or `ended` once it was disposed of
   */
  start(): void {
    this.#running();
  }

  /**
   * Has a process group killed when the node ends.
   *
   * @param group its id: the process id of its leader, which must not have been waited for
   * @returns to be disposed of when the leader has ended: its number may be given to others from then on
   */
  watchGroup(group: number): Disposable {
    const text = pidText(group);
    this.#send(`group ${text}`);
    this.#groups.add(group);
    return {
      [Symbol.dispose]: () => {
        if (this.#groups.delete(group)) this.#sendIfRunning(`ungroup ${text}`);
      },
    };
  }

  /** Signals a watched group, with the rights of the watchdog. */
  signalGroup(group: number, how: "interrupt" | "kill"): void {
    if (this.#groups.has(group)) this.#sendIfRunning(`${how} ${pidText(group)}`);
  }

  /** Kills all groups that it watches, now. */
  killGroups(): void {
    for (const group of this.#groups) this.signalGroup(group, "kill");
  }

  /**
   * Has a file or folder removed when the node ends.
   *
   * @param path absolute, below some folder; only what this node makes itself, under a name that it has drawn
   * @returns once it is sure, so that it can be made; to be disposed of when it was removed
   * @throws {TineError} `bad-path`
   */
  async watchPath(path: string): Promise<Disposable> {
    if (!/^(?:\/(?!\.{1,2}(?:\/|$))[^/\0\n]+){2,}$/.test(path) || path.length > 4000 || path !== path.trimEnd()) {
      throw new TineError("bad-path", `${JSON.stringify(path)} is no absolute path that may be removed`);
    }
    this.#paths.add(path);
    await this.#send(`path ${path}`);
    return {
      [Symbol.dispose]: () => {
        if (this.#paths.delete(path)) this.#sendIfRunning(`unpath ${path}`);
      },
    };
  }

  /**
   * Makes a folder for temporary files that is removed when the node ends.
   *
   * @returns its path; only this user can look into it
   */
  async makeFolder(): Promise<string> {
    // It must be registered before it exists: the name cannot be left to makeTempDir.
    const path = temporaryPath("tine-");
    await this.watchPath(path);
    await Deno.mkdir(path, { mode: 0o700 });
    return path;
  }

  /**
   * Creates a network namespace, with its loopback interface up.
   *
   * The watchdog does it itself: so it knows for certain which ones are to be deleted, whenever the node dies.
   *
   * @returns deletes it when disposed of, after killing what still runs in it
   * @throws {TineError} `namespace-exists`, `no-program` or `namespace-failed`
   */
  async createNamespace(name: string): Promise<AsyncDisposable> {
    checkNamespaceName(name);
    findIp();
    const reason = await this.#ask(`namespace ${name}`);
    if (reason !== undefined) throw namespaceError(name, reason);
    this.#namespaces.add(name);
    return {
      [Symbol.asyncDispose]: async () => {
        if (!this.#namespaces.delete(name) || this.#disposed !== undefined) return; // that deletes it
        const reason = await this.#ask(`release ${name}`);
        if (reason !== undefined) {
          throw new TineError("namespace-failed", `cannot delete the network namespace ${name}: ${reason}`);
        }
      },
    };
  }

  /** Undoes all that is left, and waits for that. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#disposed ??= this.#end();
  }

  async #end(): Promise<void> {
    while (this.#process !== undefined && !(await this.#process.end())) {
      if (++this.#restarts > MAX_RESTARTS) {
        throw new TineError(
          "no-watchdog",
          "the watchdog of the node was killed again and again: something may be left",
        );
      }
      this.#process = this.#startAnew();
    }
  }

  #send(request: string): Promise<void> {
    return this.#running().send(request);
  }

  #sendIfRunning(request: string): void {
    if (this.#disposed === undefined) this.#process?.send(request);
  }

  #ask(request: string): Promise<string | undefined> {
    return this.#running().ask(request);
  }

  #running(): WatchdogProcess {
    if (this.#disposed !== undefined) throw new TineError("ended", "the node has ended");
    return this.#process ??= this.#start();
  }

  #start(): WatchdogProcess {
    const process = new WatchdogProcess(this.lineage, this.#options);
    process.died.then(() => {
      process.end();
      this.#restart();
    });
    return process;
  }

  #restart(): void {
    if (this.#disposed === undefined && ++this.#restarts <= MAX_RESTARTS) this.#process = this.#startAnew();
  }

  /** Starts another process after one was killed, and sends it all that the first one knew. */
  #startAnew(): WatchdogProcess {
    const process = this.#start();
    for (const name of this.#namespaces) process.send(`adopt ${name}`);
    for (const path of this.#paths) process.send(`path ${path}`);
    for (const group of this.#groups) process.send(`group ${group}`);
    return process;
  }
}

/** Answers are cut here. */
const MAX_ANSWER_LENGTH = 4096;

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
  /** Resolves if it ends unasked. */
  readonly died: Promise<void>;

  constructor(lineage: Lineage, place: Place) {
    const [program, ...args] = watchdogCommand(lineage, place);
    try {
      this.#child = new Deno.Command(program, {
        args,
        // Neither the environment nor the process group of nodes and commands: what kills them spares it.
        clearEnv: true,
        env: { PATH: toolPath(), LC_ALL: "C", [LINEAGE]: lineage.watchdog },
        detached: true,
        stdin: "piped",
        stdout: "piped",
        // A reader of the node's standard error so waits for its watchdog as well.
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
    this.#answers = lines(this.#child.stdout, MAX_ANSWER_LENGTH);
    const died = Promise.withResolvers<void>();
    this.died = died.promise;
    this.#ended = this.#child.status.then(({ success }) => {
      if (!this.#ending) died.resolve();
      return success;
    });
  }

  /** @returns once it has the request; it has it also if this process dies then */
  async send(request: string): Promise<void> {
    try {
      await this.#requests.write(new TextEncoder().encode(`${request}\n`));
    } catch {
      // It was killed. The process after it gets all requests.
    }
  }

  /** @returns undefined if it was done, otherwise why not */
  ask(request: string): Promise<string | undefined> {
    const asked = this.send(request);
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

/**
 * Returns an unguessable path for a temporary file or folder, in the folder that TMPDIR names, or in /tmp.
 *
 * It is absolute and has no links or needless slashes, as {@linkcode import("./watchdog.ts").Watchdog} wants it: it can
 * be watched before it exists.
 *
 * @param prefix what its name begins with
 * @throws {TineError} `no-temporary-folder`
 */
export function temporaryPath(prefix: string): string {
  const folder = Deno.env.get("TMPDIR") || "/tmp";
  try {
    return `${Deno.realPathSync(folder)}/${prefix}${crypto.randomUUID()}`;
  } catch (error) {
    throw new TineError(
      "no-temporary-folder",
      `the folder for temporary files, ${JSON.stringify(folder)}, cannot be used: correct TMPDIR (${messageOf(error)})`,
      { cause: error },
    );
  }
}
