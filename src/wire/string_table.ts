const SLOTS = 4096;
const LONGEST = 48;

/**
 * Turns UTF-8 bytes into strings and remembers short ones, so that names, keys and tag values that repeat from
 * message to message are neither decoded nor allocated again.
 *
 * A fixed number of slots, each holding the last string that fell on it: memory is bounded whatever comes in.
 */
export class StringTable {
  readonly #slots: (Entry | undefined)[] = new Array(SLOTS).fill(undefined);
  readonly #strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  readonly #lenient = new TextDecoder("utf-8", { ignoreBOM: true });

  /** How many strings were not valid UTF-8; each was decoded with U+FFFD in place of the bad bytes. */
  invalid = 0;

  /** The string in `bytes[start, end)`. */
  get(bytes: Uint8Array, start: number, end: number): string {
    const length = end - start;
    if (length === 0) return "";
    if (length > LONGEST) return this.#decode(bytes, start, end);
    let hash = length;
    for (let i = start; i < end; i++) hash = Math.imul(hash, 31) + bytes[i] | 0;
    const slot = (hash ^ hash >>> 12) & (SLOTS - 1);
    const entry = this.#slots[slot];
    if (entry !== undefined && entry.hash === hash && matches(entry.bytes, bytes, start, end)) return entry.text;
    const invalid = this.invalid;
    const text = this.#decode(bytes, start, end);
    // A broken one is not remembered, so that it counts each time it comes.
    if (this.invalid === invalid) this.#slots[slot] = { hash, bytes: bytes.slice(start, end), text };
    return text;
  }

  /** Whether `bytes[start, end)` is valid UTF-8. Does not count. */
  isValid(bytes: Uint8Array, start: number, end: number): boolean {
    let high = 0;
    for (let i = start; i < end; i++) high |= bytes[i];
    if (high < 0x80) return true;
    try {
      this.#strict.decode(bytes.subarray(start, end));
      return true;
    } catch {
      return false;
    }
  }

  #decode(bytes: Uint8Array, start: number, end: number): string {
    if (this.isValid(bytes, start, end)) return this.#lenient.decode(bytes.subarray(start, end));
    this.invalid++;
    return this.#lenient.decode(bytes.subarray(start, end));
  }
}

interface Entry {
  hash: number;
  bytes: Uint8Array;
  text: string;
}

function matches(entry: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (entry.length !== end - start) return false;
  for (let i = 0, j = start; j < end; i++, j++) if (entry[i] !== bytes[j]) return false;
  return true;
}
