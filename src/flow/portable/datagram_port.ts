import { MAX_PACKET_BYTES } from "../../base/limits.ts";
import { Condition } from "../../base/condition.ts";
import { formatHostPort, isGroup } from "../../base/address.ts";
import type { SockAddr } from "../../sys/address.ts";
import { READABLE, WRITABLE } from "../../sys/poller.ts";
import {
  type FlowClock,
  type IncomingPackets,
  MAX_HOPS,
  type OutgoingPackets,
  type PacketPort,
  type PacketPorts,
} from "../packet/packet_port.ts";
import type { FlowHost } from "../engine/engine_flow.ts";
import { addressOf, nowNanos, refuseSettings, systemError, wallNanos } from "./portable_host.ts";
import { parseBind } from "../bind.ts";
import { parseJoin } from "../multicast/join.ts";
import { enter, groupNeedsRawSockets, portableMembership, setUpSender } from "./groups.ts";
import type { PacketPayload } from "../payload.ts";
import type { PacketClientConfig, PacketServerConfig } from "../config.ts";

const BATCH = 64;
/** The number of packets that wait here; others wait in the system. */
const MAX_WAITING = 256;
/** Packets that were handed to the system, and whose result is not known yet. */
const MAX_SENDING = 256;
/** How many of these places are for packets that open and close flows, which must not wait behind others for long. */
const RESERVED = 32;

