import { TineError } from "../base/errors.ts";
import type { AgentOutput } from "./agent_output.ts";
import type { Point } from "./point.ts";

/** Hosts may have timeouts of well below a second. */
const KEEPALIVE_INTERVAL_MS = 200;

/**
 * Watches over asynchronous calls of a handler: while one goes on, the host gets keepalive responses
 * (it takes any response for a sign of life); one that takes too long is an error.
 */
export class CallWatch {
  readonly #output: AgentOutput;
  readonly #timeoutMs: number;

  /** @param timeoutMs for one call; 0: for ever */
  constructor(output: AgentOutput, timeoutMs: number) {
    this.#output = output;
    this.#timeoutMs = timeoutMs;
  }

  /**
   * Waits for a call.
   *
   * @param call its name, for the error
   * @param point that it was called with, for the error
   * @throws {TineError} `handler-timeout` if it takes too long
   */
  over<T>(call: string, result: PromiseLike<T>, point?: Point): Promise<T> {
    const started = performance.now();
    return new Promise((resolve, reject) => {
      const timer = setInterval(() => {
        const elapsed = performance.now() - started;
        if (this.#timeoutMs > 0 && elapsed >= this.#timeoutMs) {
          clearInterval(timer);
          reject(
            new TineError(
              "handler-timeout",
              `${call}() of the handler has not ended after ${(elapsed / 1000).toFixed(1)} s` +
                (point === undefined ? "" : `, for the point ${JSON.stringify(point.name)} at ${point.time}`),
            ),
          );
        } else {
          this.#output.respond({ kind: "keepalive", time: BigInt(Date.now()) * 1_000_000n });
        }
      }, this.#timeoutMs > 0 ? Math.min(KEEPALIVE_INTERVAL_MS, this.#timeoutMs) : KEEPALIVE_INTERVAL_MS);
      Promise.resolve(result).then((value) => {
        clearInterval(timer);
        resolve(value);
      }, (error) => {
        clearInterval(timer);
        reject(error);
      });
    });
  }
}
