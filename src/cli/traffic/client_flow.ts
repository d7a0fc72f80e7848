import { bindOf } from "../../flow/bind.ts";
import type { FlowInfoEvent, FlowOptions, Flows } from "../../flow/flows.ts";
import type { Chunk } from "../../flow/records/read_chunk.ts";
import type { FlowProgress } from "../../flow/report.ts";

/** The direction of a sender: an upload is sent by the client. */
export type Direction = "upload" | "download";

/** What is known of every flow before it runs. */
export interface ClientFlowSetup {
  /** For people: `up`, `down2`. */
  readonly label: string;
  readonly direction: Direction;
  /** The length of its intervals, in milliseconds. */
  readonly intervalMs: number;
  /** How long it warms up, in milliseconds; absent: not at all. */
  readonly warmup?: number;
}

/**
 * A flow that a client runs, with all that is kept of it. Times are those since the first of the flows that run
 * together has started.
 *
 * @typeParam Interval what it did in an interval
 * @typeParam Figures what was measured with it
 */
export abstract class ClientFlow<Interval = unknown, Figures = unknown> {
  /** As the server knows it. */
  readonly id: string;
  /** For people: `up`, `down2`. */
  readonly label: string;
  readonly direction: Direction;
  /** Whether it came to its end, and both ends have reported what they know. */
  complete = false;
  /** The zero of the times of its samples, in nanoseconds. */
  originNanos = 0;
  /** When the last sample was taken, in nanoseconds. */
  lastNanos = 0;
  /** When its warm-up is over, in nanoseconds; 0 without one, and before that is known. */
  protected warmupEndNanos = 0;
  readonly #intervalNanos: number;
  readonly #warmup: number | undefined;

  constructor({ label, direction, intervalMs, warmup }: ClientFlowSetup) {
    this.id = newFlowId(label);
    this.label = label;
    this.direction = direction;
    this.#intervalNanos = intervalMs * 1e6;
    this.#warmup = warmup;
  }

  /** How long its warm-up is, and when it is over as far as is known, in milliseconds; absent without one. */
  get warmUp(): { readonly ms: number; readonly endMs: number } | undefined {
    return this.#warmup ? { ms: this.#warmup, endMs: this.warmupEndNanos / 1e6 } : undefined;
  }

  /**
   * Takes what its samples refer to.
   *
   * @param originNanos when it started
   */
  info({ values: { warmupEndNanos } }: FlowInfoEvent, originNanos: number): void {
    this.originNanos = originNanos;
    if (typeof warmupEndNanos === "number") this.warmupEndNanos = originNanos + warmupEndNanos;
  }

  /** Takes samples. */
  abstract records(chunk: Chunk): void;

  /** Takes what is known while it runs, unless all of it is in the samples. */
  progress(_report: FlowProgress): void {}

  /** Runs it to its end. */
  abstract run(flows: Flows, options: FlowOptions): Promise<void>;

  /**
   * Takes out what it did in an interval, in order.
   *
   * @param k the number of the interval, from 0
   * @param durationMs how long it was
   */
  abstract takeInterval(k: number, durationMs: number): Interval;

  /** Returns all that was measured. */
  abstract figures(): Figures;

  /**
   * Notes that there was a sample.
   *
   * @param t its time, since the flow started
   * @returns the same since the first of the flows has
   */
  protected sampled(t: number): number {
    const nanos = t + this.originNanos;
    this.lastNanos = Math.max(this.lastNanos, nanos);
    return nanos;
  }

  /** Returns the number of the interval of a time. */
  protected intervalOf(nanos: number): number {
    return Math.max(0, Math.floor(nanos / this.#intervalNanos));
  }
}

/**
 * Makes flows of each name, several of each if asked for: `up`, or `up1` and `up2`.
 *
 * @param options how many of each, and where the first of all comes from: the ports of others follow
 * @param make makes a flow that is called `label`
 */
export function eachFlow<Name extends string, Flow>(
  names: readonly Name[],
  { parallel = 1, bind }: { readonly parallel?: number; readonly bind?: string },
  make: (name: Name, label: string, bind: string | undefined) => Flow,
): Flow[] {
  return names.flatMap((name, n) =>
    Array.from({ length: parallel }, (_, i) => {
      return make(name, parallel > 1 ? `${name}${i + 1}` : name, bindOf(bind, n * parallel + i));
    })
  );
}

const LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789";

/**
 * Returns an id for a flow, different from those of other clients of the same server: `up.k2f8q0xw`.
 *
 * @param name what it is called for people, at most 7 letters and digits
 */
function newFlowId(name: string): string {
  const random = crypto.getRandomValues(new Uint8Array(8));
  return `${name}.${Array.from(random, (byte) => LETTERS[byte % LETTERS.length]).join("")}`;
}
