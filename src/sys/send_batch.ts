import * as c from "./constants.ts";
import { DEFAULT_MAX_PACKET_BYTES } from "../base/limits.ts";
import { type Family, isMappedIPv4 } from "../base/address.ts";
import type { SockAddr } from "./address.ts";
import type { Arena } from "./arena.ts";
import { cmsghdr, controlSpace, in6Pktinfo, inPktinfo, sockaddrIn6 } from "./layouts.ts";
import { type Libc, libc } from "./libc.ts";
import { MessageMemory } from "./message_memory.ts";
import type { ReceiveBatch } from "./receive_batch.ts";
import type { Socket } from "./socket.ts";

/** How large a batch of messages to send is. */
export interface SendBatchOptions {
  /** The number of messages; 64 if left out. */
  readonly capacity?: number;
  /** The longest payload, in bytes; with segments, of all together. {@linkcode DEFAULT_MAX_PACKET_BYTES} by default. */
  readonly maxBytes?: number;
  /** How many places the payload of each message has, see {@linkcode SendBatch.turn}; 1 if left out. */
  readonly places?: number;
}

const DEFAULT_CAPACITY = 64;

/** Room for all control messages at once: the source, the traffic class, the segments. */
const CONTROL_BYTES = controlSpace(in6Pktinfo.sizeBytes) + controlSpace(4) + controlSpace(2);
const INFO_WORDS = in6Pktinfo.sizeBytes / 4;

/** Marks a value that was not set. */
const NONE = -1;

/**
 * UDP messages that go to the kernel in one call, sendmmsg(2). Settings of a message stay for later calls.
 *
 * @example
 * ```ts
 * import { SockAddr } from "./address.ts";
 * import { Arena } from "./arena.ts";
 * import { SendBatch } from "./send_batch.ts";
 * import { Socket } from "./socket.ts";
 * using socket = Socket.open("udp", "ipv4");
 * socket.connect(SockAddr.parse("127.0.0.1:5201"));
 * using arena = new Arena();
 * const batch = new SendBatch(arena, { capacity: 2 });
 * for (let i = 0; i < 2; i++) {
 *   batch.view.setUint32(batch.place(i), i);
 *   batch.setLength(i, 64);
 * }
 * console.log(batch.send(socket), "of 2 messages were sent");
 * ```
 */
export class SendBatch {
  readonly #libc: Libc = libc();
  readonly #memory: MessageMemory;
  /** The values of the control messages. They are written before the next call, if one has changed. */
  readonly #trafficClass: Int16Array;
  readonly #segmentBytes: Int32Array;
  /** The family of the source: 4, 6, or 0 if the kernel chooses. */
  readonly #sourceFamily: Uint8Array;
  /** A struct in_pktinfo or in6_pktinfo for each message. */
  readonly #sourceInfo: Int32Array;
  readonly #changed: Uint8Array;

  /** @param arena gives the memory; it stays as long as the arena does */
  constructor(arena: Arena, options: SendBatchOptions = {}) {
    const { capacity = DEFAULT_CAPACITY, maxBytes = DEFAULT_MAX_PACKET_BYTES, places } = options;
    this.#memory = new MessageMemory(arena, { capacity, maxBytes, controlBytes: CONTROL_BYTES, places });
    this.#trafficClass = new Int16Array(capacity).fill(NONE);
    this.#segmentBytes = new Int32Array(capacity);
    this.#sourceFamily = new Uint8Array(capacity);
    this.#sourceInfo = new Int32Array(capacity * INFO_WORDS);
    this.#changed = new Uint8Array(capacity);
  }

  /** The maximum number of messages of one call. */
  get capacity(): number {
    return this.#memory.capacity;
  }

  /** The room for all payloads. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#memory.payload.bytes;
  }

  /** The same. */
  get view(): DataView<ArrayBuffer> {
    return this.#memory.payload.view;
  }

  /** Where the payload of a message starts in it; of it, the bytes up to the length that is set are sent. */
  place(i: number): number {
    return this.#memory.place(i);
  }

