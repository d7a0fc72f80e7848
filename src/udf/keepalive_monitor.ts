import { TineError } from "../base/errors.ts";

/** Silence after data, or after a question, that makes a host ask for a sign of life early, in ms. */
const QUIET_MS = 250;

/** An answer to a keepalive within this time, in ms, came because of it; a later one waited for something else. */
const MOMENT_MS = 100;
/** Output that came only with an answer to a keepalive this often, and never otherwise, waits for keepalives. */
const HELD_BACK_TIMES = 3;

/** Keepalives without an answer that are remembered: more mean that the UDF never answers one. */
const MAX_UNANSWERED = 100;

/** What a monitor finds due: a keepalive request, or to give up the UDF, which was silent for the timeout. */
export type Due = "keepalive" | "give up";

/**
 * Judges the signs of life of a UDF: finds when a keepalive is due, when the UDF is stuck, and whether it holds back
 * its output.
 *
 * It has no timer and sends nothing: its session reports what goes out and comes in, and asks at each
 * {@linkcode intervalMs} what is due. A keepalive is due at half the timeout, and after a quarter of a second of
 * silence, since there are UDFs that buffer their output until a keepalive makes them flush. Any response is a sign of
 * life.
 *
 * @example
 * ```ts
 * import { KeepaliveMonitor } from "./keepalive_monitor.ts";
 * const monitor = new KeepaliveMonitor(10_000);
 * console.assert(monitor.due(false) === undefined);
 * ```
 */
export class KeepaliveMonitor {
  /** Time between two calls of {@linkcode due}, in ms. */
  readonly intervalMs: number;

  readonly #timeoutMs: number;
  #lastReceived = performance.now();
  #lastReceivedWallClock = Date.now();
  #lastKeepalive = performance.now();
  #lastLook = performance.now();
  /** Whether there is something that a keepalive could make the UDF flush. */
  #unprobed = false;
  /** When the host asked early, after silence; 0: it did not. */
  #probedAt = 0;
  /** Whether the bytes that were read last hold data, an answer to a question, an answer to a keepalive. */
  #dataInChunk = false;
  #replyInChunk = false;
  #answerInChunk = false;
  /** How often data came only with the answer to an early keepalive, in a row. */
  #heldBack = 0;
  /** Data came by itself: the UDF flushes. Also once it has been found to hold back its output. */
  #settled = false;
  /** While what came in is being handled, silence is ours. */
  #handling = false;
  #understood = false;
  /** The times of keepalives that the UDF has not answered; no two are equal. */
  #unanswered: bigint[] = [];
  #lastTime = 0n;

