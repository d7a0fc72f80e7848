import { TineError, whyNotRead } from "../base/errors.ts";

/**
 * What flows carry behind their headers. Random bytes are the default: a path that compresses would carry anything else
 * at a rate that no real traffic gets.
 *
 * @module
 */

/** A pattern in hexadecimal digits: `0x`, and two digits for each of up to 256 bytes. */
export const PATTERN_TEXT = /^0x(?:[0-9A-Fa-f]{2}){1,256}$/;

/** Of a longer file, the first 16 MiB are carried. */
export const MAX_FILE_BYTES = 16 * 1024 * 1024;

/** What a flow carries: `random`, `zeros`, `file`, or a pattern such as `0xdeadbeef`. */
export type PayloadKind = string;

/**
 * Returns the kind of a payload as it is configured: anything but `random`, `zeros` and a pattern is the path of a file.
 *
 * @param payload as configured; left out: `random`
 *
 * @example
 * ```ts
 * import { payloadKind } from "./payload.ts";
 * console.assert(payloadKind() === "random" && payloadKind("0xFF") === "0xff" && payloadKind("a.bin") === "file");
 * ```
 */
export function payloadKind(payload = "random"): PayloadKind {
  if (payload === "random" || payload === "zeros") return payload;
  return PATTERN_TEXT.test(payload) ? payload.toLowerCase() : "file";
}

/** Whether a text is a kind that another end can be asked for: its files stay its own. */
export function isRequestable(kind: unknown): kind is PayloadKind {
  return kind === "random" || kind === "zeros" || (typeof kind === "string" && PATTERN_TEXT.test(kind));
}

/**
 * Returns what is wrong with a payload; undefined: nothing.
 *
 * @param payload as configured
 * @param fromServer whether the server sends it
 */
export function payloadProblem(payload: string | undefined, fromServer: boolean): string | undefined {
  if (payload === undefined) return undefined;
  if (payload.startsWith("0x") && !PATTERN_TEXT.test(payload)) {
    return `"${payload}" is no pattern: expected 0x and two hexadecimal digits for each of 1 to 256 bytes`;
  }
  if (!fromServer || payloadKind(payload) !== "file") return undefined;
  return `the server sends, and cannot read the file "${payload}": expected random, zeros or a pattern such as 0xdeadbeef`;
}

/**
 * Reads the file of a payload, if it is one.
 *
 * @param payload as configured
 * @returns the first 16 MiB of the file; undefined for all other payloads
 * @throws {TineError} `bad-payload`, for a file that cannot be read or is empty
 */
export async function readPayload(payload: string | undefined): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (payload === undefined || payloadKind(payload) !== "file") return undefined;
  try {
    using file = await Deno.open(payload);
    const bytes = await readUpTo(file, MAX_FILE_BYTES);
    if (bytes.length > 0) return bytes;
  } catch (cause) {
    throw badFile(payload, `cannot be read (${whyNotRead(cause)})`, cause);
  }
  throw badFile(payload, "is empty");
}

function badFile(path: string, why: string, cause?: unknown): TineError {
  const expected = "expected random, zeros, a pattern such as 0xdeadbeef, or a file";
  return new TineError("bad-payload", `the payload "${path}" ${why}: ${expected}`, { cause });
}

/** Reads a file that may have no end, such as /dev/urandom. */
async function readUpTo(file: Deno.FsFile, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const { isFile, size } = await file.stat();
  const bytes = new Uint8Array(isFile ? Math.min(size, maxBytes) : maxBytes);
  let filled = 0;
  while (filled < bytes.length) {
    const count = await file.read(bytes.subarray(filled));
    if (count === null) break;
    filled += count;
  }
  return bytes.subarray(0, filled);
}

/** Gives the bytes of a stream, in order. */
export interface StreamPayload {
  /** Returns the bytes that come next, and stay as they are until they are sent. */
  next(lengthBytes: number): Uint8Array<ArrayBuffer>;
  /** Moves on by bytes that were taken. */
  sent(bytes: number): void;
}

