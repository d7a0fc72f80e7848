/** The most that a frame carries, with room for its envelope. */
export const CHUNK_BYTES = 60 * 1024;

const FIRST_CHUNK_BYTES = 4 * 1024;

/** Collects bytes in chunks, so that nothing is copied twice, up to a limit. */
export class ByteChunks {
  /** How many bytes it has. */
  length = 0;
  /** What came after it was full. */
  leftOut = 0;
  readonly #chunks: Uint8Array<ArrayBuffer>[] = [];
  /** The length of the last chunk, which may have room. */
  #used = 0;

  /** @param limit how many bytes it takes */
  constructor(readonly limit: number) {}

  /**
   * Copies bytes to its end; counts those that it has no room for.
   *
   * @returns whether all were taken
   */
  append(bytes: Uint8Array): boolean {
    const room = this.limit - this.length;
    let rest = bytes.subarray(0, room);
    this.leftOut += bytes.length - rest.length;
    while (rest.length > 0) {
      let last = this.#chunks.at(-1);
      if (last === undefined || this.#used === last.length) {
        // Most outputs are short.
        last = new Uint8Array(Math.min(CHUNK_BYTES, Math.max(FIRST_CHUNK_BYTES, this.length)));
        this.#chunks.push(last);
        this.#used = 0;
      }
      const part = rest.subarray(0, last.length - this.#used);
      last.set(part, this.#used);
      this.#used += part.length;
      this.length += part.length;
      rest = rest.subarray(part.length);
    }
    return bytes.length <= room;
  }

  /** What it has, in chunks of at most {@link CHUNK_BYTES}. */
  *[Symbol.iterator](): Iterator<Uint8Array<ArrayBuffer>> {
    const last = this.#chunks.at(-1);
    for (const chunk of this.#chunks) yield chunk === last ? chunk.subarray(0, this.#used) : chunk;
  }

  /** What it has, in one piece. */
  bytes(): Uint8Array<ArrayBuffer> {
    const all = new Uint8Array(this.length);
    let at = 0;
    for (const chunk of this) {
      all.set(chunk, at);
      at += chunk.length;
    }
    return all;
  }
}
