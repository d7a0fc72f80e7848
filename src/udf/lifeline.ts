import { TineError } from "../wire/errors.ts";
import { textOn, textOnStdout } from "./host_failure.ts";

/** Silence after data, or after a question, that makes the host ask for a sign of life early. */
const QUIET_MS = 250;

/** What a lifeline needs from its host. */
export interface LifelineOptions {
  /** Silence that means that the UDF is stuck, in ms; 0: none does. */
  timeoutMs: number;
  /** Sends a keepalive request. */
  keepalive(time: bigint): void;
  /** Whether requests still wait to be written. */
  waiting(): boolean;
  /** Whether the UDF owes an answer. */
  asking(): boolean;
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
export class Lifeline {
  readonly #options: LifelineOptions;
  #timer: ReturnType<typeof setInterval> | undefined;
  #lastHeard = performance.now();
  #lastHeardWallClock = Date.now();
  #lastSent = performance.now();
  #sentSinceTick = false;
  #lastKeepalive = performance.now();
  /** Whether there is something that a keepalive could make the UDF flush. */
  #unprobed = false;
  /** When the host asked early; 0: it did not. */
  #probedAt = 0;
  /** Data and answers in the bytes that were read last. */
  #dataInChunk = 0;
  #answeredInChunk = false;
  #silenceBefore = 0;
  /** Whether the UDF owed an answer when the host asked early. */
  #asked = false;
  #told = false;
  #stopped = false;
  /** While what came in is being handled, silence is ours. */
  #handling = false;
  #lastTick = 0;
  #intervalMs = QUIET_MS;
  #understood = false;

  constructor(options: LifelineOptions) {
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
    const now = performance.now();
    this.#silenceBefore = now - this.#lastHeard;
    this.#lastHeard = now;
    this.#lastHeardWallClock = Date.now();
    this.#dataInChunk = 0;
    this.#answeredInChunk = false;
    this.#handling = true;
  }

  /** Whether anything that the UDF said was a response. */
  get understood(): boolean {
    return this.#understood;
  }

  data(): void {
    this.#dataInChunk++;
    this.#understood = true;
  }

  answered(): void {
    this.#answeredInChunk = true;
    this.#understood = true;
  }

  /** All that came in has been handled. */
  handled(): void {
    const now = performance.now();
    this.#lastHeard = now; // handling may have taken long: that is no silence of the UDF
    this.#handling = false;
    if (!this.#answeredInChunk || this.#probedAt === 0) return;
    // Several results that came only with the answer to a keepalive had been waiting for it.
    const heldBack = this.#silenceBefore >= QUIET_MS &&
      (this.#dataInChunk > 1 || this.#dataInChunk === 1 && this.#asked);
    this.#probedAt = 0;
    if (!heldBack || this.#told) return;
    this.#told = true;
    this.#options.onHeldBack();
  }

  /** Asks for a sign of life now, so that a UDF that buffers flushes. */
  probe(): void {
    if (!this.#unprobed || this.#stopped) return;
    this.#unprobed = false;
    this.#probedAt = performance.now();
    this.#asked = this.#options.asking();
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
    const silence = this.#handling ? 0 : now - this.#lastHeard;
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
