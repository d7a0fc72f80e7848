import { SockAddr } from "./address.ts";
import type { Arena } from "./arena.ts";
import type { TimeBase } from "./clock.ts";
import * as c from "./constants.ts";
import { cmsghdr, controlSpace, in6Pktinfo, inPktinfo, timespec } from "./layouts.ts";
import { type Libc, libc } from "./libc.ts";
import { MessageMemory } from "./message_memory.ts";
import type { Socket } from "./socket.ts";

/** How large a batch of messages to receive is. */
export interface ReceiveBatchOptions {
  /** The number of messages; 64 if left out. */
  readonly capacity?: number;
  /** The longest payload, in bytes; 2048 if left out. With `receiveOffload` 65536, or what was merged is cut. */
  readonly maxBytes?: number;
}

const DEFAULT_CAPACITY = 64;
const DEFAULT_MAX_BYTES = 2048;

/** Room for all control messages that a socket can be set to deliver: time, class, segments, drops, hops, both addresses. */
const CONTROL_BYTES = controlSpace(timespec.sizeBytes) + 5 * controlSpace(4) + controlSpace(inPktinfo.sizeBytes) +
  controlSpace(in6Pktinfo.sizeBytes);

/** Places in a control message, in units of 32 bits. */
const LEVEL = cmsghdr.at.cmsg_level / 4;
const TYPE = cmsghdr.at.cmsg_type / 4;
const DATA = cmsghdr.sizeBytes / 4;

/** Marks a value that no control message has. */
const NONE = -1;

/**
 * UDP messages that come from the kernel in one call, recvmmsg(2), with the contents of their control messages. All
 * values are of the last call of receive().
 *
 * @example
 * ```ts
 * import { SockAddr } from "./address.ts";
 * import { Arena } from "./arena.ts";
 * import { ReceiveBatch } from "./receive_batch.ts";
 * import { Socket } from "./socket.ts";
 * import { receiveTimestamps } from "./socket_options.ts";
 * using socket = Socket.open("udp", "ipv4");
 * socket.bind(SockAddr.loopback("ipv4", 0));
 * socket.set(receiveTimestamps, true);
 * using arena = new Arena();
 * const batch = new ReceiveBatch(arena);
 * const count = batch.receive(socket);
 * for (let i = 0; i < count; i++) console.log(`${batch.source(i)}`, batch.length(i), batch.timestamp(i));
 * ```
 */
export class ReceiveBatch {
  /** Where the messages are. For SendBatch. */
  readonly memory: MessageMemory;
  readonly #libc: Libc = libc();
  readonly #payloads: readonly Uint8Array<ArrayBuffer>[];
  readonly #views: readonly DataView<ArrayBuffer>[];
  /** How many messages have the lengths of the last call, rather than those of the room there is. */
  #used: number;
  readonly #seconds: Float64Array;
  readonly #nanos: Int32Array;
  readonly #trafficClass: Int16Array;
  readonly #hopLimit: Int16Array;
  readonly #segmentBytes: Int32Array;
  readonly #drops: Float64Array;
  /** Where the data of the control message with the local address start, in words; or NONE. */
  readonly #ipv4Info: Int32Array;
  readonly #ipv6Info: Int32Array;

  /** @param arena gives the memory; it stays as long as the arena does */
  constructor(arena: Arena, options: ReceiveBatchOptions = {}) {
    const { capacity = DEFAULT_CAPACITY, maxBytes = DEFAULT_MAX_BYTES } = options;
    this.memory = new MessageMemory(arena, { capacity, maxBytes, controlBytes: CONTROL_BYTES });
    const { payload: { bytes: { buffer, byteOffset } }, stride } = this.memory;
    const starts = Array.from({ length: capacity }, (_, i) => byteOffset + i * stride);
    this.#payloads = starts.map((start) => new Uint8Array(buffer, start, maxBytes));
    this.#views = starts.map((start) => new DataView(buffer, start, maxBytes));
    this.#seconds = new Float64Array(capacity);
    this.#nanos = new Int32Array(capacity);
    this.#trafficClass = new Int16Array(capacity);
    this.#hopLimit = new Int16Array(capacity);
    this.#segmentBytes = new Int32Array(capacity);
    this.#drops = new Float64Array(capacity);
    this.#ipv4Info = new Int32Array(capacity);
    this.#ipv6Info = new Int32Array(capacity);
    this.#used = capacity;
  }

  /** The maximum number of messages of one call. */
  get capacity(): number {
    return this.memory.capacity;
  }

