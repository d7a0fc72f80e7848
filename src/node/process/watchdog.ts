import { TineError } from "../../base/errors.ts";
import { findIp } from "./find_program.ts";
import { createLineage, LINEAGE, type Lineage, pidText } from "./lineage.ts";
import { checkNamespaceName, namespaceError } from "./namespaces.ts";
import { temporaryPath } from "./temporary_path.ts";
import { WatchdogProcess } from "./watchdog_process.ts";

/** How often one that was killed is started anew. */
const MOST_RESTARTS = 3;

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
    this.#tell(`group ${text}`);
    this.#groups.add(group);
    return {
      [Symbol.dispose]: () => {
        if (this.#groups.delete(group)) this.#tellIfRunning(`ungroup ${text}`);
      },
    };
  }

  /** Signals a watched group, with the rights of the watchdog. */
  signalGroup(group: number, how: "interrupt" | "kill"): void {
    if (this.#groups.has(group)) this.#tellIfRunning(`${how} ${pidText(group)}`);
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
    await this.#tell(`path ${path}`);
    return {
      [Symbol.dispose]: () => {
        if (this.#paths.delete(path)) this.#tellIfRunning(`unpath ${path}`);
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
      if (++this.#restarts > MOST_RESTARTS) {
        throw new TineError(
          "no-watchdog",
          "the watchdog of the node was killed again and again: something may be left",
        );
      }
      this.#process = this.#startAnew();
    }
  }

  #tell(request: string): Promise<void> {
    return this.#running().tell(request);
  }

  #tellIfRunning(request: string): void {
    if (this.#disposed === undefined) this.#process?.tell(request);
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
    if (this.#disposed === undefined && ++this.#restarts <= MOST_RESTARTS) this.#process = this.#startAnew();
  }

  /** Something killed it: what it knew is told to another one. */
  #startAnew(): WatchdogProcess {
    const process = this.#start();
    for (const name of this.#namespaces) process.tell(`adopt ${name}`);
    for (const path of this.#paths) process.tell(`path ${path}`);
    for (const group of this.#groups) process.tell(`group ${group}`);
    return process;
  }
}
