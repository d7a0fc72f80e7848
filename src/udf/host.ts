import { TineError } from "../base/errors.ts";
import { DEFAULT_MAX_FRAME_BYTES } from "../wire/frame_reader.ts";
import type { Batch } from "./batcher.ts";
import type { EdgeType, InfoResponse, Option } from "./messages.ts";
import type { Point } from "./point.ts";
import type { Question } from "./questions.ts";
import { type Receiver, type ResponseCounts, ResponseTaker } from "./response_taker.ts";
import type { RunningUdf } from "./running_udf.ts";
import { Session, type SessionOptions } from "./session.ts";

export type { Receiver } from "./response_taker.ts";

/** How a host behaves; each has a default. */
export interface HostOptions extends Omit<SessionOptions, "keepalives" | "judgesSilentEnd" | "killAfterMs"> {
  /** The id of the task that the UDF gets; default: empty. */
  taskId?: string;
  /** The id of the node that the UDF gets; default: empty. */
  nodeId?: string;
  /** Gets sentences about what is odd and not an error. */
  log?: (message: string) => void;
  /** The maximum number of points in a batch of the UDF; default 10,000,000. */
  maxBatchPoints?: number;
}

/** What went through a host. */
export interface HostCounts extends ResponseCounts {
  pointsIn: number;
  batchesIn: number;
}

/**
 * The host's side of a connection to a UDF, as Kapacitor's `udf.Server` is.
 *
 * @example
 * ```ts
 * import { Host } from "./host.ts";
 * import { startInProcess } from "./running_udf.ts";
 * import { createHandler } from "./handlers/mirror.ts";
 * import { Point } from "./point.ts";
 * const host = new Host(startInProcess("mirror", createHandler), { point: (p) => console.log(p.name), batch() {} });
 * host.start();
 * await host.init([]);
 * await host.point(new Point({ name: "cpu" }));
 * await host.stop();
 * ```
 */
export class Host {
  readonly #udf: RunningUdf;
  readonly #options: HostOptions;
  readonly #session: Session;
  readonly #taker: ResponseTaker;
  #pointsIn = 0;
  #batchesIn = 0;
  #warnedOfSize = false;

  constructor(udf: RunningUdf, receiver: Receiver, options: HostOptions = {}) {
    this.#udf = udf;
    this.#options = options;
    this.#session = new Session(udf, options);
    this.#taker = new ResponseTaker(this.#session, receiver, options.log, options.maxBatchPoints);
  }

