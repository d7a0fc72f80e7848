const TAIL_BYTES = 1024;
const MAX_CHARACTERS = 300;

/** Remembers the last line of an output, for messages. */
export class LastLine {
  #tail: Uint8Array = new Uint8Array();

  /** Takes a piece of the output. */
  add(bytes: Uint8Array): void {
    if (bytes.length >= TAIL_BYTES) {
      this.#tail = bytes.slice(-TAIL_BYTES);
      return;
    }
    const kept = this.#tail.subarray(Math.max(0, this.#tail.length + bytes.length - TAIL_BYTES));
    const tail = new Uint8Array(kept.length + bytes.length);
    tail.set(kept);
    tail.set(bytes, kept.length);
    this.#tail = tail;
  }

  /** The last line that is not blank, or the end of it; undefined if there is none. */
  text(): string | undefined {
    const line = new TextDecoder().decode(this.#tail).trimEnd().split(/[\n\r]/).at(-1)!.trim();
    if (line === "") return undefined;
    return line.length > MAX_CHARACTERS ? "..." + line.slice(-MAX_CHARACTERS) : line;
  }
}
