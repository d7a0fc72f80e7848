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

/** A place for a payload, and its address in two halves. */
interface PayloadPlace {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView<ArrayBuffer>;
  readonly low: number;
  readonly high: number;
}

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
  /** The payload of each message, at the place where it is now. */
  readonly payloads: Uint8Array<ArrayBuffer>[];
  /** The same. */
  readonly payloadViews: DataView<ArrayBuffer>[];
  readonly names: Uint8Array<ArrayBuffer>;
  readonly control: Region;
  /** The control messages as words of 32 bits. */
  readonly controlWords: Int32Array;
  readonly #headerWords: Uint32Array;
  readonly #pieceWords: Uint32Array;
  readonly #rest: Uint8Array<ArrayBuffer>[];
  /** Of each message, all places, and the number of the present one. */
  readonly #places: readonly PayloadPlace[][];
  readonly #placeNumbers: Uint16Array;

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
    const stride = alignUp(maxBytes, 64);
    const payload = arena.allocate(capacity * places * stride, 64);
    const { buffer } = payload.bytes, start = payload.bytes.byteOffset;
    this.#placeNumbers = new Uint16Array(capacity);
    this.#places = Array.from({ length: capacity }, (_, i) =>
      Array.from({ length: places }, (_, k) => {
        // Those of a round lie side by side.
        const at = (k * capacity + i) * stride, address = payload.address + BigInt(at);
        return {
          bytes: new Uint8Array(buffer, start + at, maxBytes),
          view: new DataView(buffer, start + at, maxBytes),
          low: Number(address & 0xffff_ffffn),
          high: Number(address >> 32n),
        };
      }));
    this.payloads = this.#places.map(([{ bytes }]) => bytes);
    this.payloadViews = this.#places.map(([{ view }]) => view);
    this.names = names.bytes;
    this.control = control;
    this.controlWords = new Int32Array(control.bytes.buffer, control.bytes.byteOffset, control.bytes.length / 4);
    this.#headerWords = new Uint32Array(headers.bytes.buffer, headers.bytes.byteOffset, headers.bytes.length / 4);
    this.#pieceWords = new Uint32Array(pieces.bytes.buffer, pieces.bytes.byteOffset, pieces.bytes.length / 4);
    this.#rest = this.payloads.map((_, i) => headers.bytes.subarray(i * mmsghdr.sizeBytes));
    for (let i = 0; i < capacity; i++) {
      const pointTo = (region: Region, field: number, to: bigint) => region.view.setBigUint64(field, to, true);
      const header = i * mmsghdr.sizeBytes, piece = i * iovec.sizeBytes;
      pointTo(headers, header + msghdr.at.msg_name, names.address + BigInt(i * this.nameBytes));
      pointTo(headers, header + msghdr.at.msg_iov, pieces.address + BigInt(piece));
      pointTo(headers, header + msghdr.at.msg_iovlen, 1n);
      pointTo(headers, header + msghdr.at.msg_control, control.address + BigInt(i * controlBytes));
      this.#setBase(i, this.#places[i][0]);
      this.setPayloadLength(i, maxBytes);
    }
  }

  /** Moves the payload of a message on to its next place; after the last one comes the first. */
  turn(i: number): void {
    const places = this.#places[i];
    const number = this.#placeNumbers[i] + 1, next = number === places.length ? 0 : number;
    this.#placeNumbers[i] = next;
    const place = places[next];
    this.payloads[i] = place.bytes;
    this.payloadViews[i] = place.view;
    this.#setBase(i, place);
  }

  #setBase(i: number, { low, high }: PayloadPlace): void {
    this.#pieceWords[i * PIECE_WORDS + PIECE_BASE] = low;
    this.#pieceWords[i * PIECE_WORDS + PIECE_BASE + 1] = high;
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

  /** What the kernel noted: MSG_TRUNC, MSG_CTRUNC. */
  flags(i: number): number {
    return this.#headerWords[i * HEADER_WORDS + FLAGS];
  }

  /** How many bytes the kernel sent or received. */
  messageLength(i: number): number {
    return this.#headerWords[i * HEADER_WORDS + LENGTH];
  }
}