  /** The distance from the place of a message to that of the next one, if both are moved on as often; in bytes. */
  get stride(): number {
    return this.#memory.stride;
  }

  /**
   * Finds the messages, from one on, whose payloads fill their places and lie side by side.
   *
   * @param to the message at which to end at the latest
   * @returns the one behind the last of them, whose payload may be shorter
   */
  endOfRow(from: number, to: number): number {
    return this.#memory.endOfRow(from, to);
  }

  /** The room for a payload, at the place where it is now. */
  payload(i: number): Uint8Array<ArrayBuffer> {
    const place = this.place(i);
    return this.bytes.subarray(place, place + this.#memory.maxBytes);
  }

  /**
   * Moves the payloads of the messages [from, to) on to their next places: what stood there before is sent again unless it
   * is changed.
   */
  turn(from: number, to: number): void {
    this.#memory.turn(from, to);
  }

  /**
   * Sets the length of a payload, in bytes; at first it is all of it.
   *
   * @throws {RangeError} if there is not enough room
   */
  setLength(i: number, bytes: number): void {
    if (!(bytes >= 0 && bytes <= this.#memory.maxBytes)) {
      throw new RangeError(`a payload of ${bytes} bytes: there is room for ${this.#memory.maxBytes}`);
    }
    this.#memory.setPayloadLength(i, bytes);
  }

  /** The length of a payload, in bytes. */
  length(i: number): number {
    return this.#memory.payloadLength(i);
  }

  /** Sets where a message goes; undefined: where the socket is connected to. */
  setDestination(i: number, address: SockAddr | undefined): void {
    if (address !== undefined) this.#memory.names.set(address.bytes, i * this.#memory.nameBytes);
    this.#memory.setNameLength(i, address?.bytes.length ?? 0);
    this.#changed[i] = 1; // The family of the destination decides how the traffic class is set.
  }

  /** Sets the byte of the IP header that was called TOS, 0 to 255; -1: that of the socket. */
  setTrafficClass(i: number, value: number): void {
    if (this.#trafficClass[i] === value) return;
    this.#trafficClass[i] = value;
    this.#changed[i] = 1;
  }

  /** Sets the length of the packets that a payload is cut into (GSO), in bytes; 0: one packet. The last may be shorter. */
  setSegmentBytes(i: number, bytes: number): void {
    if (this.#segmentBytes[i] === bytes) return;
    this.#segmentBytes[i] = bytes;
    this.#changed[i] = 1;
  }

  /**
   * Makes a message the answer to a received one: its destination is the source of that, its source the
   * destination of that, with the same traffic class, the last two if the socket receives them. Payload and length stay.
   */
  reply(i: number, received: ReceiveBatch, j: number): void {
    const from = received.memory, to = this.#memory;
    const length = from.nameLength(j), target = i * to.nameBytes, origin = j * from.nameBytes;
    for (let at = 0; at < length; at++) to.names[target + at] = from.names[origin + at];
    to.setNameLength(i, length);
    this.#trafficClass[i] = received.trafficClass(j);
    this.#setSource(i, received, j);
    this.#changed[i] = 1;
  }

  /**
   * Sends messages.
   *
   * @param from the first message
   * @param count the number of messages
   * @returns the number of sent messages, at least 1, or {@linkcode WOULD_BLOCK}
   * @throws {SystemError} for the first message, also an error of earlier messages, e.g. ECONNREFUSED; the error
   * of a later message is thrown when that message is the first
   */
  send(socket: Socket, from = 0, count: number = this.capacity - from): number {
    if (!(from >= 0 && count >= 0 && from + count <= this.capacity)) {
      throw new RangeError(`messages ${from} to ${from + count} of a batch of ${this.capacity}`);
    }
    if (count === 0) return 0;
    for (let i = from; i < from + count; i++) if (this.#changed[i] !== 0) this.#writeControl(i, socket.family);
    const { calls, errno } = this.#libc, headers = this.#memory.headersFrom(from);
    let sent;
    do {
      sent = calls.sendmmsg(socket.fd, headers, count, c.MSG_NOSIGNAL);
    } while (sent < 0 && this.#libc.interrupted(errno[0], "sendmmsg", socket));
    return sent;
  }

  #setSource(i: number, received: ReceiveBatch, j: number): void {
    const words = received.memory.controlWords, info = this.#sourceInfo, at = i * INFO_WORDS;
    this.#sourceFamily[i] = 0;
    const ipv4 = received.localInfo(j, "ipv4"), ipv6 = received.localInfo(j, "ipv6");
    if (ipv4 !== NONE) {
      const { ipi_ifindex, ipi_spec_dst } = inPktinfo.at;
      info[at + ipi_ifindex / 4] = 0; // The route decides.
      info[at + ipi_spec_dst / 4] = words[ipv4 + ipi_spec_dst / 4];
      this.#sourceFamily[i] = 4;
    } else if (ipv6 !== NONE) {
      const first = words[ipv6] & 0xff, second = words[ipv6] >> 8 & 0xff;
      if (first === 0xff) return; // Multicast is no source.
      for (let word = 0; word < 4; word++) info[at + word] = words[ipv6 + word];
      // A link-local address needs its interface; for others the route decides.
      const linkLocal = first === 0xfe && (second & 0xc0) === 0x80;
      info[at + 4] = linkLocal ? words[ipv6 + in6Pktinfo.at.ipi6_ifindex / 4] : 0;
      this.#sourceFamily[i] = 6;
    }
  }

  #writeControl(i: number, family: Family): void {
    this.#changed[i] = 0;
    const words = this.#memory.controlWords;
    const start = i * this.#memory.controlBytes / 4;
    let at = start;
    const source = this.#sourceFamily[i];
    if (source !== 0) {
      for (let word = 0; word < INFO_WORDS; word++) {
        words[at + cmsghdr.sizeBytes / 4 + word] = this.#sourceInfo[i * INFO_WORDS + word];
      }
      at = source === 4
        ? endOfHead(words, at, inPktinfo.sizeBytes, c.IPPROTO_IP, c.IP_PKTINFO)
        : endOfHead(words, at, in6Pktinfo.sizeBytes, c.IPPROTO_IPV6, c.IPV6_PKTINFO);
    }
    if (this.#trafficClass[i] !== NONE) {
      words[at + cmsghdr.sizeBytes / 4] = this.#trafficClass[i];
      at = this.#goesOverIPv4(i, family)
        ? endOfHead(words, at, 4, c.IPPROTO_IP, c.IP_TOS)
        : endOfHead(words, at, 4, c.IPPROTO_IPV6, c.IPV6_TCLASS);
    }
    if (this.#segmentBytes[i] !== 0) {
      words[at + cmsghdr.sizeBytes / 4] = this.#segmentBytes[i]; // 16 bits, and two bytes of padding.
      at = endOfHead(words, at, 2, c.IPPROTO_UDP, c.UDP_SEGMENT);
    }
    this.#memory.setControlLength(i, 4 * (at - start));
  }

  #goesOverIPv4(i: number, family: Family): boolean {
    if (this.#memory.nameLength(i) !== sockaddrIn6.sizeBytes) return family === "ipv4";
    return isMappedIPv4(this.#memory.names, i * this.#memory.nameBytes + sockaddrIn6.at.sin6_addr);
  }
}

/** Writes the head of a control message, and returns the index of the next control message. */
function endOfHead(words: Int32Array, at: number, dataBytes: number, level: number, type: number): number {
  words[at] = cmsghdr.sizeBytes + dataBytes;
  words[at + 1] = 0; // The upper half of the length.
  words[at + cmsghdr.at.cmsg_level / 4] = level;
  words[at + cmsghdr.at.cmsg_type / 4] = type;
  return at + controlSpace(dataBytes) / 4;
}
