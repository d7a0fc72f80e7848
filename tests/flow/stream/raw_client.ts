import { parseHostPort } from "../../../src/base/address.ts";
import { Hmac } from "../../../src/flow/hmac.ts";
import { encodeStreamFrame, type Greeting, GreetingReader, StreamFrameReader } from "../../../src/flow/stream/wire.ts";

/** A client that a test leads step by step. */
export class RawClient implements Disposable {
  readonly #frames = new StreamFrameReader("server");

  private constructor(readonly conn: Deno.TcpConn, readonly greeting: Greeting) {}

  /** Connects, and reads the greeting. */
  static async connect(address: string): Promise<RawClient> {
    const conn = await Deno.connect(parseHostPort(address));
    const reader = new GreetingReader(address);
    for (;;) {
      const count = await conn.read(reader.room);
      if (count === null) throw new Error("there was no greeting");
      const greeting = reader.filled(count);
      if (greeting !== undefined) return new RawClient(conn, greeting);
    }
  }

  /** Sends a request. */
  async request(value: object, key?: Uint8Array): Promise<Uint8Array> {
    const { nonce } = this.greeting;
    const bytes = encodeStreamFrame(value, key === undefined ? undefined : { hmac: new Hmac(key), nonce });
    await this.write(bytes);
    return bytes;
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let sent = 0; sent < bytes.length;) sent += await this.conn.write(bytes.subarray(sent));
  }

  /** Reads the value of the next frame. */
  async answer(): Promise<Record<string, unknown>> {
    for (;;) {
      const count = await this.conn.read(this.#frames.room);
      if (count === null) throw new Error("there was no frame");
      const frame = this.#frames.filled(count);
      if (frame !== undefined) return frame.value as Record<string, unknown>;
    }
  }

  [Symbol.dispose](): void {
    this.conn.close();
  }
}
