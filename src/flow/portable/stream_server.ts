import * as limits from "../stream/limits.ts";
import { messageOf, TineError } from "../../base/errors.ts";
import type { StreamServerConfig } from "../config.ts";
import type { FlowOptions, FlowServer } from "../flows.ts";
import { Hmac } from "../hmac.ts";
import { formatHostPort, parseHostPort } from "../../base/address.ts";
import { bitsPerSecond } from "../stream/io_meter.ts";
import { encodeGreeting, newGreeting } from "../stream/wire.ts";
import { checkRequest, requestAt, type StreamRequest } from "../stream/messages.ts";
import { Connection } from "./connection.ts";
import { checkFamily, networkError } from "./network_error.ts";
import { nowNanos, wallNanos } from "./now.ts";
import { PortableSamples } from "./portable_samples.ts";
import { checkPortable, portableStreamInfo } from "./stream_setup.ts";
import { receiveStream, sendStream } from "./stream_transfer.ts";

/** Listens for TCP flows over Deno's own network API; see Flows. */
export function portableStreamServer(config: StreamServerConfig, options: FlowOptions): FlowServer {
  options.signal.throwIfAborted();
  const { hostname: host, port } = parseHostPort(config.listenAddr);
  // Without a host, only this machine reaches the server.
  const hostname = host || (config.protocol === "tcp6" ? "::1" : "127.0.0.1");
  checkFamily(hostname, config.protocol);
  try {
    return new PortableStreamServer(Deno.listen({ hostname, port }), options);
  } catch (error) {
    throw networkError(error, `listen on ${config.listenAddr}`);
  }
}

class PortableStreamServer implements FlowServer {
  readonly address: string;
  readonly ended: Promise<void>;
  readonly #listener: Deno.TcpListener;
  readonly #options: FlowOptions;
  readonly #hmac: Hmac | undefined;
  readonly #clients = new Map<Connection, Promise<void>>();
  /** Those that have not said what they want, the oldest first, and since when. */
  readonly #strangers = new Map<Connection, number>();
  readonly #onAbort = () => void this[Symbol.asyncDispose]();
  #closing = false;
  #toldFullAt = -Infinity;

