import { SystemError } from "../../sys/errno.ts";
import { WOULD_BLOCK } from "../../sys/socket.ts";
import { TineError } from "../../base/errors.ts";
import type { StreamPort } from "./stream_port.ts";
import { encodeStreamFrame, type StreamFrame, StreamFrameReader } from "./wire.ts";

/** The other end of a connection: its messages, and those to it. */
export class StreamPeer {
  readonly #frames: StreamFrameReader;

  /** @param name for error messages: its address */
  constructor(readonly port: StreamPort, readonly name: string) {
    this.#frames = new StreamFrameReader(name);
  }

  /**
   * Reads on, and no further than the frame's end.
   *
   * @returns a frame when one is complete
   * @throws {TineError} `connection-closed` at the end of the stream, `connection-reset`, `bad-stream-frame`
   */
  readFrame(): StreamFrame | undefined {
    for (;;) {
      const count = this.read(this.#frames.room);
      if (count === WOULD_BLOCK) return undefined;
      const frame = this.#frames.filled(count);
      if (frame !== undefined) return frame;
    }
  }

  /**
   * Reads bytes.
   *
   * @returns how many, at least 1, or WOULD_BLOCK
   * @throws {TineError} `connection-closed` at the end of the stream, `connection-reset`
   */
  read(into: Uint8Array<ArrayBuffer>): number {
    let count;
    try {
      count = this.port.receive(into);
    } catch (error) {
      throw this.#broken(error);
    }
    return this.#notEnded(count);
  }

  /**
   * Reads bytes and throws them away.
   *
   * @param maxBytes how many at most
   * @returns as {@linkcode StreamPeer.read}
   * @throws {TineError} `connection-closed` at the end of the stream, `connection-reset`
   */
  discard(maxBytes: number): number {
    let count;
    try {
      count = this.port.discard(maxBytes);
    } catch (error) {
      throw this.#broken(error);
    }
    return this.#notEnded(count);
  }

  /** How many bytes can be read now. */
  available(): number {
    return this.port.available();
  }

  /**
   * Writes bytes of a transfer.
   *
   * @param bytes must stay as they are until there is room again
   * @returns how many were taken, or WOULD_BLOCK
   * @throws {TineError} `connection-reset`
   */
  write(bytes: Uint8Array<ArrayBuffer>): number {
    try {
      return this.port.send(bytes);
    } catch (error) {
      throw this.#broken(error);
    }
  }

  /**
   * Sends a short message, for which there is room unless the peer has not read what came before.
   *
   * @param more more is written at once, and may go out with it
   * @throws {TineError} `peer-stalled`, `connection-reset`
   */
  send(bytes: Uint8Array<ArrayBuffer>, more = false): void {
    let sent;
    try {
      sent = this.port.sendMessage(bytes, more);
    } catch (error) {
      throw this.#broken(error);
    }
    if (!sent) throw new TineError("peer-stalled", `${this.name} does not read its messages`);
  }

  /** Sends a frame, see {@linkcode StreamPeer.send}. */
  sendFrame(value: unknown, more = false): void {
    this.send(encodeStreamFrame(value), more);
  }

  #notEnded(count: number): number {
    if (count === 0) throw new TineError("connection-closed", `${this.name} closed the connection too early`);
    return count;
  }

  #broken(error: unknown): unknown {
    return connectionError(error, `the connection to ${this.name} broke`);
  }
}

/** Codes for what happens to connections, by the name of the error number. */
const codes: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection-refused",
  ECONNRESET: "connection-reset",
  EPIPE: "connection-reset",
  ENETUNREACH: "unreachable",
  EHOSTUNREACH: "unreachable",
  ENETDOWN: "unreachable",
  ETIMEDOUT: "connection-timeout",
};

/**
 * Rewrites an error of the system for users; other errors stay as they are.
 *
 * @param error what a call on the connection threw
 * @param what the text in front of the system's reason: `the connection to 10.0.0.1:5201 broke after 5 bytes`
 */
export function connectionError(error: unknown, what: string): unknown {
  if (!(error instanceof SystemError)) return error;
  const code = codes[error.errnoName];
  if (code === undefined) return error;
  // The call and the address of this end do not help.
  const reason = error.message.slice(error.message.lastIndexOf(": ") + 2);
  return new TineError(code, `${what}: ${reason}`, { cause: error });
}
