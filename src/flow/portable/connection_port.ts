import type { SockAddr } from "../../sys/address.ts";
import { READABLE, type ReadyHandler, type Watch, WRITABLE } from "../../sys/poller.ts";
import { WOULD_BLOCK } from "../../sys/socket.ts";
import type { StreamServerConfig } from "../config.ts";
import type { Scope } from "../engine/engine_flow.ts";
import { sendingSide, type StreamRequest } from "../stream/messages.ts";
import type { ConnectOptions, StreamListener, StreamPort, StreamPorts } from "../stream/stream_port.ts";
import { addressOf, type EventLoop, type LoopFile, refuseSettings, systemError, wallNanos } from "./portable_host.ts";

/** How much is read ahead before the length of reads is known, in bytes. */
const FIRST_READ_BYTES = 4096;
/** The maximum number of messages that wait behind a write. */
const MAX_WAITING = 16;

/** Connections of Deno's own network API. */
export class ConnectionPorts implements StreamPorts {
  readonly kind = "portable";
  readonly #loop: EventLoop;

  constructor(loop: EventLoop) {
    this.#loop = loop;
  }

  wallNanos(): bigint {
    return wallNanos();
  }

  connect(
    scope: Scope,
    address: SockAddr,
    { request, bind }: ConnectOptions,
    onSettled: (result: StreamPort | Error) => void,
  ): Disposable {
    checkRequest(request, "client", bind === undefined ? [] : ["bind"]);
    const file = this.#loop.open();
    const abort = new AbortController();
    let result: ConnectionPort | Error | undefined;
    scope.watch(file.fd, WRITABLE, () => {
      const settled = result!;
      result = undefined;
      file.close();
      onSettled(settled);
    });
    const { host: hostname, port } = address;
    Deno.connect({ hostname, port, signal: abort.signal }).then((conn) => {
      if (abort.signal.aborted) return conn.close();
      result = new ConnectionPort(conn, this.#loop, request.bufLenBytes);
    }, (error) => result = systemError(error, "connect", `to ${address}`)).then(() => file.ready = WRITABLE);
    return {
      [Symbol.dispose]() {
        abort.abort();
        file.close();
        // It may be connected already.
        if (result instanceof ConnectionPort) result.close();
      },
    };
  }

  listen(address: SockAddr, _config: StreamServerConfig): StreamListener {
    const { host: hostname, port } = address;
    try {
      return new ConnectionListener(Deno.listen({ hostname, port }), this.#loop);
    } catch (error) {
      throw systemError(error, "bind", `to ${address}`);
    }
  }
}

/** What Deno's network API cannot do. */
const needsRawSockets = ["cca", "dscp", "sockopt"] as const;

/** @throws {TineError} `ffi-unavailable`; a receiver has no use for a congestion control */
function checkRequest(request: StreamRequest, end: "client" | "server", more: readonly string[] = []): void {
  const isSender = sendingSide(request) === end;
  const wanted = needsRawSockets.filter((key) => request[key] !== undefined && (key !== "cca" || isSender));
  refuseSettings([...wanted, ...more]);
}

/** A listening socket of Deno's own network API. */
class ConnectionListener implements StreamListener {
  readonly local: SockAddr;
  readonly #listener: Deno.TcpListener;
  readonly #loop: EventLoop;
  readonly #file: LoopFile;
  #next: Deno.TcpConn | Error | undefined;
  #closed = false;

  constructor(listener: Deno.TcpListener, loop: EventLoop) {
    this.#listener = listener;
    this.#loop = loop;
    this.#file = loop.open();
    this.local = addressOf(listener.addr);
    void this.#waitForNext();
  }

  watch(scope: Scope, handler: ReadyHandler): Watch {
    return scope.watch(this.#file.fd, READABLE, handler);
  }

  accept(): StreamPort | undefined {
    const next = this.#next;
    if (next === undefined) return undefined;
    void this.#waitForNext();
    if (next instanceof Error) throw next;
    return new ConnectionPort(next, this.#loop);
  }

  close(): void {
    this.#closed = true;
    this.#file.close();
    this.#listener.close();
    if (this.#next !== undefined && !(this.#next instanceof Error)) this.#next.close();
  }

  async #waitForNext(): Promise<void> {
    this.#next = undefined;
    this.#file.ready = 0;
    try {
      const conn = await this.#listener.accept();
      if (this.#closed) return conn.close();
      this.#next = conn;
    } catch (error) {
      if (this.#closed) return;
      this.#next = systemError(error, "accept", `on ${this.local}`);
    }
    this.#file.ready = READABLE;
  }
}

/**
 * A TCP connection of Deno's own network API. It reads ahead, one read at most, and takes one write at a time, which it
 * hands on to the system piece by piece.
 */
class ConnectionPort implements StreamPort {
  readonly local: SockAddr;
  readonly remote: SockAddr;
  readonly kernel = undefined;
  readonly #conn: Deno.TcpConn;
  readonly #file: LoopFile;
  #readBytes: number;
  #buffer = new Uint8Array(0);
  /** What was read and not taken yet is here in the buffer. */
  #start = 0;
  #end = 0;
  #ended = false;
  #error: Error | undefined;
  /** What waits to be written; the first is being written. */
  readonly #waiting: Uint8Array[] = [];
  #broken = false;
  #closed = false;
  #isOpen = true;

  /** @param readBytes how much to read at once */
  constructor(conn: Deno.TcpConn, loop: EventLoop, readBytes = FIRST_READ_BYTES) {
    this.#conn = conn;
    this.#file = loop.open();
    this.#readBytes = readBytes;
    this.local = addressOf(conn.localAddr);
    this.remote = addressOf(conn.remoteAddr);
    try {
      conn.setNoDelay();
    } catch {
      // The connection is gone already: reading throws the error.
    }
    this.#file.ready = WRITABLE;
    void this.#readAhead();
  }

  setUp(request: StreamRequest): void {
    checkRequest(request, "server");
    this.#readBytes = request.bufLenBytes;
  }

  watch(scope: Scope, interest: number, handler: ReadyHandler): Watch {
    return scope.watch(this.#file.fd, interest, handler);
  }

  available(): number {
    return this.#end - this.#start;
  }

  receive(into: Uint8Array<ArrayBuffer>): number {
    const count = Math.min(into.length, this.available());
    into.set(this.#buffer.subarray(this.#start, this.#start + count));
    return this.#taken(count);
  }

  discard(maxBytes: number): number {
    return this.#taken(Math.min(maxBytes, this.available()));
  }

  send(bytes: Uint8Array<ArrayBuffer>): number {
    if (this.#waiting.length > 0 || this.#broken) return WOULD_BLOCK;
    this.#write(bytes);
    return bytes.length;
  }

  sendMessage(bytes: Uint8Array<ArrayBuffer>): boolean {
    if (this.#waiting.length >= MAX_WAITING) return false;
    this.#write(bytes);
    return true;
  }

  setNoDelay(): void {
    // It stays on: Deno refuses to change it while a read or a write is under way, and one always is.
  }

  close(): void {
    this.#closed = true;
    this.#file.close();
    if (this.#waiting.length === 0) this.#shut();
  }

  reset(): void {
    this.#closed = true;
    this.#file.close();
    this.#shut();
  }

  /** Takes bytes from the buffer; if it is empty, looks at the state of the connection. */
  #taken(count: number): number {
    if (count === 0) {
      if (!this.#ended) return WOULD_BLOCK;
      if (this.#error !== undefined) throw this.#error;
      return 0;
    }
    this.#start += count;
    if (this.#start === this.#end) void this.#readAhead();
    return count;
  }

  async #readAhead(): Promise<void> {
    this.#start = this.#end = 0;
    if (this.#buffer.length !== this.#readBytes) this.#buffer = new Uint8Array(this.#readBytes);
    this.#file.ready &= ~READABLE;
    try {
      const count = await this.#conn.read(this.#buffer);
      this.#end = count ?? 0;
      this.#ended = count === null;
    } catch (error) {
      this.#ended = true;
      this.#error = systemError(error, "recv");
    }
    if (!this.#closed) this.#file.ready |= READABLE;
  }

  #write(bytes: Uint8Array): void {
    this.#waiting.push(bytes);
    if (this.#broken || this.#waiting.length > 1) return;
    this.#file.ready &= ~WRITABLE;
    void this.#writeWaiting();
  }

  async #writeWaiting(): Promise<void> {
    const waiting = this.#waiting;
    try {
      for (; waiting.length > 0; waiting.shift()) {
        const bytes = waiting[0];
        for (let sent = 0; sent < bytes.length;) sent += await this.#conn.write(bytes.subarray(sent));
      }
      if (!this.#closed) this.#file.ready |= WRITABLE;
    } catch (error) {
      // The peer may have sent the reason before it closed: the end of what it sent throws this error.
      this.#error ??= systemError(error, "send");
      this.#broken = true;
      waiting.length = 0;
    }
    if (this.#closed) this.#shut();
  }

  #shut(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#conn.close();
  }
}
