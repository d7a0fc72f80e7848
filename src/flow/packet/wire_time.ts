/** What peers claim is cut to this, in nanoseconds, some 52 days: sums of it stay exact. */
const MOST_DISTANCE = 2 ** 52;

/** The distance between two times of which one is claimed by a peer; cut to some 52 days. */
export function limitedDistance(nanos: number): number {
  return nanos > MOST_DISTANCE ? MOST_DISTANCE : nanos < -MOST_DISTANCE ? -MOST_DISTANCE : nanos;
}

/**
 * Times in packets, in nanoseconds since 1970 as 64 bits. They are given and taken as the distance from a moment, which
 * is exact as a number for 104 days; bigints are too slow for every packet.
 *
 * @example
 * ```ts
 * import { WireTime } from "./wire_time.ts";
 * const time = new WireTime(1_700_000_000_000_000_000n);
 * const packet = new DataView(new ArrayBuffer(8));
 * time.write(packet, 0, 1500);
 * console.assert(packet.getBigUint64(0) === 1_700_000_000_000_001_500n && time.read(packet, 0) === 1500);
 * ```
 */
export class WireTime {
  readonly #high: number;
  readonly #low: number;

  /** @param tinit the moment, in nanoseconds since 1970 */
  constructor(readonly tinit: bigint) {
    this.#high = Number(tinit >> 32n);
    this.#low = Number(tinit & 0xffff_ffffn);
  }

  /** @param t in nanoseconds from the moment on */
  write(view: DataView, at: number, t: number): void {
    const high = Math.floor(t / 2 ** 32);
    const low = this.#low + (t - high * 2 ** 32);
    view.setUint32(at, this.#high + high + (low >= 2 ** 32 ? 1 : 0));
    view.setUint32(at + 4, low);
  }

  /** @returns nanoseconds from the moment on; not exact, and only that, for what is over 104 days away */
  read(view: DataView, at: number): number {
    return (view.getUint32(at) - this.#high) * 2 ** 32 + (view.getUint32(at + 4) - this.#low);
  }
}
