import { startLongTimer } from "../../../base/time.ts";
import type { RunContext } from "../../runner.ts";
import { CHUNK_BYTES } from "./byte_chunks.ts";
import type { Output } from "./output.ts";

/** How long little output waits for more, so that it does not travel line by line. */
const WAIT_MS = 200;

/** Sends an output as a file, as it comes; an empty one as well. */
export class StreamedFile implements Output {
  readonly #file: string;
  readonly #context: RunContext;
  /** What has come since the last piece was sent. */
  #piece: Uint8Array<ArrayBuffer> | undefined;
  #length = 0;
  #sent = false;
  #timer: Disposable | undefined;
  /** What the timer sends. */
  #sending: Promise<void> | undefined;

  constructor(file: string, context: RunContext) {
    this.#file = file;
    this.#context = context;
  }

  async write(bytes: Uint8Array): Promise<void> {
    await this.#sending;
    while (bytes.length > 0) {
      this.#piece ??= new Uint8Array(CHUNK_BYTES);
      const part = bytes.subarray(0, CHUNK_BYTES - this.#length);
      this.#piece.set(part, this.#length);
      this.#length += part.length;
      bytes = bytes.subarray(part.length);
      if (this.#length === CHUNK_BYTES) await this.#send();
    }
    if (this.#length > 0) this.#timer ??= startLongTimer(WAIT_MS, () => this.#sendLater());
  }

  async end(): Promise<void> {
    this.#timer?.[Symbol.dispose]();
    await this.#sending;
    if (this.#length > 0 || !this.#sent) await this.#send();
  }

  #sendLater(): void {
    this.#sending = this.#send();
    this.#sending.catch(() => {}); // told by the next write, or by end()
  }

  async #send(): Promise<void> {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    const length = this.#length;
    // What is little gets memory of its own size, since it may wait for long.
    const data = (length < CHUNK_BYTES / 2 ? this.#piece?.slice(0, length) : this.#piece?.subarray(0, length)) ??
      new Uint8Array();
    if (data.buffer === this.#piece?.buffer) this.#piece = undefined;
    this.#length = 0;
    this.#sent = true;
    await this.#context.send({ type: "fileData", name: this.#file, data });
  }
}
