import { Clock } from "../../sys/clock.ts";

/** How long this thread has computed. */
export class ThreadTime {
  readonly #clock = new Clock("thread");
  readonly #start = this.#clock.now();

  /** Since this was made, in nanoseconds. */
  get nanos(): number {
    return Number(this.#clock.now() - this.#start);
  }
}

/** It as a server tells it; nothing of a client, which sees its own threads. */
export function serverCpu(time: ThreadTime | undefined): { readonly serverCpuNanos?: number } {
  return time === undefined ? {} : { serverCpuNanos: time.nanos };
}