  /**
   * Receives what is there.
   *
   * @returns how many messages, or {@linkcode WOULD_BLOCK}
   * @throws {SystemError} also for an error that came back for what was sent, e.g. ECONNREFUSED
   */
  receive(socket: Socket): number {
    const { memory } = this;
    for (let i = 0; i < this.#used; i++) {
      memory.setNameLength(i, memory.nameBytes);
      memory.setControlLength(i, memory.controlBytes);
    }
    this.#used = 0;
    const { calls, errno } = this.#libc, headers = memory.headersFrom(0);
    let count;
    do {
      count = calls.recvmmsg(socket.fd, headers, memory.capacity, 0, null);
    } while (count < 0 && this.#libc.interrupted(errno[0], "recvmmsg", socket));
    for (let i = 0; i < count; i++) this.#readControl(i);
    this.#used = Math.max(0, count);
    return count;
  }

  /** The room for a payload; of it, the first length() bytes are filled. */
  payload(i: number): Uint8Array<ArrayBuffer> {
    return this.#payloads[i];
  }

  /** The same. */
  view(i: number): DataView<ArrayBuffer> {
    return this.#views[i];
  }

  /** How much of a payload was received, in bytes; of all merged packets, if they were. */
  length(i: number): number {
    return this.memory.messageLength(i);
  }

  /** Whether the payload was longer than there is room for: the rest of it is lost. */
  truncated(i: number): boolean {
    return (this.memory.flags(i) & c.MSG_TRUNC) !== 0;
  }

  /** Sets the source of messages that arrive without an address, as from Socket.packetPair(). */
  presumeSource({ bytes }: SockAddr): void {
    for (let i = 0; i < this.capacity; i++) this.memory.names.set(bytes, i * this.memory.nameBytes);
  }

  /** Where a message came from. */
  source(i: number): SockAddr {
    return SockAddr.decode(this.memory.names.subarray(i * this.memory.nameBytes));
  }

  /** Whether a message came from an address. Allocates nothing. */
  isFrom(i: number, address: SockAddr): boolean {
    return address.startsIn(this.memory.names, i * this.memory.nameBytes);
  }

  /** When the kernel received a message by the wall clock, in nanoseconds; undefined without `receiveTimestamps`. */
  timestamp(i: number): bigint | undefined {
    const seconds = this.#seconds[i];
    return seconds === NONE ? undefined : BigInt(seconds) * 1_000_000_000n + BigInt(this.#nanos[i]);
  }

  /**
   * The same as the distance from a moment, in nanoseconds; NaN without `receiveTimestamps`. Allocates nothing.
   *
   * @param base of the wall clock
   */
  timestampSince(i: number, base: TimeBase): number {
    const seconds = this.#seconds[i];
    return seconds === NONE ? NaN : base.elapsed(seconds, this.#nanos[i]);
  }

  /** The byte of the IP header that was called TOS; -1 without receiveTrafficClass(). */
  trafficClass(i: number): number {
    return this.#trafficClass[i];
  }

  /** The TTL or hop limit that a message arrived with; -1 without receiveHopLimit(). */
  hopLimit(i: number): number {
    return this.#hopLimit[i];
  }

  /** The length of merged packets, except the last; 0 for a single packet. */
  segmentBytes(i: number): number {
    return this.#segmentBytes[i];
  }

  /** The number of packets dropped since the socket was opened, since its buffer was full; 0 without `receiveDrops`. */
  drops(i: number): number {
    return this.#drops[i];
  }

  /** The index of the first word of the control message with the local address; -1 without one. */
  localInfo(i: number, family: "ipv4" | "ipv6"): number {
    return family === "ipv4" ? this.#ipv4Info[i] : this.#ipv6Info[i];
  }

  #readControl(i: number): void {
    this.#seconds[i] = NONE;
    this.#trafficClass[i] = NONE;
    this.#hopLimit[i] = NONE;
    this.#segmentBytes[i] = 0;
    this.#drops[i] = 0;
    this.#ipv4Info[i] = NONE;
    this.#ipv6Info[i] = NONE;
    const words = this.memory.controlWords;
    const start = i * this.memory.controlBytes / 4;
    const end = start + this.memory.controlLength(i) / 4;
    let at = start;
    while (at + DATA <= end) {
      const length = words[at];
      if (length < cmsghdr.sizeBytes) return;
      this.#readMessage(i, words, at);
      at += (length + 7 >> 3) * 2;
    }
  }

  #readMessage(i: number, words: Int32Array, at: number): void {
    const level = words[at + LEVEL], type = words[at + TYPE], data = at + DATA;
    if (level === c.SOL_SOCKET && type === c.SCM_TIMESTAMPNS) {
      this.#seconds[i] = words[data + 1] * 2 ** 32 + (words[data] >>> 0);
      this.#nanos[i] = words[data + 2];
    } else if (level === c.SOL_SOCKET && type === c.SO_RXQ_OVFL) {
      this.#drops[i] = words[data] >>> 0;
    } else if (level === c.IPPROTO_IP && type === c.IP_TOS) {
      this.#trafficClass[i] = words[data] & 0xff; // One byte; the others are padding.
    } else if (level === c.IPPROTO_IPV6 && type === c.IPV6_TCLASS) {
      this.#trafficClass[i] = words[data];
    } else if (level === c.IPPROTO_UDP && type === c.UDP_GRO) {
      this.#segmentBytes[i] = words[data];
    } else if (
      level === c.IPPROTO_IP && type === c.IP_TTL || level === c.IPPROTO_IPV6 && type === c.IPV6_HOPLIMIT
    ) {
      this.#hopLimit[i] = words[data];
    } else if (level === c.IPPROTO_IP && type === c.IP_PKTINFO) {
      this.#ipv4Info[i] = data;
    } else if (level === c.IPPROTO_IPV6 && type === c.IPV6_PKTINFO) {
      this.#ipv6Info[i] = data;
    }
  }
}
