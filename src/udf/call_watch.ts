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

/** What a handler can be busy with: loading its module, being created, a request, or stopping. */
export type CallName =
  | "idle"
  | "load"
  | "create"
  | "info"
  | "init"
  | "keepalive"
  | "snapshot"
  | "restore"
  | "begin"
  | "point"
  | "end"
  | "empty"
  | "stop";

const NAMES: readonly CallName[] = [
  "idle",
  "load",
  "create",
  "info",
  "init",
  "keepalive",
  "snapshot",
  "restore",
  "begin",
  "point",
  "end",
  "empty",
  "stop",
];
const NUMBERS: ReadonlyMap<CallName, number> = new Map(NAMES.map((name, number) => [name, number]));

const CALL = 0, COUNT = 1, OFFSET = 2, CELLS = 3;

/**
 * What the handler of a connection is doing, in memory that two threads share: one writes, another one looks from time
 * to time, also while the first is in an endless loop.
 */
export class CallProgress {
  readonly #cells: Float64Array;

  /** @param memory of another thread's progress; left out: a new one */
  constructor(readonly memory: SharedArrayBuffer = new SharedArrayBuffer(CELLS * 8)) {
    this.#cells = new Float64Array(memory);
  }

  /**
   * A call begins.
   *
   * @param offset where in the stream of requests its frame starts
   */
  begin(call: CallName, offset: number): void {
    this.#cells[CALL] = NUMBERS.get(call)!;
    this.#cells[OFFSET] = offset;
    this.#cells[COUNT]++;
  }

  /** The call has ended. */
  end(): void {
    this.#cells[CALL] = 0;
  }

  /** What is being called. */
  get call(): CallName {
    return NAMES[this.#cells[CALL]];
  }

  /** Where the frame of the last call starts in the stream of requests, behind its length. */
  get offset(): number {
    return this.#cells[OFFSET];
  }

  /** The number of calls that have begun. */
  get count(): number {
    return this.#cells[COUNT];
  }
}
