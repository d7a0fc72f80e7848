import type { ByteSource } from "./connection.ts";
import { WireError } from "../base/errors.ts";

/** The largest frame that is accepted unless an option says otherwise: 64 MiB. */
export const DEFAULT_MAX_FRAME_BYTES = 64 * 1024 * 1024;

/** The limit of frames. */
export interface FrameLimit {
  maxBytes: number;
  /**
   * Returns the limit of a frame over `maxBytes`, which may be higher.
   *
   * @param head the first bytes of the frame, at least 12
   * @param lengthBytes the length of the frame
   */
  maxBytesOf?(head: Uint8Array, lengthBytes: number): number;
}

/** Bytes of a frame that decide about its limit. */
const HEAD_BYTES = 12;

const MIN_READ_BYTES = 4 * 1024;
const MAX_READ_BYTES = 256 * 1024;

/**
 * Takes varint-delimited frames off a byte stream, however it is cut into reads.
 *
 * Bytes of frames already handed out are never overwritten: what refers to them may be kept. The buffer starts small
 * and grows with the traffic, so that a thousand idle connections cost little.
 *
 * @example
 * ```ts
 * import { FrameReader } from "./frame_reader.ts";
 * import { pipe } from "./pipe.ts";
 * const [left, right] = pipe();
 * const writing = left.write(new Uint8Array([2, 104, 105])).then(() => left.closeWrite());
 * const frames = new FrameReader(right);
 * while (await frames.fill()) {
 *   while (frames.next()) console.assert(frames.end - frames.start === 2);
 * }
 * await writing;
 * ```
 */
export class FrameReader {
  /** The buffer that holds the current frame. */
  bytes: Uint8Array<ArrayBuffer> = new Uint8Array(MIN_READ_BYTES);
  /** Where the current frame starts in `bytes`, after its length. */
  start = 0;
  /** Where the current frame ends in `bytes`. */
  end = 0;

  readonly #source: ByteSource;
  readonly #limit: FrameLimit;
  #base = 0; // how many bytes of the stream came before those in the buffer
  #position = 0; // of the first byte that belongs to no frame yet
  #filled = 0; // end of what was read
  #wanted = 1; // bytes from #position that the next frame needs, as far as known
  #chunk = MIN_READ_BYTES;
  #allowed = -1; // where in the stream a frame starts that may be larger than others
  #reading: PromiseWithResolvers<number | null> | undefined;
  #stopped = false;

  /** @param limit the largest frame that is accepted, in bytes, or a rule */
  constructor(source: ByteSource, limit: number | FrameLimit = DEFAULT_MAX_FRAME_BYTES) {
    this.#source = source;
    this.#limit = typeof limit === "number" ? { maxBytes: limit } : limit;
  }

  /**
   * Moves on to the next frame that is wholly in the buffer.
   *
   * @returns whether there is a frame
   * @throws {WireError} for a length that is no varint or exceeds the limit
   */
  next(): boolean {
    const bytes = this.bytes;
    const filled = this.#filled;
    let position = this.#position;
    let length = 0;
    let scale = 1;
    for (let i = 0;; i++) {
      if (position >= filled) {
        this.#wanted = i + 1;
        return false;
      }
      const byte = bytes[position++];
      if (i === 9 && byte > 1) {
        throw new WireError("bad-varint", `a frame starts with a varint longer than 10 bytes: ${this.preview()}`);
      }
      length += (byte & 0x7f) * scale;
      if (byte < 0x80) break;
      scale *= 128;
    }
    const end = position + length;
    if (length > this.#limit.maxBytes) {
      // Without a rule, the length alone decides.
      if (this.#limit.maxBytesOf !== undefined && length >= HEAD_BYTES && filled - position < HEAD_BYTES) {
        this.#wanted = position + HEAD_BYTES - this.#position;
        return false;
      }
      this.#checkLarge(bytes.subarray(position, Math.min(end, filled)), length);
    }
    if (end > filled) {
      this.#wanted = end - this.#position;
      return false;
    }
    this.start = position;
    this.end = end;
    this.#position = end;
    return true;
  }