  /** What has gone through so far. */
  get counts(): HostCounts {
    const { pointsOut, batchesOut, unasked, invalidStrings } = this.#taker.counts;
    return { pointsIn: this.#pointsIn, pointsOut, batchesIn: this.#batchesIn, batchesOut, unasked, invalidStrings };
  }

  /** What the UDF has been asked and has not answered yet, if anything. */
  get asked(): Question | undefined {
    return this.#session.asked;
  }

  /** How long the UDF has sent nothing, in ms. */
  get silenceMs(): number {
    return this.#session.silenceMs;
  }

  /** The first error, once there is one. */
  get failure(): Error | undefined {
    return this.#session.failure;
  }

  /** Starts to read what the UDF sends. */
  start(): void {
    this.#session.start(async () => {
      const session = this.#session;
      const taker = this.#taker;
      for (let event; (event = await session.event()) !== undefined;) {
        if (event === "held back") this.#warnOfBuffering();
        while (event === "responses" && session.next()) {
          const busy = taker.take();
          if (busy !== undefined) await busy;
        }
      }
      if (session.failure === undefined) taker.end();
    });
  }

  /** Sets what the UDF provides, where it is known without asking: output of the other kind is warned of. */
  set provides(edge: EdgeType) {
    this.#taker.provides = edge;
  }

  /** Asks the UDF what it wants, what it provides and which options it takes. */
  async info(): Promise<InfoResponse> {
    this.start();
    const { info } = await this.#session.ask({ kind: "info" });
    this.#taker.provides = info.provides;
    return info;
  }

  /**
   * Gives the UDF its options.
   *
   * @throws {TineError} `init-failed` with the UDF's reason
   */
  async init(options: Option[]): Promise<void> {
    this.start();
    const { taskId = "", nodeId = "" } = this.#options;
    const { outcome } = await this.#session.ask({ kind: "init", init: { options, taskId, nodeId } });
    if (outcome.success) return;
    // An InitRequest that is read as an InitResponse fails with the task's id as its reason.
    if (taskId !== "" && outcome.error === taskId) {
      throw new TineError("echo", "this is no UDF: it sends back what it is sent, as cat does");
    }
    throw new TineError("init-failed", `the UDF refused its options: ${outcome.error || "it gave no reason"}`);
  }

  /**
   * Asks the UDF for its state, which reflects all that was sent before.
   *
   * @param taken gets the state before anything is handed on that the UDF sent after it
   */
  async snapshot(taken?: (state: Uint8Array) => void): Promise<Uint8Array> {
    this.start();
    const { snapshot } = await this.#session.ask({ kind: "snapshot" }, ({ snapshot }) => taken?.(snapshot));
    if (snapshot.length > DEFAULT_MAX_FRAME_BYTES) this.#warnOfSize(snapshot.length);
    return snapshot;
  }

  /** Does not wait for a snapshot any more that the UDF was asked for, as {@linkcode Session.withdraw}. */
  withdrawSnapshot(): void {
    this.#session.withdraw("snapshot");
  }

  /** Waits for the answer to a keepalive, as {@linkcode Session.roundTrip}. */
  async roundTrip(): Promise<void> {
    this.start();
    await this.#session.roundTrip();
  }

  /**
   * Gives the UDF a state that an earlier snapshot gave.
   *
   * @throws {TineError} `restore-failed` with the UDF's reason
   */
  async restore(snapshot: Uint8Array): Promise<void> {
    this.start();
    const { outcome } = await this.#session.ask({ kind: "restore", snapshot });
    if (outcome.success) return;
    throw new TineError("restore-failed", `the UDF refused the snapshot: ${outcome.error || "it gave no reason"}`);
  }

  /** Sends a point. The promise, where there is one, must be waited for: the UDF reads more slowly than we write. */
  point(point: Point): Promise<void> | void {
    this.#pointsIn++;
    return this.#session.send({ kind: "point", point });
  }

  /** Sends the point in `bytes[start, end)`, an encoded Request without its length. */
  pointFrame(bytes: Uint8Array, start: number, end: number): Promise<void> | void {
    this.#pointsIn++;
    return this.#session.sendFrame(bytes, start, end);
  }

  /**
   * Sends requests that are already encoded, each with its length; the promise must be waited for, where there is one.
   *
   * @param points how many of them are points, for the counts
   */
  frames(frames: Uint8Array, points: number): Promise<void> | void {
    this.#pointsIn += points;
    return this.#session.sendFrames(frames);
  }

  /** Sends a batch. */
  async batch({ begin, points, end }: Batch): Promise<void> {
    this.#batchesIn++;
    await this.#session.send({ kind: "begin", begin });
    for (const point of points) {
      const full = this.point(point);
      if (full !== undefined) await full;
    }
    await this.#session.send({ kind: "end", end });
  }

  /**
   * Ends the UDF's input, once the caller has stopped writing; reads all that it still sends, and waits for its end.
   *
   * @param drainTimeoutMs how long the UDF may take to end, then it is given up and killed; 0: for ever
   * @throws the reason if it did not end well; {@linkcode TineError} `bad-exit` where the UDF had handled all of its
   * input before:
   *   nothing is missing then, and Kapacitor is content
   */
  async stop(drainTimeoutMs = 0): Promise<void> {
    this.start();
    await this.#session.finish(drainTimeoutMs);
  }

  /**
   * Gives the UDF up: nothing more that it sends is handed on, its input is ended; if it has not ended after
   * twice the timeout, it is killed. The first reason is the one kept.
   */
  abort(error: Error): void {
    this.#session.abort(error);
  }

  /** Ends the UDF by force; {@linkcode stop} then waits for its end. */
  kill(): void {
    this.#session.kill();
  }

  #warnOfBuffering(): void {
    this.#options.log?.(
      `${this.#udf.name} holds back its output until a keepalive makes it flush: ` +
        "flush after each response (a Python UDF: run it with python -u)",
    );
  }

  /** A large snapshot costs memory and time each time that it is taken: the first one is warned of. */
  #warnOfSize(bytes: number): void {
    if (this.#warnedOfSize) return;
    this.#warnedOfSize = true;
    const mebibytes = Math.round(bytes / 2 ** 20);
    this.#options.log?.(
      `the UDF's snapshot has ${mebibytes} MiB: it is taken, though larger than the 64 MiB of other messages`,
    );
  }
}
