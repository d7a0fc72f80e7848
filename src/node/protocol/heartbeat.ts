import { startLongTimer } from "../../base/time.ts";

/** What a heartbeat needs. */
export interface HeartbeatOptions {
  /** How often it beats, in ms. */
  readonly intervalMs: number;
  /** How long the other side may give no sign of life, in ms. */
  readonly silenceMs: number;
  /** Time to give a sign of life. */
  beat(): void;
  /** The other side has given none for too long. */
  silent(): void;
  /** The time in ms; default: performance.now(). */
  now?(): number;
}

/**
 * Beats at an interval, and watches that the other side does so: a connection that is cut somewhere gives no end of file.
 * Time in which this process could not listen, because it was busy or suspended, is no silence of the other side.
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #now: () => number;
  #timer: Disposable | undefined;
  #lastReceived = 0;
  #lastTick = 0;
  #paused = false;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** Starts. Its timer keeps the process alive until {@linkcode stop}. */
  start(): void {
    this.#lastReceived = this.#lastTick = this.#now();
    this.#wait();
  }

  /** The other side gave a sign of life. */
  received(): void {
    this.#lastReceived = this.#now();
  }

  /** Nobody listens to the other side until {@linkcode listen}. */
  pause(): void {
    this.#paused = true;
  }

  /** Listens again. */
  resume(): void {
    this.#paused = false;
    this.received();
  }

  /** Beats, and looks whether the other side is silent; called by the timer. */
  tick(): void {
    const { intervalMs, silenceMs, beat, silent } = this.#options;
    const now = this.#now();
    this.#lastReceived += Math.max(0, now - this.#lastTick - intervalMs);
    this.#lastTick = now;
    beat();
    if (!this.#paused && now - this.#lastReceived >= silenceMs) silent();
  }

  /** Stops for good. */
  stop(): void {
    this.#timer?.[Symbol.dispose]();
  }

  #wait(): void {
    this.#timer = startLongTimer(this.#options.intervalMs, () => {
      this.#wait();
      this.tick();
    });
  }
}
