/** What fits into one direction of a connection, in bytes; a power of two. */
const CAPACITY = 1024 * 1024;

// Cells of the control block. WRITTEN, READ and WHOLE count bytes and wrap at 32 bits; WHOLE is where the last finished write ends.
const WRITTEN = 0, READ = 1, STATE = 2, NEWS = 3, ROOM = 4, WHOLE = 5, CELLS = 8;
const OPEN = 0, ENDED = 1, ABANDONED = 2;

/**
 * Bytes on their way from one thread to another, in memory that both share: one side writes, the other reads.
 *
 * Waking a thread by `Atomics.waitAsync` takes half as long as by a message, and nothing is allocated.
 * What one {@linkcode write} takes appears to the reader all at once where it fits; {@linkcode whole} says how much of the rest
 * belongs to writes that are finished.
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

  /** Bytes to read up to the end of the last finished write; below 0: so many were read of a write that still goes on. */
  get whole(): number {
    return (Atomics.load(this.#control, WHOLE) - Atomics.load(this.#control, READ)) | 0;
  }

  /** Whether the writer has ended it. Ask before looking for bytes: those it wrote last are there by then. */
  get ended(): boolean {
    return Atomics.load(this.#control, STATE) !== OPEN;
  }

  /** How often something was written, or it was ended: take it before looking, then {@linkcode changed} misses nothing. */
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
      this.#tell(NEWS);
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
    this.#tell(ROOM);
    return length;
  }

  /** Waits until there is news since {@linkcode news} was this. */
  changed(news: number): Promise<unknown> | void {
    return this.#wait(NEWS, news);
  }

  /** Nothing more will be written. */
  end(): void {
    Atomics.compareExchange(this.#control, STATE, OPEN, ENDED);
    this.#tell(NEWS);
  }

  /** Nothing more will be read: writes fail from now on. */
  abandon(): void {
    Atomics.store(this.#control, STATE, ABANDONED);
    this.#tell(ROOM);
    this.#tell(NEWS);
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

  /** Makes whoever waits for news look again. */
  wake(): void {
    this.#tell(NEWS);
  }

  #tell(cell: number): void {
    Atomics.add(this.#control, cell, 1);
    Atomics.notify(this.#control, cell);
  }

  #wait(cell: number, value: number): Promise<unknown> | void {
    const { async, value: changed } = Atomics.waitAsync(this.#control, cell, value);
    if (async) return changed;
  }
}
