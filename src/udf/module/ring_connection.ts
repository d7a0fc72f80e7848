import type { Connection } from "../../wire/connection.ts";
import { Ring } from "./ring.ts";

/** The memory of a connection, as one thread sends it to the other. */
export interface RingMemory {
  incoming: SharedArrayBuffer;
  outgoing: SharedArrayBuffer;
}

/** A connection to another thread over shared memory. A slow reader pushes back. */
export class RingConnection implements Connection {
  readonly #incoming: Ring;
  readonly #outgoing: Ring;
  /** What this side has put in front of the reader, after all that has come in. */
  readonly #injected: Uint8Array[] = [];
  #readingEnded = false;

  /** @param memory as the other side sees it; left out: a new connection */
  constructor(memory?: RingMemory) {
    this.#incoming = new Ring(memory?.incoming);
    this.#outgoing = new Ring(memory?.outgoing);
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
    for (;;) {
      const news = this.#incoming.news;
      const count = this.#incoming.read(buffer);
      if (count > 0) return count;
      // Writes of whole frames appear all at once, so that what is injected stands between frames.
      const injected = this.#injected.shift();
      if (injected !== undefined) {
        buffer.set(injected);
        return injected.length;
      }
      if (this.#readingEnded || this.#incoming.ended) return null;
      await this.#incoming.changed(news);
    }
  }

  async write(bytes: Uint8Array): Promise<number> {
    await this.#outgoing.write(bytes);
    return bytes.length;
  }

  closeWrite(): Promise<void> {
    this.#outgoing.end();
    return Promise.resolve();
  }

  close(): void {
    this.#outgoing.end();
    this.#incoming.abandon();
    this.#readingEnded = true;
  }

  /** Adds a few bytes to what the reader gets, as if the other side had sent them. */
  inject(bytes: Uint8Array): void {
    this.#injected.push(bytes);
    this.#incoming.wake();
  }

  /** The reader gets what has come so far, and then the end. Writes fail: the other side has gone. */
  endReading(): void {
    this.#readingEnded = true;
    this.#incoming.wake();
    this.#outgoing.abandon();
  }
}
