import { TineError } from "../base/errors.ts";
import { Condition } from "../base/condition.ts";
import { startLongTimer } from "../base/time.ts";
import { ByteReader } from "../wire/byte_reader.ts";
import { FrameReader } from "../wire/frame_reader.ts";
import { FrameWriter } from "../wire/frame_writer.ts";
import { decodeResponse, encodeRequest, isIntactPoint } from "./codec.ts";
import { brokenPipe, endReason, EXIT_GRACE_MS, textOn, textOnStdout, withinMs } from "./end_reason.ts";
import { KeepaliveMonitor } from "./keepalive_monitor.ts";
import type { Request, Response } from "./messages.ts";
import { type Answer, type Question, Questions } from "./questions.ts";
import type { RunningUdf } from "./running_udf.ts";
import { defaultFrameLimit } from "./snapshot_limit.ts";

/** How long the output of a UDF that has ended may be silent: what it has started may hold it open for ever. */
const OUTPUT_GRACE_MS = 1000;

/** How long a UDF behind a socket may be silent before its input ends, where a keepalive is not answered; others half. */
const LAST_ANSWER_MS = 500;

/** How a session behaves; each has a default. */
export interface SessionOptions {
  /**
   * A UDF that sends nothing for this long, in ms, is given up, and keepalives go out at half of it; default 10,000.
   * With 0 it may be silent for ever, and a keepalive goes out only where it may make the UDF flush.
   */
  timeoutMs?: number;
  /** False: no keepalive goes out and silence is not judged; the client does both. Default true. */
  keepalives?: boolean;
  /** Judges silence after the end of the input as well, when no keepalive can be sent; default false. */
  judgesSilentEnd?: boolean;
  /** The largest frame that is accepted, in bytes; default 64 MiB, and for snapshots what memory allows. */
  maxFrameBytes?: number;
  /** How long a UDF that is given up may take to end before it is killed, in ms; default twice the timeout. */
  killAfterMs?: number;
  /** Called once, with the reason, when the UDF is given up. */
  onAbort?: (error: Error) => void;
  /** Called in place of killing a UDF that is given up and does not end. */
  onKill?: () => void;
}

/** What happens in a session: whole responses have come, or it has become clear that the UDF holds back its output. */
export type SessionEvent = "responses" | "held back";

/**
 * The host's side of one connection to a UDF: owns the frames both ways, the keepalives, and the end with the best
 * reason for it.
 *
 * A client reads by taking one {@linkcode event} after the other; at each `responses` it moves on with {@linkcode next}
 * and gets the current frame as {@linkcode response}, or as bytes. What reading throws, and an end before that of the
 * input, gives up the UDF: the first reason is kept as {@linkcode failure}, and whatever waits is rejected with it.
 *
 * @example
 * ```ts
 * import { createHandler } from "./handlers/mirror.ts";
 * import { startInProcess } from "./running_udf.ts";
 * import { Session } from "./session.ts";
 * const session = new Session(startInProcess("mirror", createHandler));
 * session.start(async () => {
 *   for (let event; (event = await session.event()) !== undefined;) {
 *     while (event === "responses" && session.next()) console.log(session.response().kind);
 *   }
 * });
 * await session.send({ kind: "info" });
 * await session.finish();
 * ```
 */
export class Session {
  /** The current response as bytes, in `bytes[start, end)`, without its length. */
  readonly current: Pick<FrameReader, "bytes" | "start" | "end">;

  readonly #udf: RunningUdf;
  readonly #options: SessionOptions;
  readonly #frames: FrameReader;
  readonly #cursor = new ByteReader();
  readonly #writer: FrameWriter;
  readonly #monitor: KeepaliveMonitor;
  readonly #questions = new Questions();
  /** Calls that wait for room to write. */
  readonly #waiting = new Set<PromiseWithResolvers<void>>();
  /** Settles at the first error: a write to a UDF that hangs may never end. */
  readonly #failed = Promise.withResolvers<void>();
  /** Notified when the UDF has answered all keepalives. */
  readonly #answered = new Condition();
  /** Settles when a UDF that was killed may be left to itself. */
  readonly #left = Promise.withResolvers<undefined>();
  #reading: Promise<void> | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  #chunks = 0;
  /** What the UDF wrote first, until a response has come: text on stdout is mostly printed at the start. */
  #first: Uint8Array | undefined;
  #handling = false;
  #inputEnded = false;
  #endExpected = false;
  #failure: Error | undefined;

  constructor(udf: RunningUdf, options: SessionOptions = {}) {
    this.#udf = udf;
    this.#options = options;
    this.current = this.#frames = new FrameReader(udf.connection, options.maxFrameBytes ?? defaultFrameLimit());
    this.#writer = new FrameWriter(udf.connection);
    this.#monitor = new KeepaliveMonitor(options.timeoutMs ?? 10_000);
  }

