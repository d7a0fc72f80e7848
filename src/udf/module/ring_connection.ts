import type { Connection } from "../../wire/connection.ts";
import { Ring } from "./ring.ts";

/** The memory of a connection, as one thread sends it to the other. */
export interface RingMemory {
  incoming: SharedArrayBuffer;
  outgoing: SharedArrayBuffer;
}

/**
 * A connection to another thread over shared memory. A slow reader pushes back.
 *
 * The reader gets the bytes of whole writes only. So what this side {@linkcode inject}s stands between writes, and a write that the
 * other thread never finishes does not come in.
 */
export class RingConnection implements Connection {
  readonly #incoming: Ring;
  readonly #outgoing: Ring;
  /** What this side has put in front of the reader, after all that has come in. */
  readonly #injected: Uint8Array[] = [];
  /** What has come of a write that is larger than the ring and not finished. */
  #part: Uint8Array[] = [];
  /** What the reader gets first. */
  #ready: Uint8Array[] = [];
  #readingEnded = false;
  #closed = false;

  /** @param memory as this side sees it; left out: a new connection */
  constructor(memory?: RingMemory) {
    this.#incoming = new Ring(memory?.incoming);
    this.#outgoing = new Ring(memory?.outgoing);
  }

  /**
   * Empties the memory of a connection that both sides have closed, so that another one can be made of it. Memory that threads share
   * is freed only once both have collected their garbage, which an idle one does not do.
   */
  static clear({ incoming, outgoing }: RingMemory): void {
    Ring.clear(incoming);
    Ring.clear(outgoing);
  }

  /** What this side was made from. */
  get memory(): RingMemory {
    return { incoming: this.#incoming.memory, outgoing: this.#outgoing.memory };
  }

  /** What the other side makes its end of the connection from. */
  get otherSide(): RingMemory {
    return { incoming: this.#outgoing.memory, outgoing: this.#incoming.memory };
  }

  /** Bytes that were written and that the other side has not read yet. */
  get underWay(): number {
    return this.#outgoing.length;
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    const incoming = this.#incoming;
    for (;;) {
      if (this.#closed) return null;
      if (this.#ready.length > 0) return this.#readReady(buffer);
      // Both are asked before the bytes are: the other thread may write its last ones and end at any moment between.
      const news = incoming.news;
      const ended = this.#readingEnded || incoming.ended;
      const whole = incoming.whole;
      if (whole >= 0 && this.#part.length > 0) {
        [this.#ready, this.#part] = [this.#part, []];
        continue;
      }
      if (whole > 0) return incoming.read(buffer.subarray(0, whole));
      const injected = this.#injected.shift();
      if (injected !== undefined) {
        this.#ready.push(injected);
        continue;
      }
      const part = new Uint8Array(incoming.length);
      if (incoming.read(part) > 0) this.#part.push(part);
      else if (ended) return null;
      else await incoming.changed(news);
    }
  }

  async write(bytes: Uint8Array): Promise<number> {
    await this.#outgoing.write(bytes);
    return bytes.length;
  }

  closeWrite(): Promise<void> {
    if (!this.#closed) this.#outgoing.end();
    return Promise.resolve();
  }

  close(): void {
    if (this.#closed) return; // the memory may be that of another connection by now
    this.#closed = true;
    this.#outgoing.end();
    this.#outgoing.release();
    this.#incoming.abandon();
  }

  /** Adds a few bytes to what the reader gets, as if the other side had sent them. */
  inject(bytes: Uint8Array): void {
    if (this.#closed) return;
    this.#injected.push(bytes);
    this.#incoming.wake();
  }

  /** The reader gets what has come so far, and then the end. Writes fail: the other side has gone. */
  endReading(): void {
    if (this.#closed) return;
    this.#readingEnded = true;
    this.#incoming.wake();
    this.#outgoing.abandon();
  }

  #readReady(buffer: Uint8Array): number {
    const [first] = this.#ready;
    const count = Math.min(first.length, buffer.length);
    buffer.set(first.subarray(0, count));
    if (count < first.length) this.#ready[0] = first.subarray(count);
    else this.#ready.shift();
    return count;
  }
}
