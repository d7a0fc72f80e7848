/**
 * The messages of a stream's ends beside the bytes of its transfer.
 *
 *     server: greeting   "tine", "s", version u8, flags u8 (1: wants the key, 2: busy), 0, 16 random bytes
 *     client: request    a frame, signed over the random bytes and its text
 *     server: answer     a frame
 *     sender: zeros, and 1 as the very last byte; or other bytes, and the end mark of the request as the last 16
 *     receiver: receipt  a frame
 *     server: report     a frame, if it was the sender
 *
 * Each end sends these in this order, and waits for nothing that it does not need: a client without a key sends its
 * request before the greeting arrives, and an upload right behind the request; a server sends a download right behind
 * its answer. So messages cost a transfer no round trip, except for the random bytes that a signature needs.
 *
 * A frame is: length of the text u16 big endian, flags u8 (1: signed), the text in JSON, if signed its HMAC, 32 bytes.
 * Since the random bytes differ each time, nothing that was overheard can be used again.
 *
 * @module
 */
import { TineError } from "../../base/errors.ts";
import { type Hmac, HMAC_BYTES } from "../hmac.ts";
import { MAX_STREAM_FRAME_BYTES } from "./limits.ts";

/** The version of this protocol. */
export const STREAM_VERSION = 1;
const GREETING_BYTES = 24;
/** The end marks of transfers. */
const ZEROS_END = Uint8Array.of(1);
/** The length of the end mark of transfers that carry anything but zeros, in bytes. */
const END_MARK_BYTES = 16;
/** How such a mark is written in requests. */
export const END_MARK_TEXT = /^[0-9a-f]{32}$/;

/** Makes the end mark of a transfer: random, so that nothing else in it looks like that. */
export function newEndMark(): string {
  return crypto.getRandomValues(new Uint8Array(END_MARK_BYTES)).toHex();
}

/**
 * Returns the last bytes of a transfer.
 *
 * @param text as the request has it; undefined: the transfer carries zeros
 */
export function endMarkOf(text: string | undefined): Uint8Array<ArrayBuffer> {
  return text === undefined ? ZEROS_END : Uint8Array.fromHex(text);
}

const MAGIC = new TextEncoder().encode("tines");
const NONCE_BYTES = 16;
const WANTS_KEY = 1;
const BUSY = 2;

const FRAME_HEAD_BYTES = 3;
const SIGNED = 1;

/** The first message of a server. */
export interface Greeting {
  /** Requests must be signed. */
  readonly wantsKey: boolean;
  /** It has too many clients, and closes. */
  readonly busy: boolean;
  /** Random, for this connection only. */
  readonly nonce: Uint8Array<ArrayBuffer>;
}

/** Makes a greeting with a nonce of its own. */
export function newGreeting(wantsKey: boolean, busy = false): Greeting {
  return { wantsKey, busy, nonce: crypto.getRandomValues(new Uint8Array(NONCE_BYTES)) };
}

/** Encodes a greeting. */
export function encodeGreeting({ wantsKey, busy, nonce }: Greeting): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(GREETING_BYTES);
  bytes.set(MAGIC);
  bytes[5] = STREAM_VERSION;
  bytes[6] = (wantsKey ? WANTS_KEY : 0) | (busy ? BUSY : 0);
  bytes.set(nonce, GREETING_BYTES - NONCE_BYTES);
  return bytes;
}

/** Reads a greeting from a stream. */
export class GreetingReader {
  readonly #bytes = new Uint8Array(GREETING_BYTES);
  readonly #from: string;
  #filled = 0;

  /** @param from address of the server, for error messages */
  constructor(from: string) {
    this.#from = from;
  }

