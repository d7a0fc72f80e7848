import { TineError } from "../base/errors.ts";
import { textOn, textOnStdout } from "./end_reason.ts";

/** Silence after data, or after a question, that makes the host ask for a sign of life early. */
const QUIET_MS = 250;

/** An answer to a keepalive within this time, in ms, came because of it; a later one waited for something else. */
const MOMENT_MS = 100;
/** Output that came only with an answer to a keepalive so often, and never otherwise, waits for keepalives. */
const HELD_BACK_TIMES = 3;

/** What a lifeline needs from its host. */
export interface KeepaliveMonitorOptions {
  /** Silence that means that the UDF is stuck, in ms; 0: none does. */
  timeoutMs: number;
  /** Sends a keepalive request. */
  keepalive(time: bigint): void;
  /** Whether requests still wait to be written. */
  waiting(): boolean;
  /** Bytes that belong to no frame. */
  rest(): Uint8Array;
  onSilence(error: Error): void;
  /** Called once, when the UDF turns out to buffer its output. */
  onHeldBack(): void;
}

/**
 * Keeps an eye on a UDF: asks for a sign of life at half the timeout and gives it up at the timeout. Any response counts.
 *
 * After a quarter of a second of silence it asks early, since there are UDFs that buffer their output until a keepalive makes them
 * flush.
 */
export class KeepaliveMonitor {
  readonly #options: KeepaliveMonitorOptions;
  #timer: ReturnType<typeof setInterval> | undefined;
  #lastHeard = performance.now();
  #lastHeardWallClock = Date.now();
  #lastSent = performance.now();
  #sentSinceTick = false;
  #lastKeepalive = performance.now();
  /** Whether there is something that a keepalive could make the UDF flush. */
  #unprobed = false;
  /** When the host asked early, after silence; 0: it did not. */
  #probedAt = 0;
  /** Whether the bytes that were read last hold data, an answer to a question, or one to a keepalive. */
  #dataInChunk = false;
  #replyInChunk = false;
  #answeredInChunk = false;
  /** How often data came only with the answer to an early keepalive, in a row. */
  #heldBack = 0;
  /** Data came by itself: the UDF flushes. Also once it has been said that it does not. */
  #settled = false;
  #stopped = false;
  /** While what came in is being handled, silence is ours. */
  #handling = false;
  #lastTick = 0;
  #intervalMs = QUIET_MS;
  #understood = false;

  constructor(options: KeepaliveMonitorOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#timer !== undefined || this.#stopped) return;
    this.#lastHeard = this.#lastKeepalive = this.#lastTick = performance.now();
    const { timeoutMs } = this.#options;
    if (timeoutMs > 0) this.#intervalMs = Math.min(QUIET_MS, timeoutMs / 4);
    this.#timer = setInterval(() => this.#tick(), this.#intervalMs);
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
  }

  /** A request was sent. */
  sent(kind: string): void {
    if (kind === "keepalive") return;
    // The clock is read by the next tick: for each point that would cost more than sending it.
    this.#sentSinceTick = true;
    this.#unprobed = true;
  }

  /** Bytes came in; what they hold is told by {@linkcode data} and {@linkcode answered}, then {@linkcode handled}. */
  heard(): void {
    this.#lastHeard = performance.now();
    this.#lastHeardWallClock = Date.now();
    this.#dataInChunk = false;
    this.#replyInChunk = false;
    this.#answeredInChunk = false;
    this.#handling = true;
  }

  /** For how long the UDF has said nothing, in ms; while what it said is being handled: 0. */
  get silenceMs(): number {
    return this.#handling ? 0 : performance.now() - this.#lastHeard;
  }

  /** Whether anything that the UDF said was a response. */
  get understood(): boolean {
    return this.#understood;
  }

  /** The UDF has answered a question. */
  replied(): void {
    this.#replyInChunk = true;
    this.#understood = true;
  }

  /** The UDF has sent data. */
  data(): void {
    this.#dataInChunk = true;
    this.#understood = true;
  }

  /** The UDF has answered a keepalive. */
  answered(): void {
    this.#answeredInChunk = true;
    this.#understood = true;
  }

  /** All that came in has been handled. */
  handled(): void {
    const tookMs = this.#lastHeard - this.#probedAt;
    this.#lastHeard = performance.now(); // handling may have taken long: that is no silence of the UDF
    this.#handling = false;
    if (!this.#settled) this.#judgeFlushing(tookMs);
    if (this.#answeredInChunk) this.#probedAt = 0;
  }

  /**
   * Decides whether the UDF flushes by itself.
   *
   * @param tookMs from the early keepalive to the bytes that were read last
   */
  #judgeFlushing(tookMs: number): void {
    if (!this.#dataInChunk && !this.#replyInChunk) return;
    if (this.#answeredInChunk && this.#probedAt > 0) {
      // A UDF that was busy, or still starting, answers late, and its output comes when it is done.
      this.#heldBack = tookMs <= MOMENT_MS ? this.#heldBack + 1 : 0;
      if (this.#heldBack < HELD_BACK_TIMES) return;
      this.#options.onHeldBack();
    } else if (!this.#dataInChunk || this.#options.rest().length > 0) {
      // A UDF may flush its replies and not its data; and a full buffer is written wherever it ends, mostly within a frame.
      return;
    }
    this.#settled = true;
  }

  /** Asks for a sign of life now, so that a UDF that buffers flushes. */
  probe(): void {
    if (!this.#unprobed || this.#stopped) return;
    this.#unprobed = false;
    const now = performance.now();
    this.#probedAt = now - this.#lastHeard >= QUIET_MS ? now : 0;
    this.#ask();
  }

  #ask(): void {
    this.#lastKeepalive = performance.now();
    this.#options.keepalive(BigInt(Date.now()) * 1_000_000n);
  }

  #tick(): void {
    const { timeoutMs, waiting, rest, onSilence } = this.#options;
    const now = performance.now();
    // Nor is it one of the UDF where this process could not listen, for instance because it was suspended.
    const lateMs = now - this.#lastTick - this.#intervalMs;
    this.#lastTick = now;
    if (lateMs > this.#intervalMs) this.#lastHeard += lateMs;
    const silence = this.silenceMs;
    const stuck = timeoutMs > 0 && silence >= timeoutMs;
    const text = stuck || silence >= QUIET_MS && !this.#understood ? textOn(rest()) : undefined;
    if (text !== undefined) return onSilence(textOnStdout(text));
    if (stuck) {
      const last = new Date(this.#lastHeardWallClock).toISOString();
      return onSilence(
        new TineError(
          "keepalive-timeout",
          `the UDF has given no sign of life for ${timeoutMs / 1000} s, the last one at ${last}`,
        ),
      );
    }
    if (waiting()) return;
    if (this.#unprobed && silence >= QUIET_MS && now - this.#lastSent >= QUIET_MS) return this.probe();
    if (timeoutMs > 0 && now - this.#lastKeepalive >= timeoutMs / 2) this.#ask();
  }
}
