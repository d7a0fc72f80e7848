import { TineError } from "../base/errors.ts";
import { alignUp } from "./layouts.ts";

/** Memory that the kernel may read and write. */
export interface Region {
  /** All of it, zero at first. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The same. */
  readonly view: DataView<ArrayBuffer>;
  /** Where it is, for pointers in structures. Valid as long as the arena. */
  readonly address: bigint;
}

const CHUNK_BYTES = 64 * 1024;

/**
 * Owns native memory. The garbage collector does not see an address that stands in a structure, and would free the
 * memory behind it: so a structure and the memory that it refers to come from one arena, which must be kept.
 *
 * Disposing frees the memory at once and detaches what was made of it: later calls on its regions fail with EFAULT or
 * find them empty, and never touch memory that has another owner.
 *
 * @example
 * ```ts
 * import { Arena } from "./arena.ts";
 * using arena = new Arena();
 * const payload = arena.allocate(1500);
 * const iovec = arena.allocate(16);
 * iovec.view.setBigUint64(0, payload.address, true);
 * iovec.view.setBigUint64(8, 1500n, true);
 * ```
 */
export class Arena implements Disposable {
  readonly #chunks: { buffer: ArrayBuffer; address: bigint; used: number }[] = [];
  #disposed = false;

  /** How much memory it holds. */
  get sizeBytes(): number {
    return this.#chunks.reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
  }

  /** Whether its memory is gone. */
  get disposed(): boolean {
    return this.#disposed;
  }

  /**
   * Takes memory.
   *
   * @param lengthBytes how much; at least 1
   * @param alignBytes its address is a multiple of this power of two, up to 4096
   * @throws {TineError} `arena-disposed`
   * @throws {RangeError} if it is more than there is
   */
  allocate(lengthBytes: number, alignBytes = 16): Region {
    if (this.#disposed) throw new TineError("arena-disposed", "memory was asked of an arena that is disposed");
    let chunk = this.#chunks.at(-1);
    let start = chunk === undefined ? 0 : startIn(chunk, alignBytes);
    if (chunk === undefined || start + lengthBytes > chunk.buffer.byteLength) {
      const buffer = new ArrayBuffer(Math.max(CHUNK_BYTES, lengthBytes + alignBytes));
      chunk = { buffer, address: addressOf(buffer), used: 0 };
      this.#chunks.push(chunk);
      start = startIn(chunk, alignBytes);
    }
    chunk.used = start + lengthBytes;
    return {
      bytes: new Uint8Array(chunk.buffer, start, lengthBytes),
      view: new DataView(chunk.buffer, start, lengthBytes),
      address: chunk.address + BigInt(start),
    };
  }

  /** Frees all memory. */
  [Symbol.dispose](): void {
    this.#disposed = true;
    for (const { buffer } of this.#chunks.splice(0)) buffer.transfer(0);
  }
}

function startIn(chunk: { address: bigint; used: number }, alignBytes: number): number {
  // Chunks are aligned to 16 bytes or so; what counts is the address.
  const skew = Number(chunk.address % BigInt(alignBytes));
  return alignUp(skew + chunk.used, alignBytes) - skew;
}

function addressOf(buffer: ArrayBuffer): bigint {
  return Deno.UnsafePointer.value(Deno.UnsafePointer.of(buffer));
}
