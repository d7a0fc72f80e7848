import { MAX_PACKET_BYTES } from "../../base/limits.ts";
import type { SocketAddress } from "../../sys/address.ts";
import { SystemError } from "../../sys/errno.ts";
import {
  type Fragment,
  OVERSIZE,
  pathMtu,
  receiveLocalAddress,
  receiveTrafficClass,
  setOversize,
  setTrafficClass,
} from "../../sys/ip_options.ts";
import { Socket } from "../../sys/socket.ts";
import {
  byteOption,
  intOption,
  receiveBufferBytes,
  receiveDrops,
  receiveOffload,
  receiveTimestamps,
  textOption,
  v6Only,
} from "../../sys/socket_options.ts";
import type { FlowHost, Scope } from "../engine/engine_flow.ts";
import { bindSocket } from "../bind_socket.ts";
import type { PacketPayload } from "../payload.ts";
import type { PacketClientConfig, PacketServerConfig, SocketOption } from "../config.ts";
import {
  type FlowClock,
  type IncomingPackets,
  type OutgoingPackets,
  type PacketPort,
  type PacketPorts,
  uncut,
} from "./packet_port.ts";
import { Arena } from "../../sys/arena.ts";
import { sockaddrIn } from "../../sys/layouts.ts";
import { READABLE, type Watch } from "../../sys/poller.ts";
import { ReceiveBatch } from "../../sys/receive_batch.ts";
import { SendBatch } from "../../sys/send_batch.ts";
import { Clock, TimeBase } from "../../sys/clock.ts";

const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;

/** Ports that are raw sockets, watched by the loop of a worker. */
export class SocketPorts implements PacketPorts {
  readonly kind = "ffi";
  readonly #host: FlowHost;

  constructor(host: FlowHost) {
    this.#host = host;
  }

  connect(address: SocketAddress, config: PacketClientConfig, maxBytes: number): PacketPort {
    return this.#open(address, maxBytes, config.fragment, (socket) => {
      const { dscp = 0, ecn = 0, sockopt = [], bind } = config;
      if (dscp !== 0 || ecn !== 0) setTrafficClass(socket, dscp << 2 | ecn);
      for (const option of sockopt) setOption(socket, option);
      if (bind !== undefined) bindSocket(socket, bind);
      socket.connect(address);
    });
  }

  listen(address: SocketAddress, { protocol }: PacketServerConfig, maxBytes: number): PacketPort {
    return this.#open(address, maxBytes, undefined, (socket) => {
      if (address.family === "ipv6" && protocol === "udp6") socket.set(v6Only, true);
      // Replies have to come from the address that was dialled.
      if (address.isWildcard) receiveLocalAddress(socket);
      socket.bind(address);
    });
  }

  #open(
    address: SocketAddress,
    maxBytes: number,
    // A packet that is cut is two packets, of which one is lost: lengths would not be those on the wire.
    fragment: Fragment = "forbid",
    prepare: (socket: Socket) => void,
  ): PacketPort {
    const socket = Socket.open("udp", address.family);
    try {
      socket.set(receiveTimestamps, true);
      socket.set(receiveDrops, true);
      receiveTrafficClass(socket);
      // What there is no room for is lost here and not in the network. The kernel gives as much of it as it allows.
      socket.set(receiveBufferBytes, RECEIVE_BUFFER_BYTES);
      setOversize(socket, OVERSIZE[fragment]);
      prepare(socket);
      return new SocketPort(socket, this.#host, maxBytes, socket.localAddress().unmapped(), fragment);
    } catch (error) {
      socket.close();
      throw error;
    }
  }
}

/** The client sets options of its own machine: whatever the kernel lets it. */
function setOption(socket: Socket, { type, level, opt, name, value }: SocketOption): void {
  if (type === "string") socket.set(textOption(level, opt, name), String(value));
  else socket.set((type === "int" ? intOption : byteOption)(level, opt, name), Number(value));
}

const BATCH = 64;
const MERGED_BATCH = 16;
const MERGED_BYTES = 65_536;
const SOURCE_PORT = sockaddrIn.at.sin_port; // It is at the same place in IPv6 addresses.

/** A raw UDP socket, and the arena with the memory of its packets. */
export class SocketPort implements PacketPort {
  readonly clock: WallClock;
  readonly local: SocketAddress;
  readonly #arena = new Arena();
  readonly #outgoing = new Set<SocketOutgoing>();
  readonly #socket: Socket;
  readonly #scope: Scope;
  readonly #oversize: PortOversize;
  readonly #single: SocketIncoming;
  #merged: SocketIncoming | undefined;
  #merging = false;
  #watch: Watch | undefined;
  #interest = READABLE;

