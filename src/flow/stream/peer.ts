import { type Socket, WOULD_BLOCK } from "../../sys/socket.ts";
import { TineError } from "../../base/errors.ts";
import { connectionError } from "./connector.ts";
import { encodeFrame, type Frame, FrameReader } from "./wire.ts";

/** The other end of a connection: what it says, and what is said to it. */
export class Peer {
  readonly #frames: FrameReader;

  /** @param name for messages: its address */
  constructor(readonly socket: Socket, readonly name: string) {
    this.#frames = new FrameReader(name);
  }

  /**
   * Reads on, and no further than the frame's end.
   *
   * @returns a frame when one is complete
   * @throws {TineError} `connection-closed` at the end of the stream, `connection-reset`, `bad-stream-frame`
   */
  readFrame(): Frame | undefined {
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
      count = this.socket.receive(into);
    } catch (error) {
      throw this.#broken(error);
    }
    return this.#notEnded(count);
  }

  /**
   * Reads bytes that nobody looks at.
   *
   * @param most at most so many
   * @returns as {@linkcode Peer.read}
   * @throws {TineError} `connection-closed` at the end of the stream, `connection-reset`
   */
  discard(most: number): number {
    let count;
    try {
      count = this.socket.discard(most);
    } catch (error) {
      throw this.#broken(error);
    }
    return this.#notEnded(count);
  }

  /** How many bytes are there to be read. */
  available(): number {
    return this.socket.available();
  }

  /**
   * Writes bytes.
   *
   * @param more more is written at once, and may go out with these
   * @returns how many, or WOULD_BLOCK
   * @throws {TineError} `connection-reset`
   */
  write(bytes: Uint8Array<ArrayBuffer>, more = false): number {
    try {
      return this.socket.send(bytes, more);
    } catch (error) {
      throw this.#broken(error);
    }
  }

  /**
   * Says something short, for which there is room unless the peer has not read what came before.
   *
   * @param more more is written at once, and may go out with it
   * @throws {TineError} `peer-stalled`, `connection-reset`
   */
  say(bytes: Uint8Array<ArrayBuffer>, more = false): void {
    if (this.write(bytes, more) !== bytes.length) {
      throw new TineError("peer-stalled", `${this.name} does not read what it is told`);
    }
  }

  /** Says a frame, see {@linkcode Peer.say}. */
  sayFrame(value: unknown, more = false): void {
    this.say(encodeFrame(value), more);
  }

  #notEnded(count: number): number {
    if (count === 0) throw new TineError("connection-closed", `${this.name} closed the connection too early`);
    return count;
  }

  #broken(error: unknown): unknown {
    return connectionError(error, `the connection to ${this.name} broke`);
  }
}
