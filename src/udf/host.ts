import { ByteReader } from "../wire/byte_reader.ts";
import { TineError } from "../wire/errors.ts";
import { DEFAULT_MAX_FRAME_BYTES, FrameReader } from "../wire/frame_reader.ts";
import { FrameWriter } from "../wire/frame_writer.ts";
import { startLongTimer } from "../wire/long_timer.ts";
import { BatchGuard } from "./batch_guard.ts";
import { decodeResponse, encodeRequest, isIntactPoint } from "./codec.ts";
import { type FrameTaker, takesFrames } from "./handler.ts";
import { EXIT_GRACE_MS, failureOf, withinMs } from "./host_failure.ts";
import { Lifeline } from "./lifeline.ts";
import type { Batch } from "./batcher.ts";
import type { BeginBatch, EdgeType, InfoResponse, Option, Request, Response } from "./messages.ts";
import type { Peer } from "./peer.ts";
import type { Point } from "./point.ts";

/** Gets what a UDF sends back, in order. A promise that is returned holds up reading, and so in the end the UDF. */
export interface Receiver {
  point(point: Point): Promise<void> | void;
  batch(batch: Batch): Promise<void> | void;
}

/** How a host behaves; each has a default. */
export interface HostOptions {
  taskId?: string;
  nodeId?: string;
  /** A UDF that says nothing for so long, in ms, is aborted; default 10,000; 0: never. Keepalives go out at half of it. */
  timeoutMs?: number;
  /** The largest frame that is accepted, in bytes; default 64 MiB. */
  maxFrameBytes?: number;
  /** Gets sentences about what is odd and not an error. */
  log?: (message: string) => void;
  /** Called once, with the reason, when the host gives up the UDF. */
  onAbort?: (error: Error) => void;
  /** Called when an aborted UDF has not ended after twice the timeout; by default the UDF is killed. */
  onKill?: () => void;
}

/** What went through a host. */
export interface HostCounts {
  pointsIn: number;
  pointsOut: number;
  batchesIn: number;
  batchesOut: number;
  /** Responses nobody asked for, and empty ones. */
  unasked: number;
  /** Strings from the UDF that were not valid UTF-8. */
  invalidStrings: number;
}

/** What is asked for with an answer of its own kind. */
type Question = "info" | "init" | "snapshot" | "restore";

/** How long the output of a UDF that has ended may be silent: what it has started may hold it open for ever. */
const OUTPUT_GRACE_MS = 1000;

/** How many points a batch from a UDF may have: it is handed on whole. */
const MAX_BATCH_POINTS = 10_000_000;

