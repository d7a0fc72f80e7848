import { stripVTControlCharacters } from "node:util";
import { TineError, whyNotRead } from "../../base/errors.ts";
import type { AgentCounts } from "../agent.ts";
import type { RunningUdf } from "../running_udf.ts";
import { largestSnapshotBytes } from "../snapshot_limit.ts";
import { CAPTURE, type FromWorker, type ToWorker } from "./messages.ts";
import { ModuleConnection } from "./module_connection.ts";
import { RingConnection, type RingMemory } from "./ring_connection.ts";
import { settlesWithin } from "../../base/time.ts";
import { type Connection, copy } from "../../wire/connection.ts";
import type { ServingAgent } from "../agent_server.ts";

const LOOK_MS = 100;
/** How many connections' memory is kept for others: 2 MiB each, as far as they used it. */
const MAX_SPARE = 64;

/** How a module is run; each has a default. */
export interface ModuleRunnerOptions {
  permissions?: ModulePermissions;
  /** Threads that serve connections, in turn; default 1. */
  workers?: number;
  /** How long one call of the handler may take, in ms; default 60,000; 0: for ever. */
  handlerTimeoutMs?: number;
  /** How long loading the module may take, in ms; default 60,000. */
  loadTimeoutMs?: number;
  /** The largest frame that is accepted, in bytes; default 64 MiB. */
  maxFrameBytes?: number;
  /** Whether a handler that is busy is spoken for by keepalives; default true. Else the host sees that it is silent. */
  keepsAlive?: boolean;
  /**
   * Gets the id of a thread that a handler has kept busy for too long, where it is known: Deno does not stop such a thread
   * before this process ends, and it may be in an endless loop.
   */
  stuck?: (tid: number) => void;
  /** Gets the lines that the module prints; default: they go to this process's stderr. */
  log?: (line: string) => void;
}

/** A handler of an author's module, reached like any other UDF. */
export interface ModuleUdf extends RunningUdf {
  readonly connection: ModuleConnection;
  /** Stops the handler in order, as {@linkcode Agent.stop} does. */
  stop(): void;
  /** What went through, once it has ended. */
  readonly counts: AgentCounts | undefined;
}

/**
 * Runs the handlers of an author's module in workers, apart from input and output: an endless loop in a handler stops
 * neither keepalives nor signals, and the module may do only what it is permitted.
 *
 * @example
 * ```ts
 * import { ModuleRunner } from "./module_runner.ts";
 * await using runner = await ModuleRunner.open("./my_udf.ts");
 * const peer = runner.connect();
 * await peer.connection.closeWrite();
 * ```
 */
export class ModuleRunner implements AsyncDisposable {
  readonly #path: string;
  readonly #url: string;
  readonly #options: ModuleRunnerOptions;
  readonly #workers: (ModuleWorker | undefined)[];
  #next = 0;

  private constructor(path: string, url: string, options: ModuleRunnerOptions) {
    this.#path = path;
    this.#url = url;
    this.#options = options;
    this.#workers = new Array(options.workers ?? 1).fill(undefined);
  }

  /**
   * Makes sure that the module is there; it is loaded with the first connection.
   *
   * @throws {TineError} `no-module`
   */
  static async open(path: string, options: ModuleRunnerOptions = {}): Promise<ModuleRunner> {
    const real = await checkModule(path);
    // Imported here: most commands that could run a module run none, and what is of Node.js takes milliseconds to load.
    const { pathToFileURL } = await import("node:url");
    return new ModuleRunner(path, pathToFileURL(real).href, options);
  }

  /** Starts a handler for one host. */
  connect(): ModuleUdf {
    const slot = this.#next++ % this.#workers.length;
    let worker = this.#workers[slot];
    if (worker === undefined || worker.dead) {
      worker = this.#workers[slot] = new ModuleWorker(this.#path, this.#url, this.#options);
    }
    return worker.connect();
  }