  /** Where the next bytes go. */
  get room(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(this.#filled);
  }

  /**
   * Takes over the first bytes of the room, which were filled.
   *
   * @returns the greeting, if it is complete
   * @throws {TineError} `not-a-stream-server` at the first wrong byte, since a server of another protocol may send no
   * more; `stream-version`
   */
  filled(count: number): Greeting | undefined {
    this.#filled += count;
    const bytes = this.#bytes, from = this.#from;
    if (!MAGIC.every((byte, i) => i >= this.#filled || byte === bytes[i])) {
      throw new TineError("not-a-stream-server", `what listens at ${from} is not a tine server of TCP flows`);
    }
    if (this.#filled < GREETING_BYTES) return undefined;
    if (bytes[5] !== STREAM_VERSION) {
      const versions = `version ${bytes[5]} of TCP flows, this tine version ${STREAM_VERSION}`;
      throw new TineError("stream-version", `the server at ${from} speaks ${versions}`);
    }
    const flags = bytes[6];
    return {
      wantsKey: (flags & WANTS_KEY) !== 0,
      busy: (flags & BUSY) !== 0,
      nonce: bytes.slice(GREETING_BYTES - NONCE_BYTES),
    };
  }
}

/** A frame that was received. */
export interface StreamFrame {
  /** The value of its JSON. */
  readonly value: unknown;
  /** Whether it was signed with this key for this nonce. */
  verify(hmac: Hmac, nonce: Uint8Array): boolean;
}

/** Signs a frame. */
export interface FrameKey {
  readonly hmac: Hmac;
  readonly nonce: Uint8Array;
}

/**
 * Encodes a frame.
 *
 * @throws {TineError} `stream-frame-too-long`
 */
export function encodeStreamFrame(value: unknown, key?: FrameKey): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder().encode(JSON.stringify(value));
  if (text.length > MAX_STREAM_FRAME_BYTES) {
    throw new TineError(
      "stream-frame-too-long",
      `what a flow is has ${text.length} bytes as JSON, the limit is ${MAX_STREAM_FRAME_BYTES}`,
    );
  }
  const bytes = new Uint8Array(FRAME_HEAD_BYTES + text.length + (key === undefined ? 0 : HMAC_BYTES));
  bytes[0] = text.length >> 8;
  bytes[1] = text.length;
  bytes.set(text, FRAME_HEAD_BYTES);
  if (key !== undefined) {
    bytes[2] = SIGNED;
    bytes.set(key.hmac.digest(signedBytes(key.nonce, text)), FRAME_HEAD_BYTES + text.length);
  }
  return bytes;
}

/**
 * Checks whether a greeting is for a client.
 *
 * @param hasKey whether the client has a key
 * @param server its address, for error messages
 * @throws {TineError} `server-busy`; `key-missing` or `server-without-key`, if only one of both has a key
 */
export function checkGreeting({ wantsKey, busy }: Greeting, hasKey: boolean, server: string): void {
  if (busy) throw new TineError("server-busy", `the server at ${server} has as many clients as it takes`);
  if (wantsKey && !hasKey) {
    throw new TineError("key-missing", `the server at ${server} wants a key, and this client has none`);
  }
  if (!wantsKey && hasKey) {
    throw new TineError("server-without-key", `the server at ${server} wants no key, but this client is to prove one`);
  }
}

/** Reads frames from a stream and never a byte more, since the transfer may follow. */
export class StreamFrameReader {
  readonly #from: string;
  #bytes = new Uint8Array(FRAME_HEAD_BYTES);
  #filled = 0;

  /** @param from name of the sender, for error messages */
  constructor(from: string) {
    this.#from = from;
  }

  /** Where the next bytes go: at least one. */
  get room(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(this.#filled);
  }

  /**
   * Takes over the first bytes of the room, which were filled.
   *
   * @returns the frame, if it is complete
   * @throws {TineError} `bad-stream-frame`
   */
  filled(count: number): StreamFrame | undefined {
    this.#filled += count;
    if (this.#filled < this.#bytes.length) return undefined;
    const text = this.#textBytes();
    const total = FRAME_HEAD_BYTES + text + (this.#signed() ? HMAC_BYTES : 0);
    if (this.#filled < total) {
      const bytes = new Uint8Array(total);
      bytes.set(this.#bytes);
      this.#bytes = bytes;
      return undefined;
    }
    const frame = new ReceivedFrame(this.#from, this.#bytes, text, this.#signed());
    this.#bytes = new Uint8Array(FRAME_HEAD_BYTES);
    this.#filled = 0;
    return frame;
  }

  #signed(): boolean {
    return this.#bytes[2] === SIGNED;
  }

  #textBytes(): number {
    const [high, low, flags] = this.#bytes;
    const length = high << 8 | low;
    if (length === 0 || length > MAX_STREAM_FRAME_BYTES) {
      throw badFrame(this.#from, `claims ${length} bytes, expected 1 to ${MAX_STREAM_FRAME_BYTES}`);
    }
    if ((flags & ~SIGNED) !== 0) throw badFrame(this.#from, `has the unknown flags ${flags}`);
    return length;
  }
}

class ReceivedFrame implements StreamFrame {
  readonly value: unknown;
  readonly #text: Uint8Array<ArrayBuffer>;
  readonly #code: Uint8Array<ArrayBuffer> | undefined;

  constructor(from: string, bytes: Uint8Array<ArrayBuffer>, textBytes: number, signed: boolean) {
    this.#text = bytes.subarray(FRAME_HEAD_BYTES, FRAME_HEAD_BYTES + textBytes);
    this.#code = signed ? bytes.subarray(FRAME_HEAD_BYTES + textBytes) : undefined;
    try {
      this.value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(this.#text));
    } catch {
      throw badFrame(from, "is not JSON");
    }
  }

  verify(hmac: Hmac, nonce: Uint8Array): boolean {
    if (this.#code === undefined) return false;
    const signed = signedBytes(nonce, this.#text);
    const bytes = new Uint8Array(signed.length + HMAC_BYTES);
    bytes.set(signed);
    bytes.set(this.#code, signed.length);
    return hmac.verify(bytes, 0, signed.length, signed.length);
  }
}

function signedBytes(nonce: Uint8Array, text: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(nonce.length + text.length);
  bytes.set(nonce);
  bytes.set(text, nonce.length);
  return bytes;
}

function badFrame(from: string, what: string): TineError {
  return new TineError("bad-stream-frame", `a frame of ${from} ${what}`);
}