/**
 * The host's side of a connection to a UDF, as Kapacitor's `udf.Server` is.
 *
 * @example
 * ```ts
 * import { Host } from "./host.ts";
 * import { startInProcess } from "./in_process_peer.ts";
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
  readonly #peer: Peer;
  readonly #receiver: Receiver;
  readonly #relay: FrameTaker | undefined;
  readonly #options: HostOptions;
  readonly #frames: FrameReader;
  readonly #cursor = new ByteReader();
  readonly #writer: FrameWriter;
  readonly #lifeline: Lifeline;
  readonly #guard = new BatchGuard("the UDF", { sizeIsHint: true });
  readonly #questions: {
    kind: Question;
    answer: PromiseWithResolvers<Response>;
    taken?: (response: Response) => void;
  }[] = [];
  readonly #counts = { pointsIn: 0, pointsOut: 0, batchesIn: 0, batchesOut: 0, unasked: 0 };
  /** Who waits for room to write. */
  readonly #waiting = new Set<PromiseWithResolvers<void>>();
  /** Settles when a UDF that was killed may be left to itself. */
  readonly #left = Promise.withResolvers<undefined>();
  #batch: Point[] = [];
  #chunks = 0;
  /** What the UDF wrote first, until a frame has been understood: text on stdout is mostly printed at the start. */
  #first: Uint8Array | undefined;
  #taking = false;
  #reading: Promise<void> | undefined;
  #stopping = false;
  #toldSize = false;
  #failure: Error | undefined;

  constructor(peer: Peer, receiver: Receiver, options: HostOptions = {}) {
    this.#peer = peer;
    this.#receiver = receiver;
    this.#relay = takesFrames(receiver) ? receiver : undefined;
    this.#options = options;
    this.#frames = new FrameReader(peer.connection, options.maxFrameBytes ?? DEFAULT_MAX_FRAME_BYTES);
    this.#writer = new FrameWriter(peer.connection);
    this.#lifeline = new Lifeline({
      timeoutMs: options.timeoutMs ?? 10_000,
      keepalive: (time) => this.#keepalive(time),
      waiting: () => this.#writer.pending > 0,
      asking: () => this.#questions.length > 0,
      rest: () => this.#frames.rest(),
      onSilence: (error) => this.abort(this.#writer.failure === undefined ? error : this.#brokenPipe()),
      onHeldBack: () =>
        this.#options.log?.(
          `${this.#peer.name} holds back its output until a keepalive makes it flush: ` +
            "flush after each response (a Python UDF: run it with python -u)",
        ),
    });
  }

  get counts(): HostCounts {
    return { ...this.#counts, invalidStrings: this.#cursor.strings.invalid };
  }

  /** The first error, once there is one. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** Starts to read what the UDF says. */
  start(): void {
    if (this.#reading !== undefined) return;
    this.#reading = this.#read();
    this.#lifeline.start();
    void this.#peer.ended.then(() => this.#endReading());
  }

  /** What the UDF provides, where it is known without asking: batches that do not fit are errors. */
  set provides(edge: EdgeType) {
    this.#guard.edge = edge;
  }

  /** Asks the UDF what it wants, provides and can be told. */
  async info(): Promise<InfoResponse> {
    const response = await this.#ask("info", { kind: "info" });
    if (response.kind !== "info") throw new Error("unreachable");
    this.#guard.edge = response.info.provides;
    return response.info;
  }

  /**
   * Gives the UDF its options.
   *
   * @throws {TineError} `init-failed` with the UDF's reason
   */
  async init(options: Option[]): Promise<void> {
    const { taskId = "", nodeId = "" } = this.#options;
    const response = await this.#ask("init", { kind: "init", init: { options, taskId, nodeId } });
    if (response.kind === "init" && !response.outcome.success) {
      // An InitRequest that is read as an InitResponse fails with the task's id as its reason.
      if (taskId !== "" && response.outcome.error === taskId) {
        throw new TineError("echo", "this is no UDF: it sends back what it is sent, as cat does");
      }
      throw new TineError(
        "init-failed",
        `the UDF refused its options: ${response.outcome.error || "it did not say why"}`,
      );
    }
  }

  /**
   * Asks the UDF for its state, which reflects all that was sent before.
   *
   * @param taken gets the state before anything is handed on that the UDF said after it
   */
  async snapshot(taken?: (state: Uint8Array) => void): Promise<Uint8Array> {
    const response = await this.#ask("snapshot", { kind: "snapshot" }, (response) => {
      if (response.kind === "snapshot") taken?.(response.snapshot);
    });
    return response.kind === "snapshot" ? response.snapshot : new Uint8Array();
  }

  /**
   * Gives the UDF a state that an earlier snapshot gave.
   *
   * @throws {TineError} `restore-failed` with the UDF's reason
   */
  async restore(snapshot: Uint8Array): Promise<void> {
    const response = await this.#ask("restore", { kind: "restore", snapshot });
    if (response.kind === "restore" && !response.outcome.success) {
      throw new TineError(
        "restore-failed",
        `the UDF refused the snapshot: ${response.outcome.error || "it did not say why"}`,
      );
    }
  }

  /** Sends a point. The promise, where there is one, must be waited for: the UDF reads more slowly than we write. */
  point(point: Point): Promise<void> | void {
    this.#counts.pointsIn++;
    return this.#send({ kind: "point", point });
  }

  /** Sends the point in `bytes[start, end)`, an encoded Request without its length. */
  pointFrame(bytes: Uint8Array, start: number, end: number): Promise<void> | void {
    this.#counts.pointsIn++;
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
    this.#counts.pointsIn += points;
    const broken = this.#checkOpen();
    if (broken !== undefined) return broken;
    this.#writer.addFrames(frames);
    this.#lifeline.sent("point");
    if (this.#writer.full) return this.#drained();
  }

  /** Sends a batch. */
  async batch({ begin, points, end }: Batch): Promise<void> {
    this.#counts.batchesIn++;
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
   * @throws the reason if it did not end well
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
        await this.#writer.finish().catch(() => this.#stoppedReading()).catch(() => {});
      }
      this.#stopping = true;
      // No keepalive can be sent any more: only the drain timeout says how long the UDF may be silent.
      this.#lifeline.stop();
      await this.#peer.connection.closeWrite().catch(() => {});
      await this.#reading;
      const end = await Promise.race([this.#peer.ended, this.#left.promise]);
      if (end !== undefined) this.#fail(new TineError("udf-ended", `the UDF ${end}`));
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
      this.#frames.stop();
      void withinMs(EXIT_GRACE_MS, this.#peer.ended).then(() => this.#left.resolve(undefined));
    });
    void this.#peer.ended.then(() => {
      timer[Symbol.dispose]();
      this.#frames.stop();
    });
  }

  /** Ends the UDF by force; {@linkcode stop} then waits for its end. */
  kill(): void {
    this.#peer.kill();
    this.#frames.stop();
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

  #keepalive(time: bigint): void {
    if (this.#stopping || this.#failure !== undefined) return;
    if (this.#writer.failure !== undefined) void this.#stoppedReading().catch(() => {});
    else void this.#send({ kind: "keepalive", time });
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

  #ask(kind: Question, request: Request, taken?: (response: Response) => void): Promise<Response> {
    const answer = Promise.withResolvers<Response>();
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    this.start();
    this.#questions.push({ kind, answer, taken });
    const sent = this.#send(request);
    sent?.catch(() => {}); // the answer is rejected as well
    return answer.promise;
  }

  async #read(): Promise<void> {
    try {
      while (await this.#frames.fill()) {
        if (this.#chunks++ === 0) this.#first = this.#frames.rest().slice(0, 80);
        this.#taking = true;
        this.#lifeline.heard();
        this.#frames.readAhead();
        while (this.#frames.next()) {
          if (this.#failure !== undefined) continue; // what is in flight is not processed after an abort
          const { bytes, start, end } = this.#frames;
          const cursor = this.#cursor.reset(bytes, start, end);
          const relay = this.#guard.open === undefined ? this.#relay : undefined;
          const busy = relay !== undefined && isIntactPoint(cursor)
            ? this.#handOn(relay)
            : this.#take(decodeResponse(cursor));
          if (busy !== undefined) await busy;
        }
        this.#lifeline.handled();
        this.#taking = false;
        if (this.#lifeline.understood) this.#first = undefined;
      }
      const unfinished = this.#guard.open !== undefined || this.#questions.length > 0;
      if (this.#failure === undefined && (!this.#stopping || unfinished)) {
        this.abort(await failureOf({ peer: this.#peer, asked: this.#questions[0]?.kind }));
      }
    } catch (error) {
      await this.#broke(error);
    } finally {
      this.#lifeline.stop();
    }
  }

  /** Reads what a UDF that has ended has left in its pipe, and not until what it has started ends too. */
  async #endReading(): Promise<void> {
    let done = false;
    const reading = this.#reading!.finally(() => done = true);
    for (let before = -1; !done && (this.#taking || this.#chunks !== before);) {
      before = this.#chunks;
      await withinMs(OUTPUT_GRACE_MS, reading);
    }
    this.#frames.stop();
  }

  /** Reading or handling failed: finds out why, and lets the UDF end. */
  async #broke(error: unknown): Promise<void> {
    if (this.#failure === undefined) {
      const { bytes, start, end } = this.#frames;
      const frame = bytes.subarray(Math.max(0, start - 1), end);
      this.abort(await failureOf({ peer: this.#peer, error, first: this.#first, rest: this.#frames.rest(), frame }));
    }
    // A UDF that cannot get rid of its output does not see the end of its input.
    await this.#frames.drain().catch(() => {});
  }

  /** A wrong size harms no task under Kapacitor: it is told once. */
  #checkSize({ name, size }: BeginBatch, count: number): void {
    if (size === 0n || size === BigInt(count) || this.#toldSize) return;
    this.#toldSize = true;
    this.#options.log?.(`the UDF announced ${size} points for the batch ${JSON.stringify(name)} and sent ${count}`);
  }

  #handOn(relay: FrameTaker): Promise<void> | void {
    this.#guard.point();
    this.#counts.pointsOut++;
    this.#lifeline.data();
    const { bytes, start, end } = this.#frames;
    return relay.pointFrame(bytes, start, end);
  }

  #take(response: Response): Promise<void> | void {
    switch (response.kind) {
      case "point": {
        this.#guard.point();
        if (this.#guard.open === undefined) {
          this.#counts.pointsOut++;
          this.#lifeline.data();
          return this.#receiver.point(response.point);
        }
        if (this.#batch.length >= MAX_BATCH_POINTS) {
          throw new TineError("batch-too-large", `the UDF sent a batch of more than ${MAX_BATCH_POINTS} points`);
        }
        this.#batch.push(response.point);
        this.#lifeline.data();
        return;
      }
      case "begin":
        this.#guard.begin(response.begin);
        return;
      case "end": {
        const begin = this.#guard.open!;
        this.#guard.end(response.end);
        const points = this.#batch;
        this.#batch = [];
        this.#checkSize(begin, points.length);
        this.#counts.pointsOut += points.length;
        this.#counts.batchesOut++;
        this.#lifeline.data();
        return this.#receiver.batch({ begin, points, end: response.end });
      }
      case "keepalive":
        this.#lifeline.answered();
        return;
      case "error":
        throw new TineError("udf-error", `the UDF reported an error: ${response.error || "it did not say which"}`);
      case "empty":
        this.#counts.unasked++;
        this.#options.log?.("the UDF sent an empty or unknown response; Kapacitor would crash on it");
        return;
      default: {
        const [question] = this.#questions;
        if (question?.kind !== response.kind) {
          this.#counts.unasked++;
          this.#options.log?.(`the UDF answered ${response.kind}, which nobody asked for`);
          return;
        }
        this.#questions.shift();
        this.#lifeline.data();
        question.taken?.(response);
        question.answer.resolve(response);
      }
    }
  }

  #fail(error: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    for (const { answer } of this.#questions.splice(0)) answer.reject(error);
    for (const { reject } of this.#waiting) reject(error);
    this.#options.onAbort?.(error);
  }
}
