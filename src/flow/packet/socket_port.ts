import { MAX_PACKET_BYTES } from "../../base/limits.ts";
import type { SockAddr } from "../../sys/address.ts";
import { SystemError } from "../../sys/errno.ts";
import {
  type Fragment,
  OVERSIZE,
  pathMtu,
  receiveHopLimit,
  receiveLocalAddress,
  receiveTrafficClass,
  setHopLimit,
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
import type { FlowHost, Scope, ServerShare } from "../engine/engine_flow.ts";
import { bindSocket } from "../bind_socket.ts";
import { bindToGroup, connectPacketSocket } from "../multicast/group_socket.ts";
import { parseJoin } from "../multicast/join.ts";
import type { PacketPayload } from "../payload.ts";
import type { PacketClientConfig, PacketServerConfig, RawSocketOption } from "../config.ts";
import {
  type IncomingPackets,
  MAX_HOPS,
  type OutgoingPackets,
  type PacketPort,
  type PacketPorts,
  uncut,
} from "./packet_port.ts";
import { SocketIncoming } from "./socket_incoming.ts";
import { PortOversize, SocketOutgoing } from "./socket_outgoing.ts";
import { WallClock } from "./wall_clock.ts";
import { Arena } from "../../sys/arena.ts";
import { READABLE, type Watch } from "../../sys/poller.ts";

const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;

/** Ports that are raw sockets, watched by the loop of a worker. */
export class SocketPorts implements PacketPorts {
  readonly kind = "ffi";
  readonly #host: FlowHost;

  constructor(host: FlowHost) {
    this.#host = host;
  }

  connect(address: SockAddr, config: PacketClientConfig, maxBytes: number): PacketPort {
    return this.#open(address, maxBytes, config.fragment, (socket) => {
      const { dscp = 0, ecn = 0, sockopt = [], bind } = config;
      if (dscp !== 0 || ecn !== 0) setTrafficClass(socket, dscp << 2 | ecn);
      for (const option of sockopt) setOption(socket, option);
      if (bind !== undefined) bindSocket(socket, bind);
      if (config.stamp !== undefined) setHopLimit(socket, MAX_HOPS);
      connectPacketSocket(socket, address, config);
    });
  }

  listen(
    address: SockAddr,
    { protocol, stamp, join }: PacketServerConfig,
    maxBytes: number,
    share?: ServerShare,
  ): PacketPort {
    const bound = share && Socket.borrow(share.fd, "udp", address.family);
    return this.#open(address, maxBytes, undefined, (socket) => {
      if (join !== undefined) return bindToGroup(socket, parseJoin(join));
      // Replies have to come from the address that was dialled.
      if (address.isWildcard) receiveLocalAddress(socket);
      if (stamp !== undefined) {
        setHopLimit(socket, MAX_HOPS);
        receiveHopLimit(socket);
      }
      if (bound !== undefined) return;
      if (address.family === "ipv6" && protocol === "udp6") socket.set(v6Only, true);
      socket.bind(address);
    }, bound);
  }

  #open(
    address: SockAddr,
    maxBytes: number,
    // A packet that is cut is two packets, of which one is lost: lengths would not be those on the wire.
    fragment: Fragment = "forbid",
    prepare: (socket: Socket) => void,
    socket: Socket = Socket.open("udp", address.family),
  ): PacketPort {
    try {
      socket.set(receiveTimestamps, true);
      socket.set(receiveDrops, true);
      receiveTrafficClass(socket);
      // Packets without room in the buffer are lost here and not in the network. The kernel caps its size.
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
function setOption(socket: Socket, { type, level, opt, name, value }: RawSocketOption): void {
  if (type === "string") socket.set(textOption(level, opt, name), String(value));
  else socket.set((type === "int" ? intOption : byteOption)(level, opt, name), Number(value));
}

const BATCH = 64;
const MERGED_BATCH = 16;
const MERGED_BYTES = 65_536;

/** A raw UDP socket, and the arena with the memory of its packets. */
export class SocketPort implements PacketPort {
  readonly clock: WallClock;
  readonly local: SockAddr;
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
    local: SockAddr,
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
  presumeSource(address: SockAddr): void {
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

  pathMtu(to?: SockAddr): number | undefined {
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
