/** Where a test runs plans: a folder, an environment and names of its own, so that many can run at the same time. */

import { assertEquals } from "@std/assert";
import type { Item } from "../../src/node/item.ts";
import type { Run } from "../../src/node/plan/types.ts";
import { LINEAGE } from "../../src/node/process/lineage.ts";
import { decodeItem } from "../../src/node/protocol/kinds.ts";
import { run, type RunOptions } from "../../src/node/run.ts";
import { TineError } from "../../src/base/errors.ts";
import { eventually } from "./eventually.ts";
import { processesWith } from "./processes_with.ts";
import { RunningTine } from "./running_tine.ts";
import { TINE } from "./tine.ts";

/** Where the names of network namespaces are. */
const NAMESPACES = "/run/netns";

/** How a plan is run. */
export interface StartOptions {
  /** The program and its first arguments; the sources by default. */
  readonly tine?: readonly string[];
  /** Further arguments of `tine run`. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The folder of runs. */
  readonly out?: string;
  /** The plan comes from standard input. */
  readonly stdin?: boolean;
}

/** What came of a tree that was run in this process. */
export interface RanTree {
  readonly items: readonly Item[];
  readonly error: TineError | undefined;
}

/** A place for runs of plans, of which nothing must be left: no process, namespace, mount or temporary file. */
export class PlanPlace {
  readonly folder: string;
  /** The folder of runs. */
  readonly out: string;
  /** In the environment of all that is run here. */
  readonly marker: string;
  readonly #user: number | undefined;
  readonly #running: RunningTine[] = [];
  readonly #family = new Map<number, string>();
  #plans = 0;

  private constructor(folder: string, user?: number) {
    this.folder = folder;
    this.out = `${folder}/results`;
    this.marker = crypto.getRandomValues(new Uint8Array(8)).toHex();
    this.#user = user;
  }

  /**
   * Makes one, uses it, and waits until nothing is left of what ran there.
   *
   * @param user the id of the user to run as; that of this process by default
   */
  static async use(use: (place: PlanPlace) => Promise<void>, user?: number): Promise<void> {
    const place = new PlanPlace(await Deno.makeTempDir({ prefix: "tine-place-" }), user);
    await Deno.mkdir(place.temporary);
    if (user !== undefined) { for (const path of [place.folder, place.temporary]) await Deno.chown(path, user, user); }
    let failure: { error: unknown } | undefined;
    try {
      await use(place);
    } catch (error) {
      failure = { error };
    }
    try {
      await place.#end();
    } catch (error) {
      failure ??= { error }; // what came first is the one to tell
    }
    await Deno.remove(place.folder, { recursive: true });
    if (failure !== undefined) throw failure.error;
  }

  /** The folder for temporary files. */
  get temporary(): string {
    return `${this.folder}/tmp`;
  }