  constructor(listener: Deno.TcpListener, options: FlowOptions) {
    this.#listener = listener;
    this.#options = options;
    this.#hmac = options.key === undefined ? undefined : new Hmac(options.key);
    this.address = formatHostPort(listener.addr);
    options.signal.addEventListener("abort", this.#onAbort, { once: true });
    this.ended = this.#acceptAll();
    // It is not unhandled only because nobody has asked yet.
    this.ended.catch(() => {});
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#closing) {
      this.#closing = true;
      this.#listener.close();
      for (const client of this.#clients.keys()) client.fail(serverClosed());
    }
    await this.ended.catch(() => {}); // What it failed with is told by `ended`.
  }

  async #acceptAll(): Promise<void> {
    try {
      for (;;) {
        const conn = await this.#accept();
        if (conn !== undefined) this.#welcome(conn);
      }
    } catch (error) {
      if (!this.#closing) throw networkError(error, `accept on ${this.address}`);
    } finally {
      this.#options.signal.removeEventListener("abort", this.#onAbort);
      await Promise.all(this.#clients.values());
    }
  }

  /** Takes a connection; undefined: there was no room, and there may be some now. */
  async #accept(): Promise<Deno.TcpConn | undefined> {
    try {
      return await this.#listener.accept();
    } catch (error) {
      if (
        this.#closing || !(error instanceof Error && "code" in error && limits.NO_ROOM.includes(String(error.code)))
      ) {
        throw error;
      }
      const now = performance.now();
      if (now - this.#toldFullAt >= limits.NO_ROOM_TELL_MS) {
        this.#toldFullAt = now;
        this.#options.events.log(`connections wait for others to end: ${error.message}`);
      }
      const [[oldest, since] = []] = this.#strangers;
      if (oldest !== undefined && now - since! >= limits.STRANGER_MS) oldest.fail(noRoom(oldest));
      else await new Promise((resolve) => setTimeout(resolve, limits.NO_ROOM_PAUSE_MS));
      return undefined;
    }
  }

  #welcome(conn: Deno.TcpConn): void {
    const connection = new Connection(conn, `client ${formatHostPort(conn.remoteAddr)}`);
    this.#strangers.set(connection, performance.now());
    this.#clients.set(
      connection,
      this.#serve(connection).catch((error) => {
        if (!this.#closing) this.#options.events.log(messageOf(error));
      }).finally(() => {
        connection[Symbol.dispose]();
        this.#strangers.delete(connection);
        this.#clients.delete(connection);
      }),
    );
  }

  async #serve(connection: Connection): Promise<void> {
    const { events } = this.#options;
    const tinitNanos = nowNanos(), tinit = wallNanos();
    const request = await this.#handshake(connection);
    if (request === undefined) return;
    this.#strangers.delete(connection);
    events.info(portableStreamInfo(connection, request, { server: true, tinit }));
    await connection.sayFrame({ ok: true });
    using samples = new PortableSamples(events);
    const upload = request.direction === "upload";
    const transfer = upload ? receiveStream : sendStream;
    const report = (bytes: number, durationNanos: number, complete: boolean) => {
      const goodputBitsPerSecond = bitsPerSecond(bytes, durationNanos);
      events.progress(request.flow, { kind: "servedStream", complete, bytes, durationNanos, goodputBitsPerSecond });
    };
    let soFar: [bytes: number, durationNanos: number] = [0, 0];
    const onEnd = (...values: typeof soFar) => soFar = values;
    try {
      const { bytes, durationNanos } = await transfer({ connection, request, events, samples, tinitNanos, onEnd });
      if (!upload) await connection.sayFrame({});
      report(bytes, durationNanos, true);
    } catch (error) {
      report(...soFar, false);
      throw error;
    }
    await linger(connection);
  }

  /** Hears what a client wants; undefined: it was refused. */
  async #handshake(connection: Connection): Promise<StreamRequest | undefined> {
    const busy = this.#clients.size > limits.MAX_CLIENTS;
    const greeting = newGreeting(this.#hmac !== undefined, busy);
    await connection.say(encodeGreeting(greeting));
    if (busy) return undefined;
    const frame = await connection.within(limits.HANDSHAKE_TIMEOUT_MS, connection.readFrame(), () => {
      const seconds = limits.HANDSHAKE_TIMEOUT_MS / 1000;
      return new TineError("no-request", `${connection.name} said nothing for ${seconds} s`);
    });
    try {
      if (this.#hmac !== undefined && !frame.verify(this.#hmac, greeting.nonce)) {
        throw new TineError("wrong-key", `the key of ${connection.name} is missing or wrong`);
      }
      const request = requestAt("server", checkRequest(frame.value));
      checkPortable(request, request.direction === "download");
      return request;
    } catch (error) {
      if (!(error instanceof TineError)) throw error;
      const { code, message } = error;
      await connection.sayFrame({ ok: false, code, message });
      this.#options.events.log(`${connection.name} was refused: ${message}`);
      await linger(connection);
    }
  }
}

/** Waits until the client has closed. */
async function linger(connection: Connection): Promise<void> {
  const timeout = new TineError("connection-timeout", `${connection.name} does not close`);
  try {
    await connection.within(limits.LINGER_MS, connection.readToEnd(), () => timeout);
  } catch (error) {
    // All has been said: how the connection ends does not matter any more.
    if (!(error instanceof TineError)) throw error;
  }
}

function noRoom({ name }: Connection): TineError {
  return new TineError("no-request", `${name} was dropped, which has said nothing, for there is no room`);
}

function serverClosed(): TineError {
  return new TineError("flow-canceled", "the server was ended");
}
