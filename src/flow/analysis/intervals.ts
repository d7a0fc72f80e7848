import type { Distribution } from "./distribution.ts";

/** What a TCP flow did in an interval. */
export interface StreamInterval {
  /** The length of the interval, in milliseconds. */
  readonly durationMs: number;
  /** Bytes that arrived. */
  readonly bytes: number;
  /** Segments that were sent again; absent where the sender's kernel cannot be asked. */
  readonly retransmits?: number;
  /** Segments of which acknowledgements reported a congestion mark. */
  readonly congestionMarks?: number;
  /** The smoothed round-trip time at the end of the interval. */
  readonly rttMicros?: number;
  /** The congestion window at the end of the interval. */
  readonly cwndBytes?: number;
}

/** What a UDP flow did in an interval, as one end sees it. */
export interface PacketInterval {
  /** The length of the interval, in milliseconds. */
  readonly durationMs: number;
  /** Packets that this end sent; absent where the other end sends. */
  readonly sent?: number;
  /** UDP payload of these. */
  readonly sentBytes?: number;
  /** Packets and echoes that this end received, each counted once; absent where none can come. */
  readonly received?: number;
  /** UDP payload of these. */
  readonly receivedBytes?: number;
  /** Round-trip times without the time at the server, in nanoseconds. */
  readonly rtt: Distribution;
}

/** Bytes in each interval of a transfer; what came between two samples is spread evenly over the time between them. */
export class ByteIntervals {
  readonly #bytes = new Map<number, number>();
  #lastTime = 0;
  #lastTotal = 0;

  /** @param intervalNanos the length of an interval */
  constructor(readonly intervalNanos: number) {}

  /** The bytes until the last sample. */
  get total(): number {
    return this.#lastTotal;
  }

  /** When the last sample was, in nanoseconds since the start: what is before has all its bytes. */
  get time(): number {
    return this.#lastTime;
  }

  /**
   * Adds a sample.
   *
   * @param time nanoseconds since the start
   * @param total bytes since the start
   */
  add(time: number, total: number): void {
    if (!(time >= this.#lastTime && total >= this.#lastTotal)) return;
    const [from, bytes] = [this.#lastTime, total - this.#lastTotal];
    const width = this.intervalNanos;
    this.#lastTime = time;
    this.#lastTotal = total;
    if (bytes === 0) return;
    const first = Math.floor(from / width);
    const last = time > from ? Math.max(first, Math.ceil(time / width) - 1) : first;
    for (let i = first; i <= last; i++) {
      const part = first === last ? 1 : (Math.min(time, (i + 1) * width) - Math.max(from, i * width)) / (time - from);
      this.#bytes.set(i, (this.#bytes.get(i) ?? 0) + bytes * part);
    }
  }

  /**
   * Takes out the bytes of an interval.
   *
   * @param interval its number, from 0
   */
  take(interval: number): number {
    const bytes = this.#bytes.get(interval) ?? 0;
    this.#bytes.delete(interval);
    return bytes;
  }
}
