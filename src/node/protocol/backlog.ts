import { Lane } from "./frame.ts";

/** Urgent frames are not limited by credit: when more bytes of them wait for their receiver, nothing further is read. */
const MAX_URGENT_BYTES = 16 * 1024 * 1024;

/** What a frame that waits takes besides its bytes, roughly; so that small ones do not come for free. */
const OVERHEAD_BYTES = 256;

/** The frames that came in and that their receiver has not worked off. */
export class Backlog {
  #count = 0;
  #urgentBytes = 0;
  #calm: PromiseWithResolvers<void> | undefined;

  /** Whether nothing waits. */
  get empty(): boolean {
    return this.#count === 0;
  }

  /** A frame waits. */
  add(lane: Lane, length: number): void {
    this.#count++;
    if (lane === Lane.urgent) this.#urgentBytes += length + OVERHEAD_BYTES;
  }

  /** A frame waits no longer. */
  remove(lane: Lane, length: number): void {
    this.#count--;
    if (lane === Lane.urgent) this.#urgentBytes -= length + OVERHEAD_BYTES;
    if (this.#urgentBytes <= MAX_URGENT_BYTES) this.release();
  }

  /** What to wait for before more is read; undefined: nothing. */
  calm(): Promise<void> | undefined {
    if (this.#urgentBytes <= MAX_URGENT_BYTES) return undefined;
    return (this.#calm ??= Promise.withResolvers()).promise;
  }

  /** Lets whoever waits for {@linkcode calm} go on. */
  release(): void {
    this.#calm?.resolve();
    this.#calm = undefined;
  }
}