  /** Ends all workers, and with them all connections. */
  [Symbol.asyncDispose](): Promise<void> {
    for (const worker of this.#workers) worker?.terminate();
    return Promise.resolve();
  }
}

/**
 * Makes sure that a module is there.
 *
 * @returns its path without links
 * @throws {TineError} `no-module`
 */
export async function checkModule(path: string): Promise<string> {
  let info: Deno.FileInfo;
  let real: string;
  try {
    info = await Deno.stat(path);
    real = await Deno.realPath(path);
    // A worker that fails to read it would print a trace of its own.
    if (info.isFile) (await Deno.open(path)).close();
  } catch (error) {
    throw new TineError("no-module", `cannot load the module ${path}: ${whyNotRead(error)}`, { cause: error });
  }
  if (!info.isFile) throw new TineError("no-module", `cannot load the module ${path}: it is no file`);
  return real;
}

/**
 * Runs a module for one host, in a worker of its own.
 *
 * @throws {TineError} `no-module`
 */
export async function startModule(
  path: string,
  options?: ModuleRunnerOptions,
): Promise<RunningUdf> {
  const runner = await ModuleRunner.open(path, options);
  const peer = runner.connect();
  return {
    name: peer.name,
    connection: peer.connection,
    ended: peer.ended,
    kill: () => peer.kill(),
    async close() {
      await peer.close();
      await runner[Symbol.asyncDispose]();
    },
  };
}

interface Served {
  connection: ModuleConnection;
  /** Whether this side has closed it. */
  closed: boolean;
  ended: PromiseWithResolvers<string | undefined>;
  counts: AgentCounts | undefined;
}

/** One thread with one copy of the module, and the connections it serves. */
class ModuleWorker {
  readonly #path: string;
  readonly #options: ModuleRunnerOptions;
  readonly #worker: Worker;
  /** The id of its thread; undefined where that cannot be known. */
  readonly #tid: number | undefined;
  readonly #served = new Map<number, Served>();
  readonly #timer: ReturnType<typeof setInterval>;
  /** Memory of connections that both sides have closed. */
  readonly #spare: RingMemory[] = [];
  #lastId = 0;
  dead = false;

  constructor(path: string, url: string, options: ModuleRunnerOptions) {
    this.#path = path;
    this.#options = options;
    // The root imports the author's module statically: that is checked against the permissions of this process, so
    // that the module itself can be read without a permission.
    const main = workerUrl();
    const capture = options.log === undefined ? "" : `import "data:text/javascript,globalThis.${CAPTURE}=true";\n`;
    const root = `${capture}import { serveModule } from ${JSON.stringify(main)};\n` +
      `import * as module from ${JSON.stringify(url)};\nserveModule(module);\n`;
    this.#worker = new Worker(`data:text/javascript,${encodeURIComponent(root)}`, {
      type: "module",
      name: path,
      deno: { permissions: workerPermissions(options.permissions ?? {}) },
    });
    this.#tid = newestWorkerThread();
    this.#worker.onmessage = ({ data }: MessageEvent<FromWorker>) => this.#receive(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#fail(`the module ${path} failed: ${withoutFrames(event.message)}`);
    };
    this.#worker.onmessageerror = () => this.#fail(`the module ${path} sent what cannot be read`);
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
    Deno.unrefTimer(Number(this.#timer));
  }

  connect(): ModuleUdf {
    const id = ++this.#lastId;
    const served: Served = {
      connection: new ModuleConnection(this.#spare.pop()),
      closed: false,
      ended: Promise.withResolvers(),
      counts: undefined,
    };
    this.#served.set(id, served);
    const message: ToWorker = {
      id,
      connection: served.connection.otherSide,
      progress: served.connection.progress.memory,
      maxFrameBytes: this.#options.maxFrameBytes,
      maxSnapshotBytes: largestSnapshotBytes(),
    };
    this.#worker.postMessage(message);
    return {
      name: this.#path,
      connection: served.connection,
      ended: served.ended.promise,
      get counts() {
        return served.counts;
      },
      stop: () => this.#post({ stop: id }),
      kill: () => this.#fail("the module was ended by its host"),
      close: () => {
        served.connection.close();
        if (this.#served.has(id)) this.#post({ stop: id });
        else if (!served.closed) this.#keep(served.connection);
        served.closed = true;
        return Promise.resolve();
      },
    };
  }

  terminate(): void {
    this.#fail("the module was ended");
  }

  #post(message: ToWorker): void {
    if (!this.dead) this.#worker.postMessage(message);
  }

  #receive(message: FromWorker): void {
    if ("exit" in message) {
      this.#fail(`the module ${this.#path} called exit(${message.exit}); a handler ends by returning from stop()`);
      return;
    }
    if ("line" in message) {
      this.#options.log?.(message.line);
      Atomics.sub(message.unprinted, 0, 1);
      Atomics.notify(message.unprinted, 0);
      return;
    }
    if ("uncaught" in message) {
      this.#fail(`the module ${this.#path} failed: ${message.uncaught}`);
      return;
    }
    const served = this.#served.get(message.ended);
    if (served === undefined) return;
    this.#served.delete(message.ended);
    if (served.closed) this.#keep(served.connection);
    served.counts = message.counts;
    served.ended.resolve(message.error === undefined ? undefined : `failed: ${withoutFrames(message.error)}`);
  }

  /** Keeps the memory of a connection that both sides have closed for another one. */
  #keep({ memory }: ModuleConnection): void {
    if (this.dead || this.#spare.length >= MAX_SPARE) return;
    RingConnection.clear(memory);
    this.#spare.push(memory);
  }

  /** Gives keepalives for handlers that are busy, and ends the worker of one that is stuck. */
  #look(): void {
    const { handlerTimeoutMs = 60_000, loadTimeoutMs = 60_000, keepsAlive = true } = this.#options;
    const now = performance.now();
    for (const { connection } of this.#served.values()) {
      const busy = connection.look(now, keepsAlive);
      const timeout = connection.progress.call === "load" ? loadTimeoutMs : handlerTimeoutMs;
      if (timeout > 0 && busy >= timeout && connection.progress.call !== "idle") {
        this.#fail(`${connection.describe()} has not ended after ${(busy / 1000).toFixed(1)} s`);
        if (this.#tid !== undefined) this.#options.stuck?.(this.#tid);
        return;
      }
    }
  }

  /** Ends the worker and all connections that it serves. */
  #fail(message: string): void {
    if (this.dead) return;
    this.dead = true;
    clearInterval(this.#timer);
    this.#worker.terminate();
    for (const { connection, ended } of this.#served.values()) {
      connection.fail(message);
      ended.resolve(`failed: ${message}`);
    }
    this.#served.clear();
  }
}

