import { BUFFER_BYTES } from "./limits.ts";

/** The most that getRandomValues() makes at a time, in bytes. */
const MAX_VALUES_BYTES = 65_536;

/**
 * Requests or responses of one length, one after the other. A message begins with a 0, which is what distinguishes it
 * from the last request, and is random otherwise, so that nothing on the way can compress it.
 */
export class RepeatedMessage {
  /** Whole messages. */
  #bytes: Uint8Array<ArrayBuffer>;
  #at = 0;

  /**
   * @param lengthBytes of a message
   * @param messages how many are sent at a time, at most
   */
  constructor(lengthBytes: number, messages = 1) {
    const count = Math.max(1, Math.min(messages, Math.floor(BUFFER_BYTES / lengthBytes)));
    this.#bytes = new Uint8Array(count * lengthBytes);
    for (let i = 0; i < this.#bytes.length; i += MAX_VALUES_BYTES) {
      crypto.getRandomValues(this.#bytes.subarray(i, i + MAX_VALUES_BYTES));
    }
    for (let i = 0; i < this.#bytes.length; i += lengthBytes) this.#bytes[i] = 0;
  }

  /** Returns a copy for another connection, from the start of a message on. */
  again(): RepeatedMessage {
    const other = new RepeatedMessage(1);
    other.#bytes = this.#bytes;
    return other;
  }

  /** Returns bytes that are next: as many as are left to send, or fewer. */
  next(unsentBytes: number): Uint8Array<ArrayBuffer> {
    const bytes = this.#bytes, end = this.#at + unsentBytes;
    return this.#at === 0 && end >= bytes.length ? bytes : bytes.subarray(this.#at, end);
  }

  /** Advances past bytes that were sent. */
  sent(bytes: number): void {
    this.#at = (this.#at + bytes) % this.#bytes.length;
  }
}
