import { bitsPerSecond } from "../../base/units.ts";
import type { SampleSink } from "../engine/engine_flow.ts";

/** Counts the bytes of one end of a stream, and samples the count. */
export class IoMeter {
  /** Bytes so far. */
  total = 0;
  readonly #sink: SampleSink<"streamIO"> | undefined;
  readonly #sent: number;
  readonly #intervalNanos: number;
  #movedAt: number;
  #sampledAt: number;
  #sampledTotal = 0;

  /**
   * Begins with a sample of 0 bytes.
   *
   * @param sink undefined: nothing is recorded
   * @param sent whether this is the sender's end
   * @param intervalNanos the least time between samples
   * @param t the start, in nanoseconds since the flow's `tinit`
   */
  constructor(sink: SampleSink<"streamIO"> | undefined, sent: boolean, intervalNanos: number, t: number) {
    this.#sink = sink;
    this.#sent = sent ? 1 : 0;
    this.#intervalNanos = intervalNanos;
    this.#movedAt = this.#sampledAt = t;
    this.#sample(t);
  }

  /** Counts a write or a read that has just ended. */
  add(bytes: number, t: number): void {
    this.total += bytes;
    this.#movedAt = t;
    if (t - this.#sampledAt >= this.#intervalNanos) this.#sample(t);
  }

  /** Samples what has been counted until now: figures start from here. */
  mark(t: number): void {
    this.#sample(t);
  }

  /** When the last byte was counted; before the first byte, the start. */
  get movedAt(): number {
    return this.#movedAt;
  }

  /** Samples the last byte, at its time, unless the last sample has it already. */
  end(): void {
    if (this.total !== this.#sampledTotal) this.#sample(this.#movedAt);
  }

  #sample(t: number): void {
    this.#sampledAt = t;
    this.#sampledTotal = this.total;
    const writer = this.#sink?.writer();
    if (writer === undefined) return;
    const { columns } = writer, i = writer.next();
    columns.t[i] = t;
    columns.total[i] = this.total;
    columns.sent[i] = this.#sent;
  }
}

/**
 * Returns the goodput of a stream, in bits a second. Bytes of one flight arrive at the same time, but take a round trip
 * at least.
 *
 * @param durationNanos from when the receiver was ready to the last byte
 * @param minRttNanos the least round-trip time; 0: not known
 */
export function goodput(bytes: number, durationNanos: number, minRttNanos = 0): number {
  return bitsPerSecond(bytes, Math.max(durationNanos, minRttNanos));
}
