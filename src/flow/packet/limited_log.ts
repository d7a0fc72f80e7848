const PERIOD_NANOS = 1e9;
const MOST = 5;

/** Says things that strangers can cause: a few a second, and how many more there were. */
export class LimitedLog {
  readonly #log: (text: string) => void;
  #period = -Infinity;
  #said = 0;

  /** @param log gets what is said */
  constructor(log: (text: string) => void) {
    this.#log = log;
  }

  /** @param now in nanoseconds */
  say(text: string, now: number): void {
    if (now - this.#period > PERIOD_NANOS) {
      this.flush();
      this.#period = now;
    }
    if (++this.#said <= MOST) this.#log(text);
  }

  /** Says how many were left out. */
  flush(): void {
    if (this.#said > MOST) this.#log(`${this.#said - MOST} more of this kind within a second`);
    this.#said = 0;
  }
}