/** Gives what packets carry behind their headers. */
export interface PacketPayload {
  /** Each packet has bytes of its own: they are filled in when its length is known. Else memory is filled ahead. */
  readonly inOrder: boolean;
  /** How many different bytes there should be in memory before they are sent again. */
  readonly varietyBytes: number;
  /** Fills the memory of packets. */
  fill(into: Uint8Array<ArrayBuffer>): void;
  /** Fills memory anew before what it has is sent once more; leaves it where that would cost too much time. */
  renew(memory: Uint8Array<ArrayBuffer>): void;
}

/** The memory of random bytes: beyond the window of most compressors. */
const RANDOM_BYTES = 1024 * 1024;
/** How many of them are made anew in a second, at most: less than 1 % of a processor's time. */
const RENEWED_BYTES_PER_SECOND = 16 * 1024 * 1024;
/**
 * The share of a byte that one which is sent again uses up: above eight times that rate nothing is made anew, since what
 * is left to find would be nearly as much.
 */
const REPEATED_SHARE = 1 / 8;
/** How many are made anew at a time, where as many may. */
const BLOCK_BYTES = 8192;
/** What crypto.getRandomValues() fills at most. */
const MAX_VALUES_BYTES = 65_536;
/** How much the places differ at which one round after another starts. */
const OFFSET_BYTES = 65_536;

/**
 * Random bytes for all flows of a worker. Bytes that were sent are made anew before they are sent again, up to 16 MiB a
 * second (134 Mbit/s): so there is nothing in slower traffic for a compressor to find. Of what goes faster, a part repeats
 * after a megabyte, from 1 Gbit/s on all, from a place that differs from round to round.
 *
 * @example
 * ```ts
 * import { RandomBytes } from "./payload.ts";
 * const random = new RandomBytes();
 * const bytes = random.next(1400);
 * random.sent(bytes.length);
 * ```
 */
export class RandomBytes implements StreamPayload, PacketPayload {
  readonly inOrder = false;
  readonly varietyBytes = RANDOM_BYTES;
  readonly #now: () => number;
  #bytes = new Uint8Array(0);
  #at = 0;
  /** What stands from `at` to here was not sent yet. */
  #freshTo = 0;
  /** The number of bytes that may be made anew. */
  #allowed = RANDOM_BYTES;
  #countedAt: number;

