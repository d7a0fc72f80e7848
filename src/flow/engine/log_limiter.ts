import type { FlowHost } from "./engine_flow.ts";

const WINDOW_NANOS = 1e9;
/** Lines in that time. */
const MAX_LINES = 10;

/** Keeps strangers from filling logs: some lines a second, then a count of the others. */
export class LogLimiter {
  readonly #host: Pick<FlowHost, "log" | "now">;
  #windowStart = -Infinity;
  #lines = 0;
  #leftOut = 0;

  constructor(host: Pick<FlowHost, "log" | "now">) {
    this.#host = host;
  }

  /** Logs a line, or counts it. */
  log(text: string): void {
    const now = this.#host.now();
    if (now - this.#windowStart >= WINDOW_NANOS) {
      this.tellLeftOut();
      this.#windowStart = now;
      this.#lines = 0;
    }
    if (this.#lines++ < MAX_LINES) this.#host.log(text);
    else this.#leftOut++;
  }

  /** Logs how many lines were left out since it was told; called at the end as well. */
  tellLeftOut(): void {
    if (this.#leftOut > 0) this.#host.log(`${this.#leftOut} more such lines are left out`);
    this.#leftOut = 0;
  }
}
