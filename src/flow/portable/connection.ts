import { formatHostPort } from "../../base/address.ts";
import { TineError } from "../../base/errors.ts";
import { encodeFrame, type Frame, FrameReader } from "../stream/wire.ts";
import { networkError } from "./network_error.ts";

/** A TCP connection of Deno's own network API. */
export class Connection implements Disposable {
  readonly #conn: Deno.TcpConn;
  readonly #frames: FrameReader;
  #failure: { readonly error: unknown } | undefined;
  #closed = false;

  /** @param name for messages: the peer's address */
  constructor(conn: Deno.TcpConn, readonly name: string) {
    this.#conn = conn;
    // Words are short, and none waits until those before are acknowledged.
    conn.setNoDelay();
    this.#frames = new FrameReader(name);
  }

  /** The address of this end. */
  get localAddress(): string {
    return formatHostPort(this.#conn.localAddr);
  }

  /** The address of the other end. */
  get peerAddress(): string {
    return formatHostPort(this.#conn.remoteAddr);
  }

  /** Ends it: whoever waits for it gets this error. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this[Symbol.dispose]();
  }

  /**
   * Reads some bytes, at least one.
   *
   * @throws {TineError} `connection-closed` at the end of the stream, `connection-reset`
   */
  async read(into: Uint8Array<ArrayBuffer>): Promise<number> {
    const count = await this.#attempt(() => this.#conn.read(into));
    if (count === null) throw new TineError("connection-closed", `${this.name} closed the connection too early`);
    return count;
  }

  /** Reads until the peer closes, and throws away what comes. */
  async readToEnd(): Promise<void> {
    const room = new Uint8Array(64 * 1024);
    while (await this.#attempt(() => this.#conn.read(room)) !== null);
  }

  /** Writes some bytes. */
  async write(bytes: Uint8Array): Promise<number> {
    return await this.#attempt(() => this.#conn.write(bytes));
  }

  /** Writes all bytes. */
  async say(bytes: Uint8Array): Promise<void> {
    for (let sent = 0; sent < bytes.length;) sent += await this.write(bytes.subarray(sent));
  }

  /** Writes a frame. */
  async sayFrame(value: unknown): Promise<void> {
    await this.say(encodeFrame(value));
  }

  /** Reads a frame, and no further than its end. */
  async readFrame(): Promise<Frame> {
    for (;;) {
      const frame = this.#frames.filled(await this.read(this.#frames.room));
      if (frame !== undefined) return frame;
    }
  }

  /**
   * Waits for something, with limited patience.
   *
   * @param timeout makes the error for when it took too long
   */
  async within<T>(ms: number, promise: Promise<T>, timeout: () => TineError): Promise<T> {
    const timer = setTimeout(() => this.fail(timeout()), ms);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Closes it. */
  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#conn.close();
  }

  async #attempt<T>(action: () => Promise<T>): Promise<T> {
    try {
      if (this.#failure === undefined) return await action();
    } catch (error) {
      if (this.#failure === undefined) throw networkError(error, `the connection to ${this.name} broke`);
    }
    throw this.#failure!.error;
  }
}
