import type { Connection } from "../../wire/connection.ts";

/** The memory of a connection, as one thread sends it to the other. */
export interface RingMemory {
  incoming: SharedArrayBuffer;
  outgoing: SharedArrayBuffer;
}

/**
 * A connection to another thread over shared memory. A slow reader pushes back.
 *
 * The reader gets the bytes of whole writes only. So what this side {@linkcode inject}s stands between writes, and a
 * write that the other thread never finishes does not come in.
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
   * Empties the memory of a connection that both sides have closed, so that another one can be made of it. Memory that
   * threads share is freed only once both have collected their garbage, which an idle one does not do.
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

/** What fits into one direction of a connection, in bytes; a power of two. */
const CAPACITY = 1024 * 1024;

// Cells of the control block. WRITTEN, READ and WHOLE count bytes and wrap at 32 bits; WHOLE is where the last finished
// write ends.
const WRITTEN = 0, READ = 1, STATE = 2, NEWS = 3, ROOM = 4, WHOLE = 5, CELLS = 8;
const OPEN = 0, ENDED = 1, ABANDONED = 2;

/**
 * Bytes on their way from one thread to another, in memory that both share: one side writes, the other reads.
 *
 * Waking a thread by `Atomics.waitAsync` takes half as long as by a message, and nothing is allocated.
 * What one {@linkcode write} takes appears to the reader all at once where it fits; {@linkcode whole} gives how much of
 * the rest belongs to finished writes.
 */
export class Ring {
  readonly #control: Int32Array<SharedArrayBuffer>;
  readonly #bytes: Uint8Array<SharedArrayBuffer>;
  #released = false;

  /** @param memory of the other side's ring; left out: a new one */
  constructor(readonly memory: SharedArrayBuffer = new SharedArrayBuffer(CELLS * 4 + CAPACITY)) {
    this.#control = new Int32Array(memory, 0, CELLS);
    this.#bytes = new Uint8Array(memory, CELLS * 4);
  }

  /** Bytes that were written and not read yet. */
  get length(): number {
    return (Atomics.load(this.#control, WRITTEN) - Atomics.load(this.#control, READ)) | 0;
  }

  /** Bytes to read up to the end of the last finished write; below 0: bytes that were read of an unfinished write. */
  get whole(): number {
    return (Atomics.load(this.#control, WHOLE) - Atomics.load(this.#control, READ)) | 0;
  }

  /** Whether the writer has ended it. Ask before looking for bytes: those it wrote last are there by then. */
  get ended(): boolean {
    return Atomics.load(this.#control, STATE) !== OPEN;
  }

  /**
   * How often something was written, or it was ended: take it before looking, then {@linkcode changed} misses nothing.
   */
  get news(): number {
    return Atomics.load(this.#control, NEWS);
  }

  /**
   * Writes all of the bytes, as soon as there is room for them.
   *
   * @throws {Deno.errors.BrokenPipe} once the reader has abandoned it, or after {@linkcode release}
   */
  async write(bytes: Uint8Array): Promise<void> {
    while (bytes.length > 0) {
      const room = Atomics.load(this.#control, ROOM);
      if (this.#released || Atomics.load(this.#control, STATE) !== OPEN) {
        throw new Deno.errors.BrokenPipe("the other thread has gone");
      }
      const free = CAPACITY - this.length;
      if (free < Math.min(bytes.length, CAPACITY)) {
        await this.#wait(ROOM, room);
        continue;
      }
      const length = Math.min(bytes.length, free);
      const written = Atomics.load(this.#control, WRITTEN);
      const at = written & (CAPACITY - 1);
      const first = Math.min(length, CAPACITY - at);
      this.#bytes.set(bytes.subarray(0, first), at);
      if (first < length) this.#bytes.set(bytes.subarray(first, length), 0);
      bytes = bytes.subarray(length);
      Atomics.store(this.#control, WRITTEN, (written + length) | 0);
      if (bytes.length === 0) Atomics.store(this.#control, WHOLE, (written + length) | 0);
      this.#notify(NEWS);
    }
  }

  /** Copies what is there into the buffer; 0: there is nothing. */
  read(buffer: Uint8Array): number {
    const length = Math.min(this.length, buffer.length);
    if (length === 0) return 0;
    const read = Atomics.load(this.#control, READ);
    const at = read & (CAPACITY - 1);
    const first = Math.min(length, CAPACITY - at);
    buffer.set(this.#bytes.subarray(at, at + first));
    if (first < length) buffer.set(this.#bytes.subarray(0, length - first), first);
    Atomics.store(this.#control, READ, (read + length) | 0);
    this.#notify(ROOM);
    return length;
  }

  /** Waits until there is news since {@linkcode news} was this. */
  changed(news: number): Promise<unknown> | void {
    return this.#wait(NEWS, news);
  }

  /** Nothing more will be written. */
  end(): void {
    Atomics.compareExchange(this.#control, STATE, OPEN, ENDED);
    this.#notify(NEWS);
  }

  /** Nothing more will be read: writes fail from now on. */
  abandon(): void {
    Atomics.store(this.#control, STATE, ABANDONED);
    this.#notify(ROOM);
    this.#notify(NEWS);
  }

  /** Ends its use by this side, also by a write that still waits: the memory may become that of another connection. */
  release(): void {
    this.#released = true;
  }

  /** Empties memory that both sides have released. */
  static clear(memory: SharedArrayBuffer): void {
    const control = new Int32Array(memory, 0, CELLS);
    // NEWS and ROOM only count: what waits for them wakes, and finds that it was released.
    for (const cell of [WRITTEN, READ, WHOLE]) Atomics.store(control, cell, 0);
    Atomics.store(control, STATE, OPEN);
  }

  /** Wakes the waiting side to look again. */
  wake(): void {
    this.#notify(NEWS);
  }

  #notify(cell: number): void {
    Atomics.add(this.#control, cell, 1);
    Atomics.notify(this.#control, cell);
  }

  #wait(cell: number, value: number): Promise<unknown> | void {
    const { async, value: changed } = Atomics.waitAsync(this.#control, cell, value);
    if (async) return changed;
  }
}
