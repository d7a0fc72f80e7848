import type { SocketAddress } from "../../sys/address.ts";
import { Arena } from "../../sys/arena.ts";
import { sockaddrIn } from "../../sys/layouts.ts";
import { pathMtu } from "../../sys/ip_options.ts";
import type { Watch } from "../../sys/poller.ts";
import { READABLE } from "../../sys/poller.ts";
import { ReceiveBatch } from "../../sys/receive_batch.ts";
import { SendBatch } from "../../sys/send_batch.ts";
import type { Socket } from "../../sys/socket.ts";
import { receiveOffload } from "../../sys/socket_options.ts";
import type { Scope } from "../engine/engine_flow.ts";
import { MAX_PACKET_BYTES } from "./header.ts";
import type { Inbox, Outbox, PacketPort } from "./packet_port.ts";
import { WallClock } from "./wall_clock.ts";

const BATCH = 64;
const MERGED_BATCH = 16;
const MERGED_BYTES = 65_536;
const UDP_HEADER_BYTES = 8;
const IP_HEADER_BYTES = { ipv4: 20, ipv6: 40 } as const;
const SOURCE_PORT = sockaddrIn.at.sin_port; // It is at the same place in IPv6 addresses.

/** A raw UDP socket, and the arena with the memory of its packets. */
export class SocketPort implements PacketPort {
  readonly clock: WallClock;
  readonly local: SocketAddress;
  readonly #arena = new Arena();
  readonly #outboxes = new Set<SocketOutbox>();
  readonly #socket: Socket;
  readonly #scope: Scope;
  readonly #single: SocketInbox;
  #merged: SocketInbox | undefined;
  #merging = false;
  #watch: Watch | undefined;
  #interest = READABLE;

  /**
   * @param socket bound or connected; it is closed with the port
   * @param maxBytes the longest packet to receive
   * @param local the address that it is bound to
   */
  constructor(socket: Socket, scope: Scope, maxBytes: number, local: SocketAddress) {
    this.#socket = socket;
    this.#scope = scope;
    this.clock = new WallClock(() => scope.now());
    this.local = local;
    this.#single = new SocketInbox(this.#arena, socket, this.clock, BATCH, maxBytes);
  }

  /** See ReceiveBatch. */
  presumeSource(address: SocketAddress): void {
    this.#single.batch.presumeSource(address);
  }

  get closed(): boolean {
    return this.#socket.fd < 0;
  }

  get inbox(): Inbox {
    return this.#merged ?? this.#single;
  }

  get longest(): number {
    const { family } = this.local;
    return Math.min(MAX_PACKET_BYTES, pathMtu(this.#socket) - IP_HEADER_BYTES[family] - UDP_HEADER_BYTES);
  }

  get interest(): number {
    return this.#interest;
  }

  set interest(bits: number) {
    this.#interest = bits;
    if (this.#watch !== undefined) this.#watch.interest = bits;
  }

  watch(handler: () => void): void {
    this.#watch = this.#scope.watch(this.#socket.fd, this.#interest, handler);
  }

  outbox(capacity: number, maxBytes: number): Outbox {
    const outbox = new SocketOutbox(this.#socket, capacity, maxBytes, () => this.#outboxes.delete(outbox));
    this.#outboxes.add(outbox);
    return outbox;
  }

  mergeReceived(on: boolean): void {
    if (on === this.#merging) return;
    this.#merging = on;
    this.#socket.set(receiveOffload, on);
    // It stays in use: what is merged already when merging is turned off does not fit the other.
    this.#merged ??= new SocketInbox(this.#arena, this.#socket, this.clock, MERGED_BATCH, MERGED_BYTES);
  }

  [Symbol.dispose](): void {
    this.#watch?.close();
    this.#socket.close();
    for (const outbox of this.#outboxes) outbox[Symbol.dispose]();
    this.#arena[Symbol.dispose]();
  }
}

class SocketInbox implements Inbox {
  readonly #batch: ReceiveBatch;
  readonly #socket: Socket;
  readonly #clock: WallClock;

  constructor(arena: Arena, socket: Socket, clock: WallClock, capacity: number, maxBytes: number) {
    this.#batch = new ReceiveBatch(arena, { capacity, maxBytes });
    this.#socket = socket;
    this.#clock = clock;
  }

  get batch(): ReceiveBatch {
    return this.#batch;
  }

  get capacity(): number {
    return this.#batch.capacity;
  }

  receive(): number {
    return this.#batch.receive(this.#socket);
  }

  bytes(i: number): Uint8Array<ArrayBuffer> {
    return this.#batch.payload(i);
  }

  view(i: number): DataView<ArrayBuffer> {
    return this.#batch.view(i);
  }

  length(i: number): number {
    // Cut: it has no length that a packet could claim.
    return this.#batch.truncated(i) ? 0 : this.#batch.length(i);
  }

  segmentBytes(i: number): number {
    return this.#batch.segmentBytes(i);
  }

  arrival(i: number): number {
    return this.#clock.corrected(this.#batch.timestampSince(i, this.#clock.base));
  }

  trafficClass(i: number): number {
    return Math.max(0, this.#batch.trafficClass(i));
  }

  drops(i: number): number {
    return this.#batch.drops(i);
  }

  source(i: number): SocketAddress {
    return this.#batch.source(i);
  }

  isFrom(i: number, address: SocketAddress): boolean {
    return this.#batch.isFrom(i, address);
  }

  sourcePort(i: number): number {
    const { names, nameBytes } = this.#batch.memory;
    const at = i * nameBytes + SOURCE_PORT;
    return names[at] << 8 | names[at + 1];
  }
}

class SocketOutbox implements Outbox {
  readonly #arena = new Arena();
  readonly #batch: SendBatch;
  readonly #socket: Socket;
  readonly #onDispose: () => void;

  constructor(socket: Socket, capacity: number, maxBytes: number, onDispose: () => void) {
    this.#socket = socket;
    this.#batch = new SendBatch(this.#arena, { capacity, maxBytes });
    this.#onDispose = onDispose;
  }

  get capacity(): number {
    return this.#batch.capacity;
  }

  bytes(i: number): Uint8Array<ArrayBuffer> {
    return this.#batch.payload(i);
  }

  view(i: number): DataView<ArrayBuffer> {
    return this.#batch.view(i);
  }

  setLength(i: number, bytes: number): void {
    this.#batch.setLength(i, bytes);
  }

  setSegmentBytes(i: number, bytes: number): void {
    this.#batch.setSegmentBytes(i, bytes);
  }

  reply(i: number, inbox: Inbox, j: number, ecn: number): void {
    const received = (inbox as SocketInbox).batch, trafficClass = received.trafficClass(j);
    this.#batch.reply(i, received, j);
    if (trafficClass >= 0) this.#batch.setTrafficClass(i, trafficClass & ~3 | ecn);
  }

  send(from: number, count: number): number {
    return this.#batch.send(this.#socket, from, count);
  }

  [Symbol.dispose](): void {
    this.#onDispose();
    this.#arena[Symbol.dispose]();
  }
}