  /**
   * @param socket bound or connected; it is closed with the port
   * @param maxBytes the longest packet to receive
   * @param local the address that it is bound to
   * @param fragment what the socket does with packets that are too long for the path
   */
  constructor(
    socket: Socket,
    scope: Scope,
    maxBytes: number,
    local: SocketAddress,
    fragment: Fragment = "forbid",
  ) {
    this.#socket = socket;
    this.#scope = scope;
    this.#oversize = new PortOversize(socket, fragment);
    this.clock = new WallClock(() => scope.now());
    this.local = local;
    this.#single = new SocketIncoming(this.#arena, socket, this.clock, BATCH, maxBytes);
  }

  /** See ReceiveBatch. */
  presumeSource(address: SocketAddress): void {
    this.#single.batch.presumeSource(address);
  }

  get closed(): boolean {
    return this.#socket.fd < 0;
  }

  get incoming(): IncomingPackets {
    return this.#merged ?? this.#single;
  }

  get longest(): number {
    // What is sent all the same has the length that UDP carries.
    if (this.#oversize.initial !== "forbid") return MAX_PACKET_BYTES;
    return Math.min(MAX_PACKET_BYTES, uncut(pathMtu(this.#socket), this.local)!);
  }

  pathMtu(to?: SocketAddress): number | undefined {
    try {
      if (to === undefined) return pathMtu(this.#socket);
      using probe = Socket.open("udp", to.family);
      probe.connect(to);
      return pathMtu(probe);
    } catch (error) {
      if (error instanceof SystemError) return undefined; // There is no route for now.
      throw error;
    }
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

  outgoing(capacity: number, maxBytes: number, payload?: PacketPayload): OutgoingPackets {
    const sizes = { capacity, maxBytes };
    const onDispose = () => this.#outgoing.delete(outgoing);
    const outgoing = new SocketOutgoing(this.#socket, this.#oversize, sizes, onDispose, payload);
    this.#outgoing.add(outgoing);
    return outgoing;
  }

  mergeReceived(on: boolean): void {
    if (on === this.#merging) return;
    this.#merging = on;
    this.#socket.set(receiveOffload, on);
    // It stays in use: what is merged already when merging is turned off does not fit the other.
    this.#merged ??= new SocketIncoming(this.#arena, this.#socket, this.clock, MERGED_BATCH, MERGED_BYTES);
  }

  [Symbol.dispose](): void {
    this.#watch?.close();
    this.#socket.close();
    for (const outgoing of this.#outgoing) outgoing[Symbol.dispose]();
    this.#arena[Symbol.dispose]();
  }
}

class SocketIncoming implements IncomingPackets {
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

/** What a socket does with packets that are too long; the flows of a server share one, and may differ. */
class PortOversize {
  readonly #socket: Socket;
  #now: Fragment;

  constructor(socket: Socket, readonly initial: Fragment) {
    this.#socket = socket;
    this.#now = initial;
  }

  set(fragment: Fragment): void {
    if (fragment === this.#now) return;
    setOversize(this.#socket, OVERSIZE[fragment]);
    this.#now = fragment;
  }
}

/** More places than this for each message differ no more. */
const MAX_PLACES = 64;

class SocketOutgoing implements OutgoingPackets {
  readonly #arena = new Arena();
  readonly #batch: SendBatch;
  readonly #socket: Socket;
  readonly #oversize: PortOversize;
  #fragment: Fragment;
  readonly #onDispose: () => void;
  readonly #payload: PacketPayload | undefined;
  /** How many of the places of each message have a payload. */
  readonly #filled: Uint16Array;
  readonly #places: number;

  constructor(
    socket: Socket,
    oversize: PortOversize,
    { capacity, maxBytes }: { readonly capacity: number; readonly maxBytes: number },
    onDispose: () => void,
    payload?: PacketPayload,
  ) {
    this.#socket = socket;
    this.#oversize = oversize;
    this.#fragment = oversize.initial;
    this.#onDispose = onDispose;
    this.#payload = payload;
    const variety = Math.ceil((payload?.varietyBytes ?? 0) / (capacity * maxBytes));
    this.#places = Math.max(1, Math.min(MAX_PLACES, variety));
    this.#batch = new SendBatch(this.#arena, { capacity, maxBytes, places: this.#places });
    this.#filled = new Uint16Array(capacity);
    if (payload === undefined || payload.inOrder) return;
    for (let i = 0; i < capacity; i++) this.#fill(i, payload);
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

  setLength(i: number, bytes: number, headerBytes = bytes): void {
    this.#batch.setLength(i, bytes);
    if (this.#payload?.inOrder) this.#payload.fill(this.#batch.payload(i).subarray(headerBytes, bytes));
  }

  setFragment(fragment: Fragment): void {
    this.#fragment = fragment;
  }

  setSegmentBytes(i: number, bytes: number): void {
    this.#batch.setSegmentBytes(i, bytes);
  }

  reply(i: number, incoming: IncomingPackets, j: number, ecn: number): void {
    const received = (incoming as SocketIncoming).batch, trafficClass = received.trafficClass(j);
    this.#batch.reply(i, received, j);
    if (trafficClass >= 0) this.#batch.setTrafficClass(i, trafficClass & ~3 | ecn);
  }

  send(from: number, count: number): number {
    this.#oversize.set(this.#fragment);
    const sent = this.#batch.send(this.#socket, from, count);
    const payload = this.#payload;
    if (sent > 0 && payload !== undefined && !payload.inOrder) this.#renew(from, from + sent, payload);
    return sent;
  }

  /** Prepares what was sent for the next time, while there is time: not between a packet's time and its sending. */
  #renew(from: number, to: number, payload: PacketPayload): void {
    if (this.#places === 1) return;
    let left = payload.renewable;
    for (let i = from; i < to; i++) {
      const bytes = this.#batch.length(i);
      this.#batch.turn(i);
      if (this.#filled[i] < this.#places) this.#fill(i, payload);
      else if (left >= bytes) {
        payload.fill(this.#batch.payload(i).subarray(0, bytes));
        left -= bytes;
      }
    }
  }

  #fill(i: number, payload: PacketPayload): void {
    payload.fill(this.#batch.payload(i));
    this.#filled[i]++;
  }

  [Symbol.dispose](): void {
    this.#onDispose();
    this.#arena[Symbol.dispose]();
  }
}

/**
 * Counts the packets that a socket had no room for. The kernel counts messages, and a burst is one: those that were lost
 * are taken to have had as many packets as those that came.
 */
export class DropCounter {
  /** How many packets there were. */
  packets = 0;
  #messages = 0;
  #perMessage = 1;

  /**
   * Takes what comes with a message.
   *
   * @param messages that were lost, since the socket was opened
   * @param packets of this message
   */
  add(messages: number, packets: number): void {
    // Packets that open and close flows come alone, whatever the other packets do.
    if (packets > 1) this.#perMessage = packets;
    if (messages <= this.#messages) return;
    this.packets += (messages - this.#messages) * this.#perMessage;
    this.#messages = messages;
  }

  /** Messages have one packet each from now on. */
  single(): void {
    this.#perMessage = 1;
  }
}

const ROUNDS = 5;

/** The distance between the clocks is measured to some 50 ns; what is above this is a step. */
const STEP_NANOS = 20_000;

/**
 * Relates the kernel's times of arrival, which are the wall clock's, to the clock of the worker, which is monotonic.
 * Both are slewed alike, so the distance between them only changes when somebody sets the wall clock: then times of
 * arrival go on in the old way.
 */
export class WallClock implements FlowClock {
  readonly #wall: { now(): bigint };
  readonly #now: () => number;
  readonly #start: number;
  readonly #base: TimeBase;
  /** By how much the wall clock was set since the start. */
  #step = 0;

  /**
   * @param now a monotonic clock, in nanoseconds
   * @param wall the wall clock, in nanoseconds since 1970
   */
  constructor(now: () => number, wall: { now(): bigint } = new Clock("realtime")) {
    this.#now = now;
    this.#wall = wall;
    const first = this.#compare();
    this.#start = first.at;
    this.#base = new TimeBase(first.wall);
  }

  get tinit(): bigint {
    return this.#base.time;
  }

  now(): number {
    return this.#now() - this.#start;
  }

  checkWallClock(): number {
    const { at, wall } = this.#compare();
    const step = Number(wall - this.#base.time) - (at - this.#start) - this.#step;
    if (Math.abs(step) < STEP_NANOS) return 0;
    this.#step += step;
    return step;
  }

  /** The moment from which {@linkcode WallClock.corrected} counts. */
  get base(): TimeBase {
    return this.#base;
  }

  /** The flow's time of what the wall clock has measured, in nanoseconds since the base. */
  corrected(elapsed: number): number {
    return elapsed - this.#step;
  }

  /** Reads both clocks at one time, as nearly as can be. */
  #compare(): { at: number; wall: bigint } {
    let best = { at: 0, wall: 0n, error: Infinity };
    for (let round = 0; round < ROUNDS; round++) {
      const before = this.#now(), wall = this.#wall.now(), after = this.#now();
      if (after - before < best.error) best = { at: Math.round((before + after) / 2), wall, error: after - before };
    }
    return best;
  }
}