/**
 * Returns the id of the thread of the worker that was made last; undefined where this process may not look.
 *
 * Deno names the threads of workers `worker-1`, `worker-2` and so on, and starts them at once.
 */
function newestWorkerThread(): number | undefined {
  const threads: { readonly number: number; readonly tid: number }[] = [];
  try {
    for (const { name: tid } of Deno.readDirSync("/proc/self/task")) {
      const [, number] = /^worker-(\d+)/.exec(Deno.readTextFileSync(`/proc/self/task/${tid}/comm`)) ?? [];
      if (number !== undefined) threads.push({ number: Number(number), tid: Number(tid) });
    }
  } catch {
    // There is no /proc, or no permission for it; or another thread has just ended.
  }
  return threads.sort((a, b) => b.number - a.number)[0]?.tid;
}

/**
 * Returns the first line of an error with the place in the author's code, without the source and frames that follow.
 */
function withoutFrames(message: string): string {
  const text = stripVTControlCharacters(message).replace(/^Uncaught (\(in promise\) )?/, "").trim();
  const place = /\n\s+at .*?file:\/\/[^\s()]*\/([^/\s()]+:\d+:\d+)/.exec(text)?.[1];
  return place === undefined ? text : `${text.split("\n", 1)[0]} (${place})`;
}

/** The permissions of an author's module; without any it may do nothing. */
export interface ModulePermissions {
  /** All that this process may do. */
  trust?: boolean;
  /** Hosts, as `deno run --allow-net` takes them. */
  net?: readonly string[];
  /** Files and folders. */
  read?: readonly string[];
  /** Names of environment variables. */
  env?: readonly string[];
}

/** The permissions as `new Worker` takes them (unstable feature `worker-options`). */
export function workerPermissions({ trust, net = [], read = [], env = [] }: ModulePermissions) {
  if (trust) return "inherit" as const;
  return {
    net: net.length > 0 ? [...net] : false,
    read: read.length > 0 ? [...read] : false,
    env: env.length > 0 ? [...env] : false,
    write: false as const,
    run: false as const,
    ffi: false as const,
    sys: false as const,
    import: false as const,
  };
}

/**
 * Where the worker's program is: beside this file in a checkout and in a compiled executable; in a packed one, where
 * the bundle has it as an entry of its own.
 */
export function workerUrl(): string {
  const bundled = import.meta.url.endsWith(".js");
  return new URL(bundled ? "./worker_main.js" : "./worker_main.ts", import.meta.url).href;
}

const LINGER_MS = 1000;

/** Joins the connection of a host to a handler in a worker; what {@linkcode Agent} is for a handler in this thread. */
export class ModuleAgent implements ServingAgent {
  readonly #connection: Connection;
  readonly #udf: ModuleUdf;

  constructor(connection: Connection, udf: ModuleUdf) {
    this.#connection = connection;
    this.#udf = udf;
  }

  /**
   * Serves the host until its input ends, {@linkcode stop} is called, or something fails; ends the connection.
   *
   * @throws {TineError} `module-failed` with the reason that was sent to the host
   */
  async run(): Promise<void> {
    const { connection } = this.#udf;
    // Once the handler has ended, the read that is under way is abandoned.
    const reading = copy(this.#connection, connection).catch(() => connection.closeWrite());
    try {
      await copy(connection, this.#connection);
      const failure = await this.#udf.ended;
      if (failure === undefined) return;
      await this.#udf.close(); // input that still comes is dropped
      await this.#linger(reading);
      throw new TineError("module-failed", failure.replace(/^failed: /, ""));
    } finally {
      await this.#udf.close();
      this.#connection.close();
    }
  }

  stop(): void {
    this.#udf.stop();
  }

  /**
   * Reads what the host still sends, for a while: closing a socket with unread input may destroy the ErrorResponse on
   * its way.
   */
  async #linger(reading: Promise<void>): Promise<void> {
    const drained = reading.then(async () => {
      const bytes = new Uint8Array(64 * 1024);
      while (await this.#connection.read(bytes) !== null);
    }).catch(() => {});
    await settlesWithin(LINGER_MS, drained);
  }
}
