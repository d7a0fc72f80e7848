import { TineError } from "../base/errors.ts";
import { DEFAULT_MAX_FRAME_BYTES } from "../wire/frame_reader.ts";
import { FrameWriter } from "../wire/frame_writer.ts";
import { startLongTimer } from "../base/time.ts";
import type { Batch } from "./batcher.ts";
import { encodeRequest } from "./codec.ts";
import { EXIT_GRACE_MS, failureOf, withinMs } from "./end_reason.ts";
import { HostReader } from "./host_reader.ts";
import { KeepaliveMonitor } from "./keepalive_monitor.ts";
import type { EdgeType, InfoResponse, Option, Request } from "./messages.ts";
import type { RunningUdf } from "./running_udf.ts";
import type { Point } from "./point.ts";
import { type Answer, type Question, Questions } from "./questions.ts";
import type { Receiver } from "./receiver.ts";
import { type ResponseCounts, ResponseTaker } from "./response_taker.ts";

export type { Receiver } from "./receiver.ts";

/** Keepalives without an answer that are remembered: more mean that the UDF never answers one. */
const MAX_UNANSWERED = 100;

/** How a host behaves; each has a default. */
export interface HostOptions {
  taskId?: string;
  nodeId?: string;
  /** A UDF that says nothing for so long, in ms, is aborted; default 10,000; 0: never. Keepalives go out at half of it. */
  timeoutMs?: number;
  /** The largest frame that is accepted, in bytes; default 64 MiB, and for snapshots what memory allows. */
  maxFrameBytes?: number;
  /** Gets sentences about what is odd and not an error. */
  log?: (message: string) => void;
  /** Called once, with the reason, when the host gives up the UDF. */
  onAbort?: (error: Error) => void;
  /** Called when an aborted UDF has not ended after twice the timeout; by default the UDF is killed. */
  onKill?: () => void;
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
  readonly #peer: RunningUdf;
  readonly #options: HostOptions;
  readonly #writer: FrameWriter;
  readonly #lifeline: KeepaliveMonitor;
  readonly #questions = new Questions();
  readonly #taker: ResponseTaker;
  readonly #reader: HostReader;
  #pointsIn = 0;
  #batchesIn = 0;
  /** Who waits for room to write. */
  readonly #waiting = new Set<PromiseWithResolvers<void>>();
  /** Settles at the first error: a write to a UDF that hangs may never end. */
  readonly #failed = Promise.withResolvers<void>();
  /** Settles when a UDF that was killed may be left to itself. */
  readonly #left = Promise.withResolvers<undefined>();
  #reading: Promise<void> | undefined;
  #stopping = false;
  /** The times of keepalives that the UDF has not answered; each is another one. */
  #unanswered: bigint[] = [];
  #lastKeepalive = 0n;
  #warnedOfSize = false;
  #failure: Error | undefined;

