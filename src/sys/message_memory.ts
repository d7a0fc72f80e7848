import { MAX_ADDRESS_BYTES } from "./address.ts";
import type { Arena, Region } from "./arena.ts";
import { alignUp, iovec, mmsghdr, msghdr } from "./layouts.ts";

/** How large the parts of the messages of a batch are. */
export interface MessageSizes {
  /** How many messages. */
  readonly capacity: number;
  /** The longest payload, in bytes. */
  readonly maxBytes: number;
  /** Room for the control messages of each, in bytes; a multiple of 8. */
  readonly controlBytes: number;
  /** How many places the payload of each message has, of which it is at one at a time; 1 if left out. */
  readonly places?: number;
}

/** Places in a message header, in units of 32 bits; lengths are below 4 GiB, so that their upper halves stay zero. */
const HEADER_WORDS = mmsghdr.sizeBytes / 4;
const NAME_LENGTH = msghdr.at.msg_namelen / 4;
const CONTROL_LENGTH = msghdr.at.msg_controllen / 4;
const FLAGS = msghdr.at.msg_flags / 4;
const LENGTH = mmsghdr.at.msg_len / 4;
const PIECE_WORDS = iovec.sizeBytes / 4;
const PIECE_LENGTH = iovec.at.iov_len / 4;
const PIECE_BASE = iovec.at.iov_base / 4;

const MAX_BATCH = 1024; // UIO_MAXIOV: sendmmsg takes no more.
const MAX_PAYLOAD_BYTES = 65_536;

/**
 * The memory of a batch of messages in the layout of sendmmsg(2) and recvmmsg(2): headers that point to names, payloads and
 * control messages, all of it in one arena.
 */
export class MessageMemory {
  readonly capacity: number;
  readonly maxBytes: number;
  /** The room for the name of each message, in bytes. */
  readonly nameBytes = alignUp(MAX_ADDRESS_BYTES, 8);
  readonly controlBytes: number;
  /** All payloads, see {@linkcode MessageMemory.place}. */
  readonly payload: Region;
  /** The distance from the place of a message to that of the next one, in bytes. */
  readonly stride: number;
  readonly names: Uint8Array<ArrayBuffer>;
  readonly control: Region;
  /** The control messages as words of 32 bits. */
  readonly controlWords: Int32Array;
  readonly #headerWords: Uint32Array;
  readonly #pieceWords: Uint32Array;
  readonly #rest: Uint8Array<ArrayBuffer>[];
  /** Where the payload of each message starts now. */
  readonly #places: Uint32Array;
  /** The address of all payloads, in two halves. */
  readonly #low: number;
  readonly #high: number;

  /** @param arena gives the memory, and frees it when it is disposed */
  constructor(readonly arena: Arena, { capacity, maxBytes, controlBytes, places = 1 }: MessageSizes) {
    if (!Number.isInteger(capacity) || capacity < 1 || capacity > MAX_BATCH) {
      throw new RangeError(`a batch of ${capacity} messages: 1 to ${MAX_BATCH} are possible`);
    }
    if (!Number.isInteger(maxBytes) || maxBytes < 1 || maxBytes > MAX_PAYLOAD_BYTES) {
      throw new RangeError(`messages of ${maxBytes} bytes: 1 to ${MAX_PAYLOAD_BYTES} are possible`);
    }
    this.capacity = capacity;
    this.maxBytes = maxBytes;
    this.controlBytes = controlBytes;
    const headers = arena.allocate(capacity * mmsghdr.sizeBytes, 64);
    const pieces = arena.allocate(capacity * iovec.sizeBytes, 64);
    const names = arena.allocate(capacity * this.nameBytes, 64);
    const control = arena.allocate(capacity * controlBytes, 64);
    this.stride = alignUp(maxBytes, 64);
    this.payload = arena.allocate(capacity * places * this.stride, 64);
    this.#low = Number(this.payload.address & 0xffff_ffffn);
    this.#high = Number(this.payload.address >> 32n);
    this.#places = Uint32Array.from({ length: capacity }, (_, i) => i * this.stride);
    this.names = names.bytes;
    this.control = control;
    this.controlWords = new Int32Array(control.bytes.buffer, control.bytes.byteOffset, control.bytes.length / 4);
    this.#headerWords = new Uint32Array(headers.bytes.buffer, headers.bytes.byteOffset, headers.bytes.length / 4);
    this.#pieceWords = new Uint32Array(pieces.bytes.buffer, pieces.bytes.byteOffset, pieces.bytes.length / 4);
    this.#rest = Array.from(this.#places, (_, i) => headers.bytes.subarray(i * mmsghdr.sizeBytes));
    for (let i = 0; i < capacity; i++) {
      const pointTo = (region: Region, field: number, to: bigint) => region.view.setBigUint64(field, to, true);
      const header = i * mmsghdr.sizeBytes, piece = i * iovec.sizeBytes;
      pointTo(headers, header + msghdr.at.msg_name, names.address + BigInt(i * this.nameBytes));
      pointTo(headers, header + msghdr.at.msg_iov, pieces.address + BigInt(piece));
      pointTo(headers, header + msghdr.at.msg_iovlen, 1n);
      pointTo(headers, header + msghdr.at.msg_control, control.address + BigInt(i * controlBytes));
      this.#setBase(i);
      this.setPayloadLength(i, maxBytes);
    }
  }