  /** @param timeoutMs silence after which the UDF counts as stuck, in ms; 0: never */
  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
    this.intervalMs = timeoutMs > 0 ? Math.min(QUIET_MS, timeoutMs / 4) : QUIET_MS;
  }

  /** How long the UDF has sent nothing, in ms; 0 while what it sent is being handled. */
  get silenceMs(): number {
    return this.#handling ? 0 : performance.now() - this.#lastReceived;
  }

  /** Whether anything that the UDF sent was a response. */
  get understood(): boolean {
    return this.#understood;
  }

  /** Whether the UDF is silent for long enough to look at bytes that are no response yet. */
  get speechless(): boolean {
    return !this.#understood && this.silenceMs >= QUIET_MS;
  }

  /** Whether the UDF has answered all keepalives. */
  get allAnswered(): boolean {
    return this.#unanswered.length === 0;
  }

  /** The reason to give up a UDF that is silent. */
  timeout(): TineError {
    const last = new Date(this.#lastReceivedWallClock).toISOString();
    const message = `the UDF has given no sign of life for ${this.#timeoutMs / 1000} s, the last one at ${last}`;
    return new TineError("keepalive-timeout", message);
  }

  /**
   * Notes that a keepalive is sent now.
   *
   * @returns its time, in ns since the epoch
   */
  request(): bigint {
    const now = BigInt(Date.now()) * 1_000_000n;
    const time = this.#lastTime = now > this.#lastTime ? now : this.#lastTime + 1n;
    this.#unanswered = [...this.#unanswered.slice(-MAX_UNANSWERED), time];
    return time;
  }

  /** Notes that a request other than a keepalive is sent. */
  sent(): void {
    this.#unprobed = true;
  }

  /** Notes that bytes have come in; what they hold is noted next, then {@linkcode handled}. */
  received(): void {
    this.#lastReceived = performance.now();
    this.#lastReceivedWallClock = Date.now();
    this.#dataInChunk = this.#replyInChunk = this.#answerInChunk = false;
    this.#handling = true;
  }

  /** Notes data among the bytes that have come in. */
  data(): void {
    this.#understood = this.#dataInChunk = true;
  }

  /** Notes an answer to a question among the bytes that have come in. */
  replied(): void {
    this.#understood = this.#replyInChunk = true;
  }

  /** Notes an answer to a keepalive among the bytes that have come in. */
  answered(time: bigint): void {
    this.#understood = this.#answerInChunk = true;
    // A UDF answers with the time of the request, with another time where it was not asked, or without one.
    const index = time === 0n ? 0 : this.#unanswered.indexOf(time);
    this.#unanswered = this.#unanswered.slice(index + 1);
  }

  /**
   * Notes that all that came in has been handled.
   *
   * @param cut whether the bytes ended inside a frame
   * @returns true once: now it is clear that the UDF holds back its output until a keepalive comes
   */
  handled(cut: boolean): boolean {
    const tookMs = this.#lastReceived - this.#probedAt;
    this.#lastReceived = performance.now(); // handling may have taken long: that is no silence of the UDF
    this.#handling = false;
    const holdsBack = !this.#settled && this.#holdsBack(cut, tookMs);
    if (this.#answerInChunk) this.#probedAt = 0;
    return holdsBack;
  }

  /** Whether a keepalive now could make the UDF flush; the caller sends one. */
  probe(): boolean {
    if (!this.#unprobed) return false;
    this.#unprobed = false;
    const now = performance.now();
    this.#probedAt = now - this.#lastReceived >= QUIET_MS ? now : 0;
    this.#lastKeepalive = now;
    return true;
  }

  /**
   * Finds what is due.
   *
   * @param waiting whether requests still wait to be written: a keepalive would only wait behind them
   */
  due(waiting: boolean): Due | undefined {
    const now = performance.now();
    // It is no silence of the UDF where this process could not listen, for instance because it was suspended.
    const lateMs = now - this.#lastLook - this.intervalMs;
    this.#lastLook = now;
    if (lateMs > this.intervalMs) this.#lastReceived += lateMs;
    const silence = this.silenceMs;
    if (this.#timeoutMs > 0 && silence >= this.#timeoutMs) return "give up";
    if (waiting) return undefined;
    if (silence >= QUIET_MS && this.probe()) return "keepalive";
    if (this.#timeoutMs === 0 || now - this.#lastKeepalive < this.#timeoutMs / 2) return undefined;
    this.#lastKeepalive = now;
    return "keepalive";
  }

  /** @param tookMs from the early keepalive to the bytes that were read last */
  #holdsBack(cut: boolean, tookMs: number): boolean {
    if (!this.#dataInChunk && !this.#replyInChunk) return false;
    if (this.#answerInChunk && this.#probedAt > 0) {
      // A UDF that was busy, or still starting, answers late, and its output comes when it is done.
      this.#heldBack = tookMs <= MOMENT_MS ? this.#heldBack + 1 : 0;
      return this.#settled = this.#heldBack >= HELD_BACK_TIMES;
    }
    // A UDF may flush its replies and not its data; and a full buffer is written wherever it ends, mostly within a
    // frame.
    this.#settled = this.#dataInChunk && !cut;
    return false;
  }
}
