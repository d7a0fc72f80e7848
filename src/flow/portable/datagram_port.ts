import { SocketAddress } from "../../sys/address.ts";
import { READABLE, WRITABLE } from "../../sys/poller.ts";
import { SystemError } from "../../sys/system_error.ts";
import { MAX_PACKET_BYTES } from "../packet/header.ts";
import type { FlowClock, Inbox, Outbox, PacketPort } from "../packet/packet_port.ts";
import { networkError } from "./network_error.ts";
import { nowNanos, wallNanos } from "./now.ts";
import type { PacketHost } from "./packet_host.ts";

const BATCH = 64;
/** More packets than this wait in the system. */
const MAX_WAITING = 256;
/** Packets that were handed to the system, which has not said yet what became of them. */
const MAX_SENDING = 256;
/** Of them, so many places are for packets that open and close flows, which must not wait behind others for long. */
const RESERVED = 32;

/** The numbers of errors on Linux, under the names that Deno gives them everywhere. */
const errnos: Readonly<Record<string, number>> = {
  EPERM: 1,
  EACCES: 13,
  EINVAL: 22,
  EMSGSIZE: 90,
  EADDRNOTAVAIL: 99,
  ENETDOWN: 100,
  ENETUNREACH: 101,
  ENOBUFS: 105,
  ECONNREFUSED: 111,
  EHOSTUNREACH: 113,
};

/** A datagram socket of Deno's own network API. It tells neither times of arrival, nor TOS, nor what it dropped. */
export class DatagramPort implements PacketPort {
  readonly clock: FlowClock = new LoopClock();
  readonly local: SocketAddress;
  readonly longest = MAX_PACKET_BYTES;
  readonly inbox: DatagramInbox;
  interest = READABLE;
  /** The address that it sends to, and receives from alone. */
  readonly peer: SocketAddress | undefined;
  readonly #socket: Deno.DatagramConn;
  readonly #host: PacketHost;
  #handler = () => {};
  #closed = false;
  #sending = 0;
  #error: unknown;
  #roomTimer: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param maxBytes the longest packet to receive
   * @param peer the only one to talk with; left out: all
   */
  constructor(socket: Deno.DatagramConn, host: PacketHost, maxBytes: number, peer?: SocketAddress) {
    this.#socket = socket;
    this.#host = host;
    this.peer = peer?.unmapped();
    this.local = addressOf(socket.addr as Deno.NetAddr);
    this.inbox = new DatagramInbox(this);
    void this.#receiveAll(maxBytes);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** How many packets it takes to send for now. */
  get room(): number {
    return MAX_SENDING - this.#sending;
  }

  watch(handler: () => void): void {
    this.#handler = handler;
  }

  outbox(capacity: number, maxBytes: number): Outbox {
    return new DatagramOutbox(this, capacity, maxBytes);
  }

  mergeReceived(): void {
    // The API gives packets one by one.
  }

  /** Sends a packet. Errors come later. */
  send(bytes: Uint8Array<ArrayBuffer>, to: SocketAddress): void {
    this.#sending++;
    this.#socket.send(bytes, { transport: "udp", hostname: to.host, port: to.port }).catch((error) => {
      if (!this.#closed) this.#error ??= error;
    }).finally(() => {
      this.#sending--;
      // Not for each place that gets free, and what comes in has its turn too.
      const wanted = (this.interest & WRITABLE) !== 0 && !this.#closed;
      if (wanted && this.#sending <= MAX_SENDING / 2) this.#roomTimer ??= setTimeout(() => this.#onRoom(), 0);
    });
  }

  /** Throws what came back for a packet, once. */
  throwError(): void {
    const error = this.#error;
    if (error === undefined) return;
    this.#error = undefined;
    const errno = errnos[(error as { code?: string }).code ?? ""];
    throw errno === undefined ? networkError(error, "send") : new SystemError("send", errno);
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#roomTimer);
    this.#socket.close();
    this.inbox.wake();
  }

  async #receiveAll(maxBytes: number): Promise<void> {
    // One more, so that packets that are too long are known.
    const room = new Uint8Array(maxBytes + 1);
    try {
      for (;;) {
        const [bytes, from] = await this.#socket.receive(room);
        const t = this.clock.now();
        const source = addressOf(from as Deno.NetAddr);
        if (this.peer === undefined || source.equals(this.peer)) {
          this.inbox.put({ bytes: bytes.length > maxBytes ? new Uint8Array() : bytes.slice(), source, t });
        }
        if (this.interest & READABLE) this.#call();
        while (this.inbox.waiting >= MAX_WAITING && !this.#closed) await this.inbox.room();
      }
    } catch (error) {
      // A closed socket has nothing more to say.
      if (!this.#closed) this.#host.fail(networkError(error, `receive at ${this.local}`));
    }
  }

  #onRoom(): void {
    this.#roomTimer = undefined;
    if (this.interest & WRITABLE) this.#call();
  }

  #call(): void {
    if (!this.#closed) this.#host.try(this.#handler);
  }
}

/** The main thread's clock, which no setting of the wall clock reaches. */
class LoopClock implements FlowClock {
  readonly tinit = wallNanos();
  readonly #start = Math.round(nowNanos());

