import { startLongTimer } from "../../base/time.ts";

/** Options of {@linkcode Heartbeat}. */
export interface HeartbeatOptions {
  /** How often it beats, in ms. */
  readonly intervalMs: number;
  /** How long the other side may give no sign of life, in ms. */
  readonly silenceMs: number;
  /** Sends a sign of life. */
  beat(): void;
  /** Called when the other side has been silent for too long. */
  silent(): void;
  /** The time in ms; default: performance.now(). */
  now?(): number;
}

/**
 * Beats at an interval, and watches that the other side does: a connection that is cut somewhere has no end of file. Time
 * in which this process was busy or suspended does not count as silence.
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

  /** Counts a sign of life of the other side. */
  received(): void {
    this.#lastReceived = this.#now();
  }

  /** Nothing is read from the other side until {@linkcode resume}. */
  pause(): void {
    this.#paused = true;
  }

  /** Reading goes on. */
  resume(): void {
    this.#paused = false;
    this.received();
  }

  /** Beats, and checks whether the other side is silent. The timer calls it. */
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
