import { WOULD_BLOCK } from "../../sys/socket.ts";
import type { Peer } from "./peer.ts";

/**
 * Reads a transfer, of which only the very last byte says anything: the mark. Nothing comes behind it, so a byte that has
 * something behind it needs no look: the kernel throws it away, and copies only the last of those that are there.
 */
export class TransferReader {
  readonly #peer: Peer;
  readonly #lengthBytes: number;
  readonly #last = new Uint8Array(1);
  #complete = false;

  /** @param lengthBytes of the longest read */
  constructor(peer: Peer, lengthBytes: number) {
    this.#peer = peer;
    this.#lengthBytes = lengthBytes;
  }

  /** Whether the last read ended with the mark. */
  get complete(): boolean {
    return this.#complete;
  }

  /**
   * Reads what is there.
   *
   * @returns how many bytes, at least 1, or WOULD_BLOCK; fewer than the longest read when no more were there
   * @throws {TineError} `connection-closed` at the end of the stream, `connection-reset`
   */
  read(): number {
    const available = this.#peer.available();
    if (available > this.#lengthBytes) return this.#peer.discard(this.#lengthBytes);
    // What comes from here on comes behind these, and can only make a look at the last of them needless.
    const discarded = available > 1 ? this.#peer.discard(available - 1) : 0;
    if (discarded < available - 1) return discarded;
    const count = this.#peer.read(this.#last);
    if (count === WOULD_BLOCK) return discarded > 0 ? discarded : WOULD_BLOCK;
    this.#complete = this.#last[0] !== 0;
    return discarded + count;
  }
}
