import { TineError } from "../base/errors.ts";

/** An option of sockets: what it is called, and how its value lies in memory. Socket.set() and get() take it. */
export interface SocketOption<T> {
  /** Its name in C. */
  readonly name: string;
  /** Of which protocol it is. */
  readonly level: number;
  /** Its number on that level. */
  readonly number: number;
  /** The longest value, in bytes. */
  readonly maxBytes: number;
  /** @throws {TineError} `invalid-socket-option`: it is no value of this option */
  encode(value: T): Uint8Array<ArrayBuffer>;
  decode(bytes: Uint8Array<ArrayBuffer>): T;
}

/** An option that is a whole number of 32 bits. */
export function intOption(level: number, number: number, name: string): SocketOption<number> {
  return {
    name,
    level,
    number,
    maxBytes: 4,
    encode(value) {
      // Also unsigned ones.
      if (!Number.isInteger(value) || value < -(2 ** 31) || value >= 2 ** 32) throw invalid(name, value, "32 bits");
      return new Uint8Array(Int32Array.of(value).buffer);
    },
    // The kernel answers some options, IP_TOS among them, with one byte where so much was asked for.
    decode: (bytes) => bytes.length >= 4 ? viewOf(bytes).getInt32(0, true) : bytes[0] ?? 0,
  };
}

/** An option that is on or off. */
export function flagOption(level: number, number: number, name: string): SocketOption<boolean> {
  const int = intOption(level, number, name);
  return { ...int, encode: (value) => int.encode(value ? 1 : 0), decode: (bytes) => int.decode(bytes) !== 0 };
}

/** An option that is one byte, 0 to 255. */
export function byteOption(level: number, number: number, name: string): SocketOption<number> {
  return {
    name,
    level,
    number,
    maxBytes: 1,
    encode(value) {
      if (!Number.isInteger(value) || value < 0 || value > 255) throw invalid(name, value, "one byte, 0 to 255");
      return Uint8Array.of(value);
    },
    decode: (bytes) => bytes[0] ?? 0,
  };
}

/**
 * An option that is text.
 *
 * @param maxBytes its longest value, with the zero at the end
 */
export function textOption(level: number, number: number, name: string, maxBytes = 256): SocketOption<string> {
  return {
    name,
    level,
    number,
    maxBytes,
    encode(value) {
      const bytes = new TextEncoder().encode(value);
      if (bytes.length >= maxBytes || bytes.includes(0)) throw invalid(name, value, `at most ${maxBytes - 1} bytes`);
      return bytes;
    },
    decode(bytes) {
      const end = bytes.indexOf(0);
      return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
    },
  };
}

function invalid(name: string, value: string | number, expected: string): TineError {
  return new TineError("invalid-socket-option", `${JSON.stringify(value)} is no value of ${name}: ${expected}`);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
