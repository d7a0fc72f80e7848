import { ByteChunks } from "./byte_chunks.ts";

/** Texts of results have a limit of 1 MiB; this leaves room for a remark. */
export const GATHERED_BYTES = 1024 * 1024 - 1024;

/** Collects output as text, up to a limit. */
export class GatheredText {
  readonly #chunks: ByteChunks;

  /** @param limit how many bytes it takes */
  constructor(limit = GATHERED_BYTES) {
    this.#chunks = new ByteChunks(limit);
  }

  /** Adds output; what is beyond the limit is only counted. */
  add(bytes: Uint8Array): void {
    this.#chunks.append(bytes);
  }

  /**
   * What was gathered.
   *
   * @returns `text`: without the last line break, with U+FFFD for what is not UTF-8; `leftOut`: the bytes that it lacks
   */
  take(): { text: string; leftOut: number } {
    const { limit, leftOut } = this.#chunks;
    const bytes = this.#chunks.bytes();
    let kept = bytes.subarray(0, leftOut > 0 ? wholeCharacters(bytes) : bytes.length);
    // Each byte that is not UTF-8 makes three.
    if (kept.length > limit / 3 && !isUtf8(kept)) kept = kept.subarray(0, Math.floor(limit / 3));
    const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(kept);
    return { text: text.replace(/\r?\n$/, ""), leftOut: leftOut + bytes.length - kept.length };
  }
}

/** The length without a character that is cut at the end. */
function wholeCharacters(bytes: Uint8Array): number {
  for (let length = 1; length <= Math.min(3, bytes.length); length++) {
    const byte = bytes[bytes.length - length];
    if (byte < 0x80) break;
    if (byte < 0xc0) continue;
    const wanted = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;
    return wanted > length ? bytes.length - length : bytes.length;
  }
  return bytes.length;
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}