  /**
   * Starts reading the next bytes, while the frames at hand are worked on. {@linkcode fill} waits for them.
   * The buffer must stay until {@linkcode next} has returned false, so this uses only the room after the bytes read.
   */
  readAhead(): void {
    if (this.#reading !== undefined || this.bytes.length - this.#filled < MIN_READ_BYTES) return;
    this.#read();
  }

  /**
   * Waits for more bytes. Call it when {@linkcode next} has returned false.
   *
   * @returns false at the end of the stream
   * @throws {WireError} if the stream ends inside a frame
   */
  async fill(): Promise<boolean> {
    if (this.#stopped) return false;
    if (this.#reading === undefined) {
      this.#makeRoom();
      this.#read();
    }
    const count = await this.#reading!.promise;
    if (this.#stopped) return false;
    this.#reading = undefined;
    if (count === null) {
      const rest = this.#filled - this.#position;
      if (rest === 0) return false;
      this.#checkCut();
      throw new WireError(
        "cut-frame",
        this.#wanted > 1 && rest < this.#wanted
          ? `the stream ends inside a frame, after ${rest} of at least ${this.#wanted} bytes: ${this.preview()}`
          : `the stream ends inside a frame: ${this.preview()}`,
      );
    }
    this.#filled += count;
    if (count >= this.#chunk && this.#chunk < MAX_READ_BYTES) this.#chunk *= 2;
    return true;
  }

  /** How many bytes of the stream came before the current frame, its length included. */
  get offset(): number {
    return this.#base + this.start;
  }

  /** The first bytes that belong to no frame yet, for messages: as text where it is text, else in hex. */
  preview(): string {
    return previewBytes(this.bytes.subarray(this.#position, Math.min(this.#filled, this.#position + 80)));
  }

  /** The bytes that belong to no frame yet. */
  rest(): Uint8Array {
    return this.bytes.subarray(this.#position, this.#filled);
  }

  /** Makes {@linkcode fill} return false from now on, also a call that waits for bytes. */
  stop(): void {
    this.#stopped = true;
    this.#reading?.resolve(null);
  }

  /** Reads and drops all that comes, until the end of the stream or {@linkcode stop}. */
  async drain(): Promise<void> {
    if (!this.#stopped && this.#reading !== undefined) await this.#reading.promise;
    const waste = new Uint8Array(MAX_READ_BYTES);
    while (!this.#stopped) {
      this.#reading = Promise.withResolvers();
      this.#source.read(waste).then(this.#reading.resolve, this.#reading.reject);
      if (await this.#reading.promise === null) return;
    }
  }

  /** A frame that is cut before its head could be judged is too large by what its length claims. */
  #checkCut(): void {
    let length = 0;
    for (let i = this.#position, scale = 1; i < this.#filled; i++, scale *= 128) {
      length += (this.bytes[i] & 0x7f) * scale;
      if (this.bytes[i] > 0x7f) continue;
      if (length > this.#limit.maxBytes) this.#checkLarge(this.bytes.subarray(i + 1, this.#filled), length);
      return;
    }
  }

  /** A frame that is larger than others is allowed once, and then as its bytes come. */
  #checkLarge(head: Uint8Array, length: number): void {
    const start = this.#base + this.#position;
    if (this.#allowed === start) return;
    const limit = this.#limit.maxBytesOf?.(head, length) ?? this.#limit.maxBytes;
    if (length > limit) {
      throw new WireError(
        "frame-too-large",
        `a frame claims ${length} bytes, the limit is ${limit}: ${this.preview()}`,
      );
    }
    this.#allowed = start;
  }

  #read(): void {
    const reading = this.#reading = Promise.withResolvers<number | null>();
    this.#source.read(this.bytes.subarray(this.#filled)).then(reading.resolve, reading.reject);
    // A rejection is reported by the fill() that awaits it; until then it must not count as unhandled.
    reading.promise.catch(() => {});
  }

  /** Makes room for the next read: in a new buffer once this buffer is full, since frames in it may still be in use. */
  #makeRoom(): void {
    if (this.bytes.length - this.#filled >= MIN_READ_BYTES) return;
    const rest = this.#filled - this.#position;
    const wanted = Math.max(this.#wanted, rest + 1);
    // A large frame is not trusted to be as long as it claims: the buffer doubles as its bytes really come. The room
    // on top of what is wanted lets even its last bytes come one by one without another copy of all the others.
    const capacity = Math.max(this.#chunk * 2, Math.min(wanted, Math.max(rest * 2, MAX_READ_BYTES)) + MIN_READ_BYTES);
    const bytes = new Uint8Array(capacity);
    bytes.set(this.bytes.subarray(this.#position, this.#filled));
    this.bytes = bytes;
    this.#base += this.#position;
    this.#filled = rest;
    this.#position = 0;
  }
}

/** Up to 80 bytes for a message: quoted text if they look like text, else hex. */
export function previewBytes(bytes: Uint8Array): string {
  if (bytes.length === 0) return "nothing";
  let printable = 0;
  for (const byte of bytes) {
    if (byte >= 0x20 && byte < 0x7f || byte === 0x0a || byte === 0x0d || byte === 0x09) printable++;
  }
  if (printable >= bytes.length * 0.85) return JSON.stringify(new TextDecoder().decode(bytes));
  return Array.from(bytes.subarray(0, 24), (byte) => byte.toString(16).padStart(2, "0")).join(" ") +
    (bytes.length > 24 ? " ..." : "");
}
