import { LineSplitter } from "../../../base/lines.ts";
import type { RunContext } from "../../runner.ts";
import type { OutputName, OutputSink } from "./output.ts";
import { ByteChunks } from "./file_outputs.ts";

/** Makes a log entry of each line, as it comes. */
export class StreamedLines implements OutputSink {
  readonly #lines = new LineSplitter();
  readonly #command: string;
  readonly #context: RunContext;

  constructor({ command }: OutputName, context: RunContext) {
    this.#command = command;
    this.#context = context;
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#log(this.#lines.push(bytes));
  }

  end(): Promise<void> {
    return this.#log(this.#lines.end());
  }

  async #log(lines: Iterable<string>): Promise<void> {
    for (const line of lines) {
      const room = this.#context.log(line, this.#command);
      if (room !== undefined) await room;
    }
  }
}

/** Makes one log entry of an output, at its end, unless it is empty. */
export class GatheredEntry implements OutputSink {
  readonly #text = new GatheredText();
  readonly #name: OutputName;
  readonly #context: RunContext;

  constructor(name: OutputName, context: RunContext) {
    this.#name = name;
    this.#context = context;
  }

  write(bytes: Uint8Array): undefined {
    this.#text.add(bytes);
  }

  async end(): Promise<void> {
    const { text, leftOut } = this.#text.take();
    const { stream, command } = this.#name;
    const remark = leftOut === 0
      ? ""
      : `\n(${leftOut} bytes of ${stream} are left out; to keep all of it, give it a file: ${stream}: ${command}.txt)`;
    if (text !== "" || remark !== "") await this.#context.log(text + remark, command);
  }
}

/** Texts of results have a limit of 1 MiB; this leaves room for a remark. */
export const GATHERED_BYTES = 1024 * 1024 - 1024;

/** Collects output as text, up to a limit. */
export class GatheredText {
  readonly #chunks: ByteChunks;

  /** @param limit the most bytes that it takes */
  constructor(limit = GATHERED_BYTES) {
    this.#chunks = new ByteChunks(limit);
  }

  /** Adds output; what is beyond the limit is only counted. */
  add(bytes: Uint8Array): void {
    this.#chunks.append(bytes);
  }

  /**
   * Returns what was gathered.
   *
   * @returns `text`: without the last line break, with U+FFFD for what is not UTF-8; `leftOut`: the bytes that it lacks
   */
  take(): { text: string; leftOut: number } {
    const { limit, leftOut } = this.#chunks;
    const bytes = this.#chunks.bytes();
    let kept = bytes.subarray(0, leftOut > 0 ? wholeCharacters(bytes) : bytes.length);
    // Each byte that is not UTF-8 becomes U+FFFD, three bytes.
    if (kept.length > limit / 3 && !isUtf8(kept)) kept = kept.subarray(0, Math.floor(limit / 3));
    const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(kept);
    return { text: text.replace(/\r?\n$/, ""), leftOut: leftOut + bytes.length - kept.length };
  }
}

/** Returns the length without a character that is cut at the end. */
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

  /** Returns the last line that is not blank, cut at its start if it is long; undefined if there is no such line. */
  text(): string | undefined {
    const line = new TextDecoder().decode(this.#tail).trimEnd().split(/[\n\r]/).at(-1)!.trim();
    if (line === "") return undefined;
    return line.length > MAX_CHARACTERS ? "..." + line.slice(-MAX_CHARACTERS) : line;
  }
}