  /** Where the payload of a message starts now. */
  place(i: number): number {
    return this.#places[i];
  }

  /**
   * Finds the messages, from one on, whose payloads fill their places and lie side by side.
   *
   * @param to the message at which to end at the latest
   * @returns the one behind the last of them, whose payload may be shorter
   */
  endOfRow(from: number, to: number): number {
    const places = this.#places, pieces = this.#pieceWords, { stride, maxBytes } = this;
    let end = from + 1, next = places[from] + stride;
    while (end < to && places[end] === next && pieces[(end - 1) * PIECE_WORDS + PIECE_LENGTH] === maxBytes) {
      end++;
      next += stride;
    }
    return end;
  }

  /**
   * Moves the payloads of the messages [from, to) on to their next places; after the last one comes the first. Those of
   * messages that were moved on as often lie side by side.
   */
  turn(from: number, to: number): void {
    const { stride } = this, places = this.#places, round = this.capacity * stride, end = this.payload.bytes.length;
    for (let i = from; i < to; i++) {
      const next = places[i] + round;
      places[i] = next < end ? next : i * stride;
      this.#setBase(i);
    }
  }

  #setBase(i: number): void {
    const low = this.#low + this.#places[i], at = i * PIECE_WORDS + PIECE_BASE;
    this.#pieceWords[at] = low;
    this.#pieceWords[at + 1] = low < 2 ** 32 ? this.#high : this.#high + 1;
  }

  /** The headers from that of a message on. */
  headersFrom(i: number): Uint8Array<ArrayBuffer> {
    return this.#rest[i];
  }

  /** How much of the payload is sent, or may be received, in bytes. */
  setPayloadLength(i: number, bytes: number): void {
    this.#pieceWords[i * PIECE_WORDS + PIECE_LENGTH] = bytes;
  }

  /** How much of the payload is sent, or may be received, in bytes. */
  payloadLength(i: number): number {
    return this.#pieceWords[i * PIECE_WORDS + PIECE_LENGTH];
  }

  setNameLength(i: number, bytes: number): void {
    this.#headerWords[i * HEADER_WORDS + NAME_LENGTH] = bytes;
  }

  nameLength(i: number): number {
    return this.#headerWords[i * HEADER_WORDS + NAME_LENGTH];
  }

  setControlLength(i: number, bytes: number): void {
    this.#headerWords[i * HEADER_WORDS + CONTROL_LENGTH] = bytes;
  }

  controlLength(i: number): number {
    return this.#headerWords[i * HEADER_WORDS + CONTROL_LENGTH];
  }

  /** What the kernel noted: flags such as MSG_TRUNC. */
  flags(i: number): number {
    return this.#headerWords[i * HEADER_WORDS + FLAGS];
  }

  /** How many bytes the kernel sent or received. */
  messageLength(i: number): number {
    return this.#headerWords[i * HEADER_WORDS + LENGTH];
  }
}