  /** What programs that are run here get. */
  get env(): Record<string, string> {
    return { TMPDIR: this.temporary, TINE_NODE: `${this.marker}!`, NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" };
  }

  /** The name of a network namespace that only this place has. */
  namespace(name: string): string {
    return `${this.marker.slice(0, 8)}-${name}`;
  }

  /** The processes of nodes, watchdogs and commands that run here. */
  processes(pattern?: RegExp): number[] {
    return processesWith(this.marker).filter((line) => pattern?.test(line) ?? true).map((line) => parseInt(line));
  }

  /** The process of a node. */
  nodeProcess(id: string): number {
    const pid = this.processes().find((pid) => {
      const args = argsOf(pid);
      // What enters the namespaces of a holder waits in front of it.
      return args.slice(-3).join(" ") === `node serve ${id}` && !args[0].endsWith("nsenter");
    });
    if (pid === undefined) throw new Error(`there is no process of node ${id}`);
    return pid;
  }

  /** Starts `tine run PLAN --json --verbose`. */
  async start(plan: unknown, options: StartOptions = {}): Promise<RunningTine> {
    const { tine = TINE, args = [], env, out = this.out, stdin = false } = options;
    const path = `${this.folder}/plan-${++this.#plans}.json`;
    if (!stdin) await Deno.writeTextFile(path, JSON.stringify(plan));
    const words = [...tine, "run", stdin ? "-" : path, "--out", out, "--json", "--verbose", ...args];
    const as = this.#user === undefined
      ? []
      : ["setpriv", `--reuid=${this.#user}`, `--regid=${this.#user}`, "--clear-groups"];
    const running = new RunningTine([...as, ...words], {
      cwd: this.folder,
      env: { ...this.env, ...(this.#user !== undefined && { HOME: this.folder }), ...env },
      input: stdin ? JSON.stringify(plan) : "",
    });
    this.#running.push(running);
    return running;
  }

  /**
   * Runs a tree in this process.
   *
   * @param onItem gets what comes in
   * @returns what came, and what was thrown
   */
  async run(tree: Run, options: RunOptions = {}, onItem: (item: Item) => void = () => {}): Promise<RanTree> {
    const before = Deno.env.get(LINEAGE);
    Deno.env.set(LINEAGE, `${this.marker}!`);
    const messages = run(tree, options);
    const first = messages.next();
    // It has seen it by now.
    if (before === undefined) Deno.env.delete(LINEAGE);
    else Deno.env.set(LINEAGE, before);
    const items: Item[] = [];
    try {
      for (let next = await first; !next.done; next = await messages.next()) {
        const item = decodeItem(next.value);
        items.push(item);
        onItem(item);
      }
      return { items, error: undefined };
    } catch (error) {
      if (!(error instanceof TineError)) throw error;
      return { items, error };
    } finally {
      await messages.return();
    }
  }

  /**
   * Notes who is there, also in other process and user namespaces, so that they are looked for at the end.
   *
   * @param roots whose descendants; by default those of all that was started here
   */
  noteFamily(...roots: number[]): void {
    const tops = roots.length > 0 ? roots : this.#running.map(({ pid }) => pid);
    const parents = new Map<number, number>();
    for (const { name } of Deno.readDirSync("/proc")) {
      const stat = /^\d+$/.test(name) ? statOf(Number(name)) : undefined;
      if (stat !== undefined) parents.set(Number(name), stat.parent);
    }
    for (const pid of parents.keys()) {
      let above: number | undefined = pid;
      while (above !== undefined && !tops.includes(above)) above = parents.get(above);
      if (above !== undefined) this.#family.set(pid, statOf(pid)?.started ?? "");
    }
  }

  /** Waits until nothing is left of what ran here, but for results. */
  async nothingLeft(): Promise<void> {
    const family = () => [...this.#family].filter(([pid, started]) => statOf(pid)?.started === started);
    const left = () => [
      ...processesWith(this.marker),
      ...family().map(([pid]) => `process ${pid}`),
      ...[...Deno.readDirSync(this.temporary)].map(({ name }) => `temporary ${name}`),
      ...namesIn(NAMESPACES).filter((name) => name.startsWith(this.namespace(""))),
      ...Deno.readTextFileSync("/proc/self/mountinfo").split("\n")
        .filter((line) => line.includes(`${NAMESPACES}/${this.namespace("")}`) || line.includes(this.temporary)),
    ];
    // A node whose parent was killed gets some seconds, and the watchdogs above wait for it.
    await eventually("nothing is left", () => left().length === 0).catch((error) => {
      throw new Error(`${error.message}: ${left().join("; ")}`);
    });
  }

  async #end(): Promise<void> {
    const still = this.#running.filter((running) => !running.ended);
    for (const running of still) running.kill("SIGKILL");
    await Promise.all(still.map((running) => running.end()));
    await this.nothingLeft();
    assertEquals(still.length, 0, "a tine was still running");
  }
}

function namesIn(folder: string): string[] {
  try {
    return Array.from(Deno.readDirSync(folder), ({ name }) => name);
  } catch {
    return []; // nobody has made one yet
  }
}

/** What the kernel says of a process; undefined when it has ended. */
function statOf(pid: number): { parent: number; started: string } | undefined {
  try {
    const text = Deno.readTextFileSync(`/proc/${pid}/stat`);
    const [state, parent, ...rest] = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return state === "Z" ? undefined : { parent: Number(parent), started: rest[17] };
  } catch {
    return undefined;
  }
}

function argsOf(pid: number): string[] {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/cmdline`).split("\0").slice(0, -1);
  } catch {
    return []; // it has just ended
  }
}