  now(): number {
    return Math.round(nowNanos()) - this.#start;
  }

  checkWallClock(): number {
    return 0;
  }
}

/** A packet that was received. */
interface Received {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly source: SocketAddress;
  readonly t: number;
}

class DatagramInbox implements Inbox {
  readonly capacity = BATCH;
  readonly #port: DatagramPort;
  readonly #waiting: Received[] = [];
  #current: Received[] = [];
  #onRoom = () => {};

  constructor(port: DatagramPort) {
    this.#port = port;
  }

  /** How many packets wait. */
  get waiting(): number {
    return this.#waiting.length;
  }

  put(packet: Received): void {
    this.#waiting.push(packet);
  }

  /** Resolves when packets were taken. */
  room(): Promise<void> {
    return new Promise((resolve) => this.#onRoom = resolve);
  }

  /** Ends all waiting for room. */
  wake(): void {
    this.#onRoom();
  }

  receive(): number {
    this.#port.throwError();
    this.#current = this.#waiting.splice(0, BATCH);
    this.wake();
    return this.#current.length;
  }

  bytes(i: number): Uint8Array<ArrayBuffer> {
    return this.#current[i].bytes;
  }

  view(i: number): DataView<ArrayBuffer> {
    const { buffer, byteOffset, byteLength } = this.#current[i].bytes;
    return new DataView(buffer, byteOffset, byteLength);
  }

  length(i: number): number {
    return this.#current[i].bytes.length;
  }

  segmentBytes(): number {
    return 0;
  }

  arrival(): number {
    return NaN;
  }

  trafficClass(): number {
    return 0;
  }

  drops(): number {
    return 0;
  }

  source(i: number): SocketAddress {
    return this.#current[i].source;
  }

  isFrom(i: number, address: SocketAddress): boolean {
    return this.#current[i].source.equals(address);
  }

  sourcePort(i: number): number {
    return this.#current[i].source.port;
  }
}

class DatagramOutbox implements Outbox {
  readonly #port: DatagramPort;
  readonly #payloads: Uint8Array<ArrayBuffer>[];
  readonly #lengths: number[];
  readonly #targets: (SocketAddress | undefined)[];

  constructor(port: DatagramPort, readonly capacity: number, maxBytes: number) {
    this.#port = port;
    this.#payloads = Array.from({ length: capacity }, () => new Uint8Array(maxBytes));
    this.#lengths = Array(capacity).fill(maxBytes);
    this.#targets = Array(capacity).fill(port.peer);
  }

  bytes(i: number): Uint8Array<ArrayBuffer> {
    return this.#payloads[i];
  }

  view(i: number): DataView<ArrayBuffer> {
    return new DataView(this.#payloads[i].buffer);
  }

  setLength(i: number, bytes: number): void {
    this.#lengths[i] = bytes;
  }

  setSegmentBytes(): void {
    // Bursts are refused before, see DatagramPorts.
  }

  reply(i: number, inbox: Inbox, j: number): void {
    this.#targets[i] = inbox.source(j);
  }

  send(from: number, count: number): number {
    this.#port.throwError();
    // An outbox for one packet at a time is for those that open and close flows.
    const reserved = this.capacity === 1 ? 0 : RESERVED;
    let sent = 0;
    for (; sent < count && this.#port.room > reserved; sent++) {
      const i = from + sent, to = this.#targets[i];
      if (to === undefined) throw new Error("a packet without a destination");
      this.#port.send(this.#payloads[i].slice(0, this.#lengths[i]), to);
    }
    return sent === 0 ? -1 : sent;
  }

  [Symbol.dispose](): void {
    this.#payloads.length = 0;
  }
}

function addressOf({ hostname, port }: Deno.NetAddr): SocketAddress {
  return SocketAddress.of(hostname, port).unmapped();
}