  constructor(peer: RunningUdf, receiver: Receiver, options: HostOptions = {}) {
    this.#peer = peer;
    this.#options = options;
    this.#writer = new FrameWriter(peer.connection);
    const lifeline = this.#lifeline = new KeepaliveMonitor({
      timeoutMs: options.timeoutMs ?? 10_000,
      keepalive: (time) => this.#keepalive(time),
      waiting: () => this.#writer.pending > 0,
      rest: () => this.#reader.rest(),
      onSilence: (error) => this.abort(this.#writer.failure === undefined ? error : this.#brokenPipe()),
      onHeldBack: () =>
        this.#options.log?.(
          `${this.#peer.name} holds back its output until a keepalive makes it flush: ` +
            "flush after each response (a Python UDF: run it with python -u)",
        ),
    });
    const taker = this.#taker = new ResponseTaker({
      receiver,
      questions: this.#questions,
      lifeline,
      keepalive: (time) => this.#answered(time),
      log: options.log,
    });
    this.#reader = new HostReader(peer.connection, { taker, lifeline, maxFrameBytes: options.maxFrameBytes });
  }

  get counts(): HostCounts {
    const { pointsOut, batchesOut, unasked, invalidStrings } = this.#taker.counts;
    return { pointsIn: this.#pointsIn, pointsOut, batchesIn: this.#batchesIn, batchesOut, unasked, invalidStrings };
  }

  /** For how long the UDF has said nothing, in ms. */
  get silenceMs(): number {
    return this.#lifeline.silenceMs;
  }

  /** The first error, once there is one. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Starts to read what the UDF says. */
  start(): void {
    if (this.#reading !== undefined) return;
    const reading = this.#reading = this.#read();
    this.#lifeline.start();
    void this.#peer.ended.then(() => this.#reader.stopOnceSilent(reading));
  }

  /** What the UDF provides, where it is known without asking: it is warned of output of the other kind. */
  set provides(edge: EdgeType) {
    this.#taker.provides = edge;
  }

  /** Asks the UDF what it wants, provides and can be told. */
  async info(): Promise<InfoResponse> {
    const { info } = await this.#ask("info", { kind: "info" });
    this.#taker.provides = info.provides;
    return info;
  }

  /**
   * Gives the UDF its options.
   *
   * @throws {TineError} `init-failed` with the UDF's reason
   */
  async init(options: Option[]): Promise<void> {
    const { taskId = "", nodeId = "" } = this.#options;
    const { outcome } = await this.#ask("init", { kind: "init", init: { options, taskId, nodeId } });
    if (!outcome.success) {
      // An InitRequest that is read as an InitResponse fails with the task's id as its reason.
      if (taskId !== "" && outcome.error === taskId) {
        throw new TineError("echo", "this is no UDF: it sends back what it is sent, as cat does");
      }
      throw new TineError(
        "init-failed",
        `the UDF refused its options: ${outcome.error || "it did not say why"}`,
      );
    }
  }

  /**
   * Asks the UDF for its state, which reflects all that was sent before.
   *
   * @param taken gets the state before anything is handed on that the UDF said after it
   */
  async snapshot(taken?: (state: Uint8Array) => void): Promise<Uint8Array> {
    const { snapshot } = await this.#ask("snapshot", { kind: "snapshot" }, ({ snapshot }) => taken?.(snapshot));
    if (snapshot.length > DEFAULT_MAX_FRAME_BYTES) this.#warnOfSize(snapshot.length);
    return snapshot;
  }

  /**
   * Gives the UDF a state that an earlier snapshot gave.
   *
   * @throws {TineError} `restore-failed` with the UDF's reason
   */
  async restore(snapshot: Uint8Array): Promise<void> {
    const { outcome } = await this.#ask("restore", { kind: "restore", snapshot });
    if (!outcome.success) {
      throw new TineError(
        "restore-failed",
        `the UDF refused the snapshot: ${outcome.error || "it did not say why"}`,
      );
    }
  }

  /** Sends a point. The promise, where there is one, must be waited for: the UDF reads more slowly than we write. */
  point(point: Point): Promise<void> | void {
    this.#pointsIn++;
    return this.#send({ kind: "point", point });
  }

  /** Sends the point in `bytes[start, end)`, an encoded Request without its length. */
  pointFrame(bytes: Uint8Array, start: number, end: number): Promise<void> | void {
    this.#pointsIn++;
    const broken = this.#checkOpen();
    if (broken !== undefined) return broken;
    this.#writer.add(bytes, start, end);
    this.#lifeline.sent("point");
    if (this.#writer.full) return this.#drained();
  }

  /**
   * Sends requests that are already encoded, each with its length; the promise must be waited for, where there is one.
   *
   * @param points how many of them are points, for the counts
   */
  frames(frames: Uint8Array, points: number): Promise<void> | void {
    this.#pointsIn += points;
    const broken = this.#checkOpen();
    if (broken !== undefined) return broken;
    this.#writer.addFrames(frames);
    this.#lifeline.sent("point");
    if (this.#writer.full) return this.#drained();
  }

  /** Sends a batch. */
  async batch({ begin, points, end }: Batch): Promise<void> {
    this.#batchesIn++;
    await this.#send({ kind: "begin", begin });
    for (const point of points) {
      const full = this.point(point);
      if (full !== undefined) await full;
    }
    await this.#send({ kind: "end", end });
  }

  /**
   * Ends the UDF's input, once the caller has stopped writing; reads all that it still says, and waits for its end.
   *
   * @param drainTimeoutMs how long the UDF may take to end, then it is aborted; 0: for ever
   * @throws the reason if it did not end well; {@linkcode TineError} `bad-exit` where the UDF had handled all of its input before:
   *   nothing is missing then, and Kapacitor is content
   */
  async stop(drainTimeoutMs = 0): Promise<void> {
    const timer = drainTimeoutMs === 0 ? undefined : startLongTimer(drainTimeoutMs, () => {
      this.abort(
        new TineError(
          "drain-timeout",
          `the UDF did not end within ${drainTimeoutMs / 1000} s after the end of its input`,
        ),
      );
    });
    try {
      this.start();
      if (this.#failure === undefined) {
        this.#lifeline.probe();
        const written = this.#writer.finish().catch(() => this.#stoppedReading()).catch(() => {});
        await Promise.race([written, this.#failed.promise]);
      }
      this.#stopping = true;
      // No keepalive can be sent any more: only the drain timeout says how long the UDF may be silent.
      this.#lifeline.stop();
      await Promise.race([this.#peer.connection.closeWrite().catch(() => {}), this.#failed.promise]);
      await this.#reading;
      const end = await Promise.race([this.#peer.ended, this.#left.promise]);
      if (end !== undefined) {
        const code = this.#unanswered.length === 0 ? "bad-exit" : "udf-ended";
        this.#fail(new TineError(code, `the UDF ${end}`));
      }
    } finally {
      timer?.[Symbol.dispose]();
      this.#lifeline.stop();
      await this.#peer.close();
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  /**
   * Gives the UDF up: nothing more that it says is handed on, its input is ended; if it has not ended after
   * twice the timeout, it is killed. The first reason is the one kept.
   */
  abort(error: Error): void {
    if (this.#failure !== undefined) return;
    this.#fail(error);
    void this.#peer.connection.closeWrite().catch(() => {});
    const grace = 2 * (this.#options.timeoutMs || 10_000);
    const timer = startLongTimer(grace, () => {
      if (this.#options.onKill) this.#options.onKill();
      else this.#peer.kill();
      this.#reader.stop();
      void withinMs(EXIT_GRACE_MS, this.#peer.ended).then(() => this.#left.resolve(undefined));
    });
    void this.#peer.ended.then(() => {
      timer[Symbol.dispose]();
      this.#reader.stop();
    });
  }

  /** Ends the UDF by force; {@linkcode stop} then waits for its end. */
  kill(): void {
    this.#peer.kill();
    this.#reader.stop();
  }

  /** A large snapshot costs memory and time each time that it is taken: that is said once. */
  #warnOfSize(bytes: number): void {
    if (this.#warnedOfSize) return;
    this.#warnedOfSize = true;
    this.#options.log?.(
      `the UDF's snapshot has ${
        Math.round(bytes / 2 ** 20)
      } MiB: it is taken, though larger than the 64 MiB of other messages`,
    );
  }

  #checkOpen(): Promise<never> | void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#stopping) throw new TineError("stopped", "the host has stopped the UDF, nothing more can be sent");
    if (this.#writer.failure !== undefined) return this.#stoppedReading();
  }

  #send(request: Request): Promise<void> | void {
    const broken = this.#checkOpen();
    if (broken !== undefined) return broken;
    encodeRequest(this.#writer.open(), request);
    this.#writer.close();
    this.#lifeline.sent(request.kind);
    if (this.#writer.full) return this.#drained();
  }

  /** Waits for room to write, or until the UDF is given up: a write to a UDF that hangs may never end. */
  #drained(): Promise<void> {
    const waiting = Promise.withResolvers<void>();
    this.#waiting.add(waiting);
    this.#writer.drained().catch(() => this.#stoppedReading()).then(waiting.resolve, waiting.reject)
      .finally(() => this.#waiting.delete(waiting));
    // Who does not wait learns of the failure by the next call; it must not end the whole process.
    waiting.promise.catch(() => {});
    return waiting.promise;
  }

  #keepalive(now: bigint): void {
    if (this.#stopping || this.#failure !== undefined) return;
    if (this.#writer.failure !== undefined) return void this.#stoppedReading().catch(() => {});
    const time = this.#lastKeepalive = now > this.#lastKeepalive ? now : this.#lastKeepalive + 1n;
    this.#unanswered = [...this.#unanswered.slice(-MAX_UNANSWERED), time];
    void this.#send({ kind: "keepalive", time });
  }

  /** A UDF answers with the time of the request, and with another one where it was not asked. */
  #answered(time: bigint): void {
    const index = time === 0n ? 0 : this.#unanswered.indexOf(time); // some give none
    this.#unanswered = this.#unanswered.slice(index + 1);
  }

  /** Writing failed: the UDF goes away, or reads no more. Why is known once all that it said is read. */
  async #stoppedReading(): Promise<never> {
    await withinMs(EXIT_GRACE_MS, this.#reading);
    this.abort(this.#brokenPipe());
    throw this.#failure;
  }

  #brokenPipe(): TineError {
    return new TineError("connection-broke", "the UDF stopped reading before the end of its input", {
      cause: this.#writer.failure,
    });
  }

  #ask<Q extends Question>(kind: Q, request: Request, taken?: (answer: Answer<Q>) => void): Promise<Answer<Q>> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    this.start();
    const sent = this.#send(request); // what throws here was never asked
    const answer = this.#questions.add(kind, taken);
    sent?.catch(() => {}); // the answer is rejected as well
    return answer;
  }

  async #read(): Promise<void> {
    try {
      await this.#reader.read();
      if (this.#failure === undefined) this.#taker.end();
      if (this.#failure === undefined && (!this.#stopping || this.#questions.first !== undefined)) {
        this.abort(await failureOf({ peer: this.#peer, asked: this.#questions.first }));
      }
    } catch (error) {
      if (this.#failure === undefined) {
        this.abort(await failureOf({ peer: this.#peer, error, ...this.#reader.evidence }));
      }
      // A UDF that cannot get rid of its output does not see the end of its input.
      await this.#reader.drain().catch(() => {});
    } finally {
      this.#lifeline.stop();
    }
  }

  #fail(error: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    this.#failed.resolve();
    this.#reader.drop();
    this.#questions.reject(error);
    for (const { reject } of this.#waiting) reject(error);
    this.#options.onAbort?.(error);
  }
}
