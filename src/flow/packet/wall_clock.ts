import { bootId, Clock, TimeBase } from "../../sys/clock.ts";
import { Hmac } from "../hmac.ts";
import type { FlowClock } from "./packet_port.ts";

const ROUNDS = 5;

/** The distance between the clocks is measured to some 50 ns; what is above this is a step. */
const STEP_NANOS = 20_000;

/**
 * Relates the kernel's times of arrival, which are the wall clock's, to the clock of the worker, which is monotonic.
 * Both are slewed alike, so the distance between them only changes when somebody sets the wall clock: then times of
 * arrival go on in the old way.
 */
export class WallClock implements FlowClock {
  readonly #wall: { now(): bigint };
  readonly #now: () => number;
  readonly #start: number;
  readonly #base: TimeBase;
  /** By how much the wall clock was set since the start. */
  #step = 0;

  /**
   * @param now a monotonic clock, in nanoseconds
   * @param wall the wall clock, in nanoseconds since 1970
   */
  constructor(now: () => number, wall: { now(): bigint } = new Clock("realtime")) {
    this.#now = now;
    this.#wall = wall;
    const first = this.#compare();
    this.#start = first.at;
    this.#base = new TimeBase(first.wall);
  }

  get tinit(): bigint {
    return this.#base.time;
  }

  now(): number {
    return this.#now() - this.#start;
  }

  checkWallClock(): number {
    const { at, wall } = this.#compare();
    const step = Number(wall - this.#base.time) - (at - this.#start) - this.#step;
    if (Math.abs(step) < STEP_NANOS) return 0;
    this.#step += step;
    return step;
  }

  /** The moment from which {@linkcode WallClock.corrected} counts. */
  get base(): TimeBase {
    return this.#base;
  }

  /** The flow's time of what the wall clock has measured, in nanoseconds since the base. */
  corrected(elapsed: number): number {
    return elapsed - this.#step;
  }

  /** Reads both clocks at one time, as nearly as can be. */
  #compare(): { at: number; wall: bigint } {
    let best = { at: 0, wall: 0n, error: Infinity };
    for (let round = 0; round < ROUNDS; round++) {
      const before = this.#now(), wall = this.#wall.now(), after = this.#now();
      if (after - before < best.error) best = { at: Math.round((before + after) / 2), wall, error: after - before };
    }
    return best;
  }
}

const MARK_BYTES = 16;

/**
 * Returns a mark that only processes with the clock of this kernel can make: both ends of a flow compare theirs. It
 * differs from flow to flow, so that other parties learn nothing from it.
 *
 * @param nonce of the client
 * @param cookie of the server
 * @param id of the kernel's boot
 * @returns as text; empty where it is not known whose clock this is
 */
export function clockMark(nonce: Uint8Array, cookie: Uint8Array, id: string = bootId()): string {
  if (id === "") return "";
  const bytes = new Uint8Array(nonce.length + cookie.length + MARK_BYTES), end = nonce.length + cookie.length;
  bytes.set(nonce);
  bytes.set(cookie, nonce.length);
  new Hmac(new TextEncoder().encode(id)).sign(bytes, 0, end, end, MARK_BYTES);
  return bytes.subarray(end).toHex();
}