  /** The first reason to give up the UDF, once there is one. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** What the UDF has been asked and has not answered yet, if anything. */
  get asked(): Question | undefined {
    return this.#questions.first;
  }

  /** How long the UDF has sent nothing, in ms; 0 while what it sent is being handled. */
  get silenceMs(): number {
    return this.#monitor.silenceMs;
  }

  /** Strings from the UDF that were not valid UTF-8. */
  get invalidStrings(): number {
    return this.#cursor.strings.invalid;
  }

  /**
   * Starts to read what the UDF sends; once, further calls do nothing.
   *
   * @param read takes all {@linkcode event}s, and throws what it cannot go on with
   */
  start(read: () => Promise<void>): void {
    if (this.#reading !== undefined) return;
    const reading = this.#reading = this.#read(read);
    if (this.#options.keepalives !== false) this.#timer = setInterval(() => this.#tick(), this.#monitor.intervalMs);
    void this.#udf.ended.then(() => this.#stopOnceSilent(reading));
  }

  // Reading.

  /**
   * Waits for the next event; the responses of the last one must have been handled.
   *
   * @returns undefined at the end of the output
   * @throws {WireError} where the output ends inside a frame; what the connection threw
   */
  async event(): Promise<SessionEvent | undefined> {
    const frames = this.#frames;
    if (this.#handling && this.#handled()) return "held back";
    if (!await frames.fill()) return undefined;
    if (this.#chunks++ === 0) this.#first = frames.rest().slice(0, 80);
    this.#handling = true;
    this.#monitor.received();
    frames.readAhead();
    return "responses";
  }

  /** Moves on to the next response of those that have come; nothing of what comes after a failure is handed out. */
  next(): boolean {
    const frames = this.#frames;
    while (frames.next()) if (this.#failure === undefined) return true;
    return false;
  }

  /** The current response with its length, where that takes one byte; valid until the next event. */
  get frame(): Uint8Array {
    const { bytes, start, end } = this.#frames;
    return bytes.subarray(Math.max(0, start - 1), end);
  }

  /** The bytes that belong to no frame yet. */
  get rest(): Uint8Array {
    return this.#frames.rest();
  }

  /** Whether the current response is a point that can be handed on as it is. */
  get isIntactPoint(): boolean {
    const { bytes, start, end } = this.#frames;
    if (!isIntactPoint(this.#cursor.reset(bytes, start, end))) return false;
    this.#monitor.data();
    return true;
  }

  /** Whether the current response is a point, by its first bytes: for those who count points and read none. */
  get isPoint(): boolean {
    const { bytes, start, end } = this.#frames;
    if (end - start < 3 || bytes[start] !== 0x8a || bytes[start + 1] !== 0x01) return false; // field 17
    this.#monitor.data();
    return true;
  }

  /**
   * Decodes the current response.
   *
   * @throws {WireError} if the bytes are no Response
   */
  response(): Response {
    const { bytes, start, end } = this.#frames;
    const response = decodeResponse(this.#cursor.reset(bytes, start, end));
    if (response.kind === "point" || response.kind === "end") {
      this.#monitor.data();
    } else if (response.kind === "keepalive") {
      this.#monitor.answered(response.time);
      if (this.#monitor.allAnswered) this.#answered.notify();
    }
    return response;
  }

  /** Takes a response as the answer to the first question of this kind; false where no question is open. */
  answer(response: Response): boolean {
    if (!this.#questions.answer(response)) return false;
    this.#monitor.replied();
    return true;
  }

  /** Reads and drops all that still comes: a UDF whose output is not taken does not see the end of the input. */
  async drain(): Promise<void> {
    await this.#frames.drain().catch(() => {});
  }

  // Writing.

  /**
   * Sends a request. The promise, where there is one, must be waited for: the UDF reads more slowly than we write.
   *
   * @throws the reason where the UDF has been given up
   */
  send(request: Request): Promise<void> | void {
    const broken = this.#checkOpen();
    if (broken !== undefined) return broken;
    this.#encode(request);
    return this.#sent();
  }

  /** Sends the request in `bytes[start, end)`, encoded without its length, as {@linkcode send} does. */
  sendFrame(bytes: Uint8Array, start: number, end: number): Promise<void> | void {
    const broken = this.#checkOpen();
    if (broken !== undefined) return broken;
    this.#writer.add(bytes, start, end);
    return this.#sent();
  }

  /** Sends requests that are encoded, each with its length, as {@linkcode send} does. */
  sendFrames(frames: Uint8Array): Promise<void> | void {
    const broken = this.#checkOpen();
    if (broken !== undefined) return broken;
    this.#writer.addFrames(frames);
    return this.#sent();
  }

  /**
   * Writes bytes, whether they are frames or not.
   *
   * @throws what the connection threw
   */
  async write(bytes: Uint8Array): Promise<void> {
    this.#writer.addFrames(bytes);
    await this.#writer.finish();
  }

  /**
   * Asks the UDF something.
   *
   * @param taken gets the answer at once; the promise is settled later
   * @returns the answer; rejected where the UDF is given up
   */
  ask<Q extends Question>(request: Request & { kind: Q }, taken?: (answer: Answer<Q>) => void): Promise<Answer<Q>> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const sent = this.send(request); // what throws here was never asked
    sent?.catch(() => {}); // the answer is rejected as well
    return this.expect(request.kind, taken);
  }

  /** Goes on without answers to questions of this kind that were asked. */
  withdraw(kind: Question): void {
    this.#questions.withdraw(kind);
  }

  /**
   * Sends a keepalive, and waits for its answer. Agents that answer in order have then handled all that was sent before;
   * others may answer earlier.
   *
   * @throws the reason where the UDF is given up
   */
  async roundTrip(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    this.#keepalive();
    while (!this.#monitor.allAnswered && this.#failure === undefined) {
      await Promise.race([this.#answered.wait(), this.#failed.promise]);
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Expects the answer to a question that has been sent in other ways, as {@linkcode ask} does. */
  expect<Q extends Question>(kind: Q, taken?: (answer: Answer<Q>) => void): Promise<Answer<Q>> {
    return this.#questions.add(kind, taken);
  }

  // The end.

  /** From now on the UDF may end its output: that is no failure. */
  expectEnd(): void {
    this.#endExpected = true;
  }

  /** Ends the input of the UDF, without waiting for what has not been written. */
  async endInput(): Promise<void> {
    this.#inputEnded = this.#endExpected = true;
    // No keepalive can be sent any more: the UDF may work for long without a sign of life.
    if (!this.#options.judgesSilentEnd) clearInterval(this.#timer);
    await this.#udf.connection.closeWrite().catch(() => {});
  }

  /**
   * Ends the input of the UDF, once the client has stopped writing; waits until all that the UDF still sends is read
   * and it has ended, and frees it.
   *
   * @param drainTimeoutMs how long the UDF may take to end, in ms, then it is given up and killed; 0: for ever
   * @throws the reason where the UDF did not end well; {@linkcode TineError} `bad-exit` where it had handled all of its
   * input
   */
  async finish(drainTimeoutMs = 0): Promise<void> {
    using _timer = drainTimeoutMs === 0 ? undefined : startLongTimer(drainTimeoutMs, () => {
      const seconds = drainTimeoutMs / 1000;
      // It has had its time: there is nothing more to wait for.
      this.abort(
        new TineError("drain-timeout", `the UDF did not end within ${seconds} s after the end of its input`),
        0,
      );
    });
    try {
      if (this.#failure === undefined) {
        if (this.#monitor.probe()) this.#keepalive();
        const written = this.#writer.finish().catch(() => this.#stoppedReading()).catch(() => {});
        await Promise.race([written, this.#failed.promise]);
        await this.#lastAnswer(drainTimeoutMs);
      }
      await Promise.race([this.endInput(), this.#failed.promise]);
      await this.#reading;
      const end = await Promise.race([this.#udf.ended, this.#left.promise]);
      if (end !== undefined) {
        const code = this.#monitor.allAnswered ? "bad-exit" : "udf-ended";
        this.#fail(new TineError(code, `the UDF ${end}`));
      }
    } finally {
      clearInterval(this.#timer);
      await this.#udf.close();
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  /**
   * Waits for the answer to the last keepalive: a UDF that ends before has not handled all of its input. Go's agent
   * closes its socket at the end of its input, before it has written all: what it would lose comes before that answer.
   * After the end it may be silent for longer than its timeout, and has a time to end: each wait leaves half of these.
   */
  async #lastAnswer(drainTimeoutMs: number): Promise<void> {
    const began = performance.now();
    const { socket } = this.#udf;
    const silentMs = (this.#options.timeoutMs ?? 10_000) / 2 || Infinity, drainMs = drainTimeoutMs / 2 || Infinity;
    const mostMs = Math.min(socket ? LAST_ANSWER_MS : LAST_ANSWER_MS / 2, drainMs);
    const over = Promise.race([this.#failed.promise, this.#reading]);
    let isOver = false, hasEnded = false;
    void over.then(() => isOver = true);
    void this.#udf.ended.then(() => hasEnded = true);
    while (!isOver && !this.#monitor.allAnswered) {
      const { silenceMs } = this;
      const leftMs = Math.min(mostMs - (socket ? silenceMs : performance.now() - began), silentMs - silenceMs);
      // What a UDF that has ended has written is read to its end.
      if (hasEnded) await over;
      else if (leftMs <= 0) return;
      else await withinMs(leftMs, Promise.race([this.#answered.wait(), over]));
    }
  }

  /**
   * Gives up the UDF: nothing more that it sends is handed out, its input is ended; if it does not end, it is killed.
   * The first reason is the one kept.
   *
   * @param killAfterMs how long it may take to end, in ms; default: as the options say
   */
  abort(error: Error, killAfterMs?: number): void {
    if (this.#failure !== undefined) return;
    this.#fail(error);
    void this.#udf.connection.closeWrite().catch(() => {});
    const { killAfterMs: usual, timeoutMs, onKill } = this.#options;
    const timer = startLongTimer(killAfterMs ?? usual ?? 2 * (timeoutMs || 10_000), () => {
      if (onKill) onKill();
      else this.#udf.kill();
      this.#frames.stop();
      void withinMs(EXIT_GRACE_MS, this.#udf.ended).then(() => this.#left.resolve(undefined));
    });
    void this.#udf.ended.then(() => {
      timer[Symbol.dispose]();
      this.#frames.stop();
    });
  }

  /** Ends the UDF by force, and reading with it. */
  kill(): void {
    this.#udf.kill();
    this.#frames.stop();
  }

  async #read(read: () => Promise<void>): Promise<void> {
    try {
      await read();
      if (this.#failure === undefined && (!this.#endExpected || this.#questions.first !== undefined)) {
        this.abort(await endReason({ udf: this.#udf, asked: this.#questions.first }));
      }
    } catch (error) {
      if (this.#failure === undefined) {
        this.abort(await endReason({ udf: this.#udf, error, first: this.#first, rest: this.rest, frame: this.frame }));
      }
      this.#handling = false;
      await this.drain();
    } finally {
      clearInterval(this.#timer);
    }
  }

  /** All that came in has been handled. */
  #handled(): boolean {
    this.#handling = false;
    const holdsBack = this.#monitor.handled(this.rest.length > 0);
    if (this.#monitor.understood) this.#first = undefined;
    return holdsBack;
  }

  #tick(): void {
    const due = this.#monitor.due(this.#writer.pending > 0);
    const text = due === "give up" || this.#monitor.speechless ? textOn(this.rest) : undefined;
    if (text !== undefined) return this.#giveUpSilent(textOnStdout(text));
    if (due === "keepalive") return this.#keepalive();
    if (due === "give up") this.#giveUpSilent(this.#monitor.timeout());
  }

  #giveUpSilent(error: Error): void {
    this.abort(this.#writer.failure === undefined ? error : brokenPipe(this.#writer.failure));
  }

  #keepalive(): void {
    if (this.#inputEnded || this.#failure !== undefined || this.#options.keepalives === false) return;
    if (this.#writer.failure !== undefined) return void this.#stoppedReading().catch(() => {});
    this.#encode({ kind: "keepalive", time: this.#monitor.request() });
  }

  #encode(request: Request): void {
    encodeRequest(this.#writer.open(), request);
    this.#writer.close();
  }

  #sent(): Promise<void> | void {
    this.#monitor.sent();
    if (this.#writer.full) return this.#drained();
  }

  #checkOpen(): Promise<never> | void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#inputEnded) throw new TineError("stopped", "the host has stopped the UDF, nothing more can be sent");
    if (this.#writer.failure !== undefined) return this.#stoppedReading();
  }

  /** Waits for room to write, or until the UDF is given up: a write to a UDF that hangs may never end. */
  #drained(): Promise<void> {
    const waiting = Promise.withResolvers<void>();
    this.#waiting.add(waiting);
    this.#writer.drained().catch(() => this.#stoppedReading()).then(waiting.resolve, waiting.reject)
      .finally(() => this.#waiting.delete(waiting));
    // A caller that does not wait learns of the failure by its next call; it must not end the whole process.
    waiting.promise.catch(() => {});
    return waiting.promise;
  }

  /** Writing failed: the UDF goes away, or reads no more. Why is known once all that it sent is read. */
  async #stoppedReading(): Promise<never> {
    await withinMs(EXIT_GRACE_MS, this.#reading);
    this.abort(brokenPipe(this.#writer.failure));
    throw this.#failure;
  }

  #fail(error: Error): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    clearInterval(this.#timer);
    this.#failed.resolve();
    this.#questions.reject(error);
    for (const { reject } of this.#waiting) reject(error);
    this.#options.onAbort?.(error);
  }

  /** Reads what a UDF that has ended has left in its pipe, and not until what it has started ends too. */
  async #stopOnceSilent(reading: Promise<void>): Promise<void> {
    let done = false;
    const end = reading.finally(() => done = true);
    for (let before = -1; !done && (this.#handling || this.#chunks !== before);) {
      before = this.#chunks;
      await withinMs(OUTPUT_GRACE_MS, end);
    }
    this.#frames.stop();
  }
}