/** A datagram socket of Deno's own network API. It has no times of arrival, no TOS and no counts of drops. */
export class DatagramPort implements PacketPort, PacketExit {
  readonly clock: FlowClock = new LoopClock();
  readonly local: SockAddr;
  readonly longest = MAX_PACKET_BYTES;
  readonly incoming = new PacketInbox(BATCH, () => this.throwError());
  interest = READABLE;
  /** The address that it sends to, and receives from alone. */
  readonly peer: SockAddr | undefined;
  readonly #socket: Deno.DatagramConn;
  readonly #host: FlowHost;
  #handler = () => {};
  #closed = false;
  #sending = 0;
  #error: unknown;
  #roomTimer: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param maxBytes the longest packet to receive
   * @param peer the only one to talk with; left out: all
   */
  constructor(socket: Deno.DatagramConn, host: FlowHost, maxBytes: number, peer?: SockAddr) {
    this.#socket = socket;
    this.#host = host;
    this.peer = peer?.unmapped();
    this.local = addressOf(socket.addr as Deno.NetAddr);
    void this.#receiveAll(maxBytes);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** How many packets it takes to send for now. */
  get room(): number {
    return MAX_SENDING - this.#sending;
  }

  pathMtu(): undefined {
    // The API does not know it.
  }

  watch(handler: () => void): void {
    this.#handler = handler;
  }

  outgoing(capacity: number, maxBytes: number, payload?: PacketPayload): OutgoingPackets {
    // An outbox for one packet at a time is for those that open and close flows.
    return new PacketOutbox(this, { capacity, maxBytes, reserved: capacity === 1 ? 0 : RESERVED, payload });
  }

  mergeReceived(): void {
    // The API gives packets one by one.
  }

  /** Sends a packet. Errors come later. */
  send(bytes: Uint8Array<ArrayBuffer>, to: SockAddr): void {
    this.#sending++;
    this.#socket.send(bytes, { transport: "udp", hostname: to.host, port: to.port }).catch((error) => {
      if (!this.#closed) this.#error ??= error;
    }).finally(() => {
      this.#sending--;
      // Not for each place that becomes free, and so that what arrives has its turn too.
      const wanted = (this.interest & WRITABLE) !== 0 && !this.#closed;
      if (wanted && this.#sending <= MAX_SENDING / 2) this.#roomTimer ??= setTimeout(() => this.#onRoom(), 0);
    });
  }

  /** Throws the error of a packet that was sent, once. */
  throwError(): void {
    const error = this.#error;
    if (error === undefined) return;
    this.#error = undefined;
    throw systemError(error, "send");
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#roomTimer);
    this.#socket.close();
    this.incoming.wake();
  }

  async #receiveAll(maxBytes: number): Promise<void> {
    // One more, so that packets that are too long are known.
    const room = new Uint8Array(maxBytes + 1);
    try {
      for (;;) {
        const [bytes, from] = await this.#socket.receive(room);
        const source = addressOf(from as Deno.NetAddr);
        if (this.peer === undefined || source.equals(this.peer)) {
          this.incoming.put({ bytes: bytes.length > maxBytes ? new Uint8Array() : bytes.slice(), source });
        }
        if (this.interest & READABLE) this.#call();
        while (this.incoming.waiting >= MAX_WAITING && !this.#closed) await this.incoming.room();
      }
    } catch (error) {
      // Closing the socket ends the wait with an error.
      if (!this.#closed) this.#host.fail(systemError(error, "receive", `at ${this.local}`));
    }
  }

  #onRoom(): void {
    this.#roomTimer = undefined;
    if (this.interest & WRITABLE) this.#call();
  }

  #call(): void {
    if (this.#closed) return;
    try {
      this.#handler();
    } catch (error) {
      this.#host.fail(error);
    }
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

/** A packet that has come. */
export interface ReceivedDatagram {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly source: SockAddr;
}

/** Packets in the memory of this program, without the kernel's times of arrival, TOS and counts of drops. */
export class PacketInbox implements IncomingPackets {
  readonly capacity: number;
  readonly #waiting: ReceivedDatagram[] = [];
  #current: ReceivedDatagram[] = [];
  readonly #throwError: () => void;
  readonly #room = new Condition();

  /**
   * @param capacity how many are received at once
   * @param throwError throws the error of a packet that was sent, once
   */
  constructor(capacity: number, throwError: () => void = () => {}) {
    this.capacity = capacity;
    this.#throwError = throwError;
  }

  /** The number of packets that wait. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Lets a packet wait. */
  put(packet: ReceivedDatagram): void {
    this.#waiting.push(packet);
  }

  /** Resolves when packets were taken, or at {@linkcode PacketInbox.wake}. */
  room(): Promise<void> {
    return this.#room.wait();
  }

  /** Ends the wait for room. */
  wake(): void {
    this.#room.notify();
  }

  receive(): number {
    this.#throwError();
    this.#current = this.#waiting.splice(0, this.capacity);
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

  hopLimit(): number {
    return MAX_HOPS;
  }

  drops(): number {
    return 0;
  }

  source(i: number): SockAddr {
    return this.#current[i].source;
  }

  isFrom(i: number, address: SockAddr): boolean {
    return this.#current[i].source.equals(address);
  }

  sourcePort(i: number): number {
    return this.#current[i].source.port;
  }
}

/** Where the packets of an outbox go. */
export interface PacketExit {
  /** The address that it sends to; undefined: what packets reply to. */
  readonly peer?: SockAddr;
  /** How many packets it takes for now. */
  readonly room: number;
  /** Throws the error of a packet that was sent, once. */
  throwError?(): void;
  /** Takes a packet. */
  send(bytes: Uint8Array<ArrayBuffer>, to: SockAddr): void;
}

/** How an outbox is made. */
export interface OutboxOptions {
  readonly capacity: number;
  /** The longest packet, in bytes. */
  readonly maxBytes: number;
  /** The room that it leaves to others. */
  readonly reserved?: number;
  /** What stands behind the headers; absent: what is written there. */
  readonly payload?: PacketPayload;
}

/** Packets in the memory of this program that leave one by one. */
export class PacketOutbox implements OutgoingPackets {
  readonly capacity: number;
  readonly #exit: PacketExit;
  readonly #reserved: number;
  readonly #payload: PacketPayload | undefined;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView<ArrayBuffer>;
  readonly #maxBytes: number;
  readonly #lengths: number[];
  readonly #targets: (SockAddr | undefined)[];

  constructor(exit: PacketExit, { capacity, maxBytes, reserved = 0, payload }: OutboxOptions) {
    this.#exit = exit;
    this.capacity = capacity;
    this.#reserved = reserved;
    this.#payload = payload;
    this.bytes = new Uint8Array(capacity * maxBytes);
    this.view = new DataView(this.bytes.buffer);
    this.#maxBytes = maxBytes;
    this.#lengths = Array(capacity).fill(maxBytes);
    this.#targets = Array(capacity).fill(exit.peer);
  }

  place(i: number): number {
    return i * this.#maxBytes;
  }

  setLength(i: number, bytes: number, headerBytes = bytes): void {
    this.#lengths[i] = bytes;
    const place = this.place(i);
    this.#payload?.fill(this.bytes.subarray(place + headerBytes, place + bytes));
  }

  setFragment(): void {
    // The API leaves it to the system; what asks for more is refused before a flow starts.
  }

  setSegmentBytes(): void {
    // Bursts are refused before a flow starts.
  }

  reply(i: number, incoming: IncomingPackets, j: number): void {
    this.#targets[i] = incoming.source(j);
  }

  send(from: number, count: number): number {
    this.#exit.throwError?.();
    let sent = 0;
    for (; sent < count && this.#exit.room > this.#reserved; sent++) {
      const i = from + sent, to = this.#targets[i];
      if (to === undefined) throw new Error("a packet without a destination");
      const place = this.place(i);
      this.#exit.send(this.bytes.slice(place, place + this.#lengths[i]), to);
    }
    return sent === 0 ? -1 : sent;
  }

  [Symbol.dispose](): void {
    // Its memory is of no system.
  }
}

/** What Deno's network API cannot do. */
const needsRawSockets = ["dscp", "ecn", "fragment", "sockopt"] as const;

/** Ports that are datagram sockets of Deno's own network API. */
export class DatagramPorts implements PacketPorts {
  readonly kind = "portable";
  readonly #host: FlowHost;

  constructor(host: FlowHost) {
    this.#host = host;
  }

  /** @throws {TineError} `ffi-unavailable`, for what Deno's API cannot do */
  connect(address: SockAddr, config: PacketClientConfig, maxBytes: number): PacketPort {
    const wanted: string[] = needsRawSockets.filter((key) => config[key] !== undefined);
    if (config.sender.some(({ unresponsive }) => unresponsive?.gso)) wanted.push("gso");
    const { host, device, port = 0 } = config.bind === undefined ? {} : parseBind(config.bind);
    if (device !== undefined) wanted.push("the interface of bind");
    const toGroup = isGroup(address.host);
    if (toGroup) wanted.push(...groupNeedsRawSockets(address, config));
    refuseSettings(wanted);
    // Replies from this machine need no door to others.
    const any = address.family === "ipv4" ? "0.0.0.0" : "::";
    const hostname = host ?? (!address.isLoopback ? any : address.family === "ipv4" ? "127.0.0.1" : "::1");
    const socket = open(hostname, port);
    if (toGroup) setUpSender(socket, this.#host, address, config);
    return new DatagramPort(socket, this.#host, maxBytes, address);
  }

  listen(address: SockAddr, { join }: PacketServerConfig, maxBytes: number): PacketPort {
    if (join === undefined) return new DatagramPort(open(address.host, address.port), this.#host, maxBytes);
    const membership = portableMembership(parseJoin(join));
    const socket = open(address.host, address.port, true);
    enter(socket, this.#host, membership);
    return new DatagramPort(socket, this.#host, maxBytes);
  }
}

/** @param reuseAddress others may be bound to the same address and port */
function open(hostname: string, port: number, reuseAddress = false): Deno.DatagramConn {
  try {
    return Deno.listenDatagram({ transport: "udp", hostname, port, reuseAddress });
  } catch (error) {
    throw systemError(error, "bind", `to ${formatHostPort({ hostname, port })}`);
  }
}
