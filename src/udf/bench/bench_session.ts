import { Condition } from "../../base/condition.ts";
import { TineError } from "../../base/errors.ts";
import { startLongTimer } from "../../base/time.ts";
import type { InfoResponse, Option } from "../messages.ts";
import { udfError } from "../response_taker.ts";
import type { RunningUdf } from "../running_udf.ts";
import { Session } from "../session.ts";
import type { Piece } from "./load.ts";

/**
 * A connection to a UDF under measurement: sends what is encoded already, and counts what comes back without decoding
 * it, so that it is the UDF that is measured and not its host.
 *
 * An answer is a point outside of a batch, or a whole batch. A UDF that does not answer is followed by keepalives: it
 * has handled all that was sent before one that it has answered.
 */
export class BenchSession {
  readonly #session: Session;
  readonly #timeoutMs: number;
  /** Notified when anything has come in. */
  readonly #news = new Condition();
  /** Times of keepalives that were sent and not answered, the oldest first. */
  readonly #open: bigint[] = [];
  #lastKeepalive = 0n;
  #inBatch = false;
  #answers = 0;
  #points = 0;
  /** Checks for progress; a timer for each round trip would show in its time. */
  readonly #watch: ReturnType<typeof setInterval>;
  #waiting = false;
  /** What had come at the last progress, and when that was. */
  #progress = { count: 0, atMs: 0 };

  /**
   * @param timeoutMs how long the UDF may be silent, and how long without progress, in ms
   * @param signal ends everything
   */
  constructor(udf: RunningUdf, timeoutMs: number, signal?: AbortSignal) {
    this.#timeoutMs = timeoutMs;
    this.#session = new Session(udf, { timeoutMs, killAfterMs: 2_000, onAbort: () => this.#news.notify() });
    const stop = () => this.#session.abort(signal!.reason, 0);
    if (signal?.aborted) stop();
    else signal?.addEventListener("abort", stop, { once: true });
    this.#session.start(() => this.#read());
    this.#watch = setInterval(() => this.#look(), timeoutMs / 4);
  }

  /** Points and batches outside of batches that have come back. */
  get answers(): number {
    return this.#answers;
  }

  /** Points that have come back, those of batches included. */
  get points(): number {
    return this.#points;
  }

  /** Keepalives that the UDF has not answered yet. */
  get openKeepalives(): number {
    return this.#open.length;
  }

  async info(): Promise<InfoResponse> {
    return (await this.#session.ask({ kind: "info" })).info;
  }

  /** @throws {TineError} `init-failed` */
  async init(options: Option[]): Promise<void> {
    const { outcome } = await this.#session.ask({ kind: "init", init: { options, taskId: "tine", nodeId: "bench" } });
    if (!outcome.success) {
      throw new TineError("init-failed", `the UDF refused its options: ${outcome.error || "it gave no reason"}`);
    }
  }

  async snapshot(): Promise<Uint8Array> {
    return (await this.#session.ask({ kind: "snapshot" })).snapshot;
  }

  /** @throws {TineError} `restore-failed` */
  async restore(snapshot: Uint8Array): Promise<void> {
    const { outcome } = await this.#session.ask({ kind: "restore", snapshot });
    if (!outcome.success) {
      throw new TineError(
        "restore-failed",
        `the UDF refused its own snapshot: ${outcome.error || "it gave no reason"}`,
      );
    }
  }

  /** Sends frames; waits where the UDF reads more slowly. */
  async send({ frames }: Piece): Promise<void> {
    await this.#session.sendFrames(frames);
  }

  /** Sends a keepalive: once it is answered, all that was sent before has been handled. */
  async keepalive(): Promise<void> {
    // Other keepalives, also those that a busy UDF sends unasked, carry whole milliseconds.
    const now = BigInt(Date.now()) * 1_000_000n + 1n;
    const time = this.#lastKeepalive = now > this.#lastKeepalive ? now : this.#lastKeepalive + 1n;
    this.#open.push(time);
    await this.#session.send({ kind: "keepalive", time });
  }

  /**
   * Waits until something that was expected is there.
   *
   * @param expected asked whenever something has come in
   * @throws {TineError} why the UDF was given up; `no-progress` where it answers keepalives alone
   */
  async until(expected: () => boolean): Promise<void> {
    this.#waiting = true;
    while (!expected()) {
      if (this.#session.failure !== undefined) throw this.#session.failure;
      await this.#news.wait();
    }
    this.#waiting = false;
  }

  /** Waits for a number of answers, or until a time in ms has passed. */
  async answersWithin(ms: number, expected: number): Promise<void> {
    let over = false;
    using _timer = startLongTimer(ms, () => {
      over = true;
      this.#news.notify();
    });
    await this.until(() => over || this.#answers >= expected);
  }

  /** Ends the UDF's input and waits for its end, for as long as the timeout. */
  async finish(): Promise<void> {
    clearInterval(this.#watch);
    await this.#session.finish(this.#timeoutMs);
  }

  /** Gives up on the UDF, without a report of how it ends. */
  async abandon(): Promise<void> {
    clearInterval(this.#watch);
    this.#session.abort(new TineError("abandoned", "the measurement was given up"), 0);
    await this.#session.finish().catch(() => {});
  }

  #look(): void {
    const count = this.#answers + this.#points - this.#open.length;
    const now = performance.now();
    if (!this.#waiting || count !== this.#progress.count) {
      this.#progress = { count, atMs: now };
    } else if (now - this.#progress.atMs >= this.#timeoutMs) {
      const message = `the UDF answers keepalives, but has handled no point for ${this.#timeoutMs / 1000} s`;
      this.#session.abort(new TineError("no-progress", message), 0);
    }
  }

  async #read(): Promise<void> {
    const session = this.#session;
    for (let event; (event = await session.event()) !== undefined;) {
      while (event === "responses" && session.next()) {
        if (!session.isPoint) this.#take();
        else {
          this.#points++;
          if (!this.#inBatch) this.#answers++;
        }
      }
      this.#news.notify();
    }
  }

  #take(): void {
    const response = this.#session.response();
    switch (response.kind) {
      case "point":
        this.#points++;
        if (!this.#inBatch) this.#answers++;
        return;
      case "begin":
        this.#inBatch = true;
        return;
      case "end":
        this.#inBatch = false;
        this.#answers++;
        return;
      case "keepalive": {
        // A UDF may answer without the time; keepalives of the session are not among these.
        const index = response.time === 0n ? 0 : this.#open.indexOf(response.time);
        this.#open.splice(0, index + 1);
        return;
      }
      case "error":
        throw udfError(response.error);
      default:
        this.#session.answer(response);
    }
  }
}