  /** @param now a clock that only goes on, in milliseconds */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#countedAt = now();
  }

  next(lengthBytes: number): Uint8Array<ArrayBuffer> {
    const end = this.#place(lengthBytes);
    if (end > this.#freshTo) {
      this.#count();
      this.#renew(end);
    }
    return this.#bytes.subarray(this.#at, end);
  }

  sent(bytes: number): void {
    this.#at += bytes;
    this.#freshTo = Math.max(this.#freshTo, this.#at);
  }

  fill(into: Uint8Array<ArrayBuffer>): void {
    for (let done = 0; done < into.length;) {
      const bytes = this.next(Math.min(into.length - done, RANDOM_BYTES));
      into.set(bytes, done);
      this.sent(bytes.length);
      done += bytes.length;
    }
  }

  renew(memory: Uint8Array<ArrayBuffer>): void {
    this.#count();
    const isAllowed = memory.length <= this.#allowed;
    if (isAllowed) fillRandom(memory);
    this.#spend(isAllowed ? memory.length : memory.length * REPEATED_SHARE);
  }

  /** Goes to a place with as many bytes behind it, and returns where they end. */
  #place(lengthBytes: number): number {
    if (lengthBytes > this.#bytes.length) {
      this.#bytes = new Uint8Array(Math.max(RANDOM_BYTES, lengthBytes));
      fillRandom(this.#bytes);
      this.#at = 0;
      this.#freshTo = this.#bytes.length;
    } else if (this.#at + lengthBytes > this.#bytes.length) {
      const room = Math.min(OFFSET_BYTES, this.#bytes.length - lengthBytes);
      this.#at = this.#freshTo = Math.floor(Math.random() * (room + 1));
    }
    return this.#at + lengthBytes;
  }

  #count(): void {
    const now = this.#now();
    const more = (now - this.#countedAt) / 1000 * RENEWED_BYTES_PER_SECOND;
    this.#allowed = Math.min(RANDOM_BYTES, this.#allowed + more);
    this.#countedAt = now;
  }

  #renew(end: number): void {
    const wanted = Math.max(end - this.#freshTo, Math.min(BLOCK_BYTES, this.#bytes.length - this.#freshTo));
    const count = Math.max(0, Math.floor(Math.min(wanted, this.#allowed)));
    if (count > 0) fillRandom(this.#bytes.subarray(this.#freshTo, this.#freshTo + count));
    const repeated = Math.max(0, end - this.#freshTo - count);
    this.#spend(count + repeated * REPEATED_SHARE);
    this.#freshTo += count;
  }

  #spend(bytes: number): void {
    this.#allowed = Math.max(-BLOCK_BYTES, this.#allowed - bytes);
  }
}

function fillRandom(bytes: Uint8Array<ArrayBuffer>): void {
  for (let at = 0; at < bytes.length; at += MAX_VALUES_BYTES) {
    crypto.getRandomValues(bytes.subarray(at, at + MAX_VALUES_BYTES));
  }
}

/** The same bytes again and again: of a pattern, or of a file. */
export class RepeatedBytes implements StreamPayload, PacketPayload {
  readonly varietyBytes = 0;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #cycle: number;
  #at = 0;

  /**
   * @param cycle what repeats; at least 1 byte
   * @param inOrder whether packets go on where those before ended; else each starts anew
   * @param longestBytes the longest piece that {@linkcode RepeatedBytes.next} is asked for
   */
  constructor(cycle: Uint8Array, readonly inOrder: boolean, longestBytes: number) {
    this.#cycle = cycle.length;
    this.#bytes = new Uint8Array(cycle.length + longestBytes);
    this.#bytes.set(cycle);
    for (let filled = cycle.length; filled < this.#bytes.length; filled *= 2) {
      this.#bytes.copyWithin(filled, 0, filled);
    }
  }

  next(lengthBytes: number): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(this.#at, this.#at + lengthBytes);
  }

  sent(bytes: number): void {
    this.#at = (this.#at + bytes) % this.#cycle;
  }

  fill(into: Uint8Array<ArrayBuffer>): void {
    into.set(this.next(into.length));
    if (this.inOrder) this.sent(into.length);
  }

  renew(): void {
    // They are the same again and again.
  }
}

/** Bytes that are all zero. */
export interface Zeros {
  /** All zero; never write to it. */
  zeros(lengthBytes: number): Uint8Array<ArrayBuffer>;
}

/** What all flows of a worker share. */
export interface SharedPayloads extends Zeros {
  /** Random bytes. */
  readonly random: RandomBytes;
}

/** How a payload is made. */
export interface PayloadOptions {
  readonly kind: PayloadKind;
  /** The bytes of the file, where it is one. */
  readonly file?: Uint8Array;
  /** The longest piece, in bytes. */
  readonly longestBytes: number;
}

/** Makes the payload of a stream. */
export function streamPayload(shared: SharedPayloads, options: PayloadOptions): StreamPayload {
  if (options.kind === "zeros") return { next: (length) => shared.zeros(length), sent() {} };
  return options.kind === "random" ? shared.random : repeated(options);
}

/**
 * Makes the payload of packets.
 *
 * @returns undefined for zeros, which memory is at first
 */
export function packetPayload(shared: SharedPayloads, options: PayloadOptions): PacketPayload | undefined {
  if (options.kind === "zeros") return undefined;
  return options.kind === "random" ? shared.random : repeated(options);
}

function repeated({ kind, file, longestBytes }: PayloadOptions): RepeatedBytes {
  const cycle = file ?? Uint8Array.fromHex(kind.slice(2));
  return new RepeatedBytes(cycle, file !== undefined, longestBytes);
}
