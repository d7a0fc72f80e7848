import { crc32, createInflateRaw, type InflateRaw } from "node:zlib";

/** Signatures. Source: PKWARE's APPNOTE.TXT 6.3.10, sections 4.3.7, 4.3.12 and 4.3.16. */
const LOCAL_HEADER = 0x04034b50, CENTRAL_HEADER = 0x02014b50, END = 0x06054b50, END_64 = 0x06064b50;
const HEADER_BYTES = 30;
/** Lengths of what follows data whose length was not known: with or without a signature, in 32 or 64 bits. */
const DESCRIPTOR_BYTES = [16, 24, 12, 20];

/**
 * Yields the contents of a zip archive member by member, as it is read from its beginning: members that are whole are
 * there also when the archive is cut.
 *
 * @param chunks the archive
 * @yields a member; it has to be read to its end before the next one
 * @throws {Error} for an archive that is broken, cut, encrypted, or compressed otherwise than by deflate
 */
export async function* unzip(chunks: AsyncIterator<Uint8Array>): AsyncGenerator<AsyncGenerator<Uint8Array>> {
  const input = new Input(chunks);
  for (;;) {
    await input.atLeast(4);
    const signature = input.uint32(0);
    if (signature === CENTRAL_HEADER || signature === END || signature === END_64) return;
    if (signature !== LOCAL_HEADER) throw new Error("what follows a member of the archive is no member");
    await input.atLeast(HEADER_BYTES);
    const flags = input.uint16(6), method = input.uint16(8);
    const crc = input.uint32(14), size = input.uint32(18);
    const header = HEADER_BYTES + input.uint16(26) + input.uint16(28);
    await input.atLeast(header);
    input.take(header);
    const isStreamed = (flags & 8) !== 0;
    if ((flags & 1) !== 0) throw new Error("a member of the archive is encrypted");
    if (method !== 0 && method !== 8) throw new Error(`a member of the archive is compressed by method ${method}`);
    if (method === 0 && (isStreamed || size === 0xffffffff)) {
      throw new Error("a member of the archive is stored without its length");
    }
    const sum = { crc: 0 };
    yield summed(method === 0 ? stored(input, size) : inflated(input), sum);
    const expected = isStreamed ? await descriptorCrc(input) : crc;
    if (sum.crc !== expected) throw new Error("the checksum of a member of the archive is wrong");
  }
}

async function* summed(chunks: AsyncIterable<Uint8Array>, sum: { crc: number }): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    sum.crc = crc32(chunk, sum.crc);
    yield chunk;
  }
}

async function* stored(input: Input, size: number): AsyncGenerator<Uint8Array> {
  for (let left = size; left > 0;) {
    await input.atLeast(1);
    const chunk = input.take(Math.min(left, input.length));
    left -= chunk.length;
    yield chunk;
  }
}

/** Inflates up to the end that the data itself has, and leaves what follows in the input. */
async function* inflated(input: Input): AsyncGenerator<Uint8Array> {
  const inflate = createInflateRaw();
  const feeding = feed(inflate, input);
  feeding.catch((error) => inflate.destroy(error));
  try {
    for await (const chunk of inflate) yield chunk;
  } finally {
    inflate.destroy();
  }
  await feeding;
}

async function feed(inflate: InflateRaw, input: Input): Promise<void> {
  while (!inflate.destroyed && !inflate.readableEnded) {
    if (!await input.has(1)) {
      inflate.end();
      return;
    }
    const chunk = input.take(input.length);
    const before = inflate.bytesWritten;
    await written(inflate, chunk);
    const used = inflate.bytesWritten - before;
    input.putBack(chunk.subarray(used));
    if (used < chunk.length) return;
  }
}

/** Waits until a chunk is inflated, or the end of the data is found within it. */
function written(inflate: InflateRaw, chunk: Uint8Array): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  inflate.once("close", resolve);
  inflate.write(chunk, () => {
    inflate.off("close", resolve);
    resolve();
  });
  return promise;
}

async function descriptorCrc(input: Input): Promise<number> {
  for (const bytes of DESCRIPTOR_BYTES) {
    await input.atLeast(bytes + 4);
    if (![LOCAL_HEADER, CENTRAL_HEADER].includes(input.uint32(bytes))) continue;
    const crc = input.uint32(bytes === 16 || bytes === 24 ? 4 : 0);
    input.take(bytes);
    return crc;
  }
  throw new Error("the end of a member of the archive is broken");
}

/** Bytes that have come and not been taken. */
class Input {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #bytes: Uint8Array = new Uint8Array();

  constructor(chunks: AsyncIterator<Uint8Array>) {
    this.#chunks = chunks;
  }

  get length(): number {
    return this.#bytes.length;
  }

  /** Reads until there are at least that many bytes. */
  async atLeast(length: number): Promise<void> {
    if (!await this.has(length)) throw new Error("unexpected end of file");
  }

  /** Reads until there are at least that many bytes; false: the archive ends before. */
  async has(length: number): Promise<boolean> {
    while (this.#bytes.length < length) {
      const { done, value } = await this.#chunks.next();
      if (done) return false;
      this.#bytes = this.#bytes.length === 0 ? value : Uint8Array.of(...this.#bytes, ...value);
    }
    return true;
  }

  take(length: number): Uint8Array {
    const taken = this.#bytes.subarray(0, length);
    this.#bytes = this.#bytes.subarray(length);
    return taken;
  }

  putBack(bytes: Uint8Array): void {
    this.#bytes = bytes;
  }

  uint16(at: number): number {
    return this.#bytes[at] | this.#bytes[at + 1] << 8;
  }

  uint32(at: number): number {
    return (this.uint16(at) | this.uint16(at + 2) << 16) >>> 0;
  }
}
