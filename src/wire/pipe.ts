import { Condition } from "../base/condition.ts";
import type { Connection } from "./connection.ts";

/**
 * Creates two connections in memory, joined end to end: each reads the bytes that the other writes.
 *
 * A write completes once the peer has read all of it, so a slow reader pushes back and no bytes are buffered.
 *
 * @example
 * ```ts
 * import { pipe } from "./pipe.ts";
 * const [left, right] = pipe();
 * const buffer = new Uint8Array(8);
 * const reading = right.read(buffer);
 * await left.write(new Uint8Array([1, 2, 3]));
 * console.assert(await reading === 3);
 * ```
 */
export function pipe(): [Connection, Connection] {
  const toRight = new Channel();
  const toLeft = new Channel();
  const end = (incoming: Channel, outgoing: Channel): Connection => ({
    read: (buffer) => incoming.read(buffer),
    write: (bytes) => outgoing.write(bytes),
    closeWrite: () => Promise.resolve(outgoing.end()),
    close() {
      outgoing.end();
      incoming.abandon();
    },
  });
  return [end(toLeft, toRight), end(toRight, toLeft)];
}

/** One direction. */
class Channel {
  #pending: Uint8Array | undefined;
  #written: PromiseWithResolvers<number> | undefined;
  /** Notified when bytes wait, or no more will come. */
  readonly #news = new Condition();
  #total = 0;
  #ended = false;
  #abandoned = false;

  async read(buffer: Uint8Array): Promise<number | null> {
    while (this.#pending === undefined) {
      if (this.#ended || this.#abandoned) return null;
      await this.#news.wait();
    }
    const length = Math.min(buffer.length, this.#pending.length);
    buffer.set(this.#pending.subarray(0, length));
    if (length === this.#pending.length) {
      this.#pending = undefined;
      this.#written!.resolve(this.#total);
    } else {
      this.#pending = this.#pending.subarray(length);
    }
    return length;
  }

  write(bytes: Uint8Array): Promise<number> {
    if (this.#ended || this.#abandoned) {
      return Promise.reject(new Deno.errors.BrokenPipe("the other end of the pipe is closed"));
    }
    if (this.#pending !== undefined) return Promise.reject(new Error("a write is already in progress"));
    if (bytes.length === 0) return Promise.resolve(0);
    this.#pending = bytes;
    this.#total = bytes.length;
    this.#written = Promise.withResolvers();
    this.#news.notify();
    return this.#written.promise;
  }

  end(): void {
    this.#ended = true;
    this.#news.notify();
  }

  abandon(): void {
    this.#abandoned = true;
    if (this.#pending !== undefined) {
      this.#pending = undefined;
      this.#written!.reject(new Deno.errors.BrokenPipe("the other end of the pipe is closed"));
    }
    this.#news.notify();
  }
}
