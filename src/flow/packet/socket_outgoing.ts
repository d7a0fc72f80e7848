import { Arena } from "../../sys/arena.ts";
import { type Fragment, OVERSIZE, setOversize } from "../../sys/ip_options.ts";
import { SendBatch } from "../../sys/send_batch.ts";
import type { Socket } from "../../sys/socket.ts";
import type { PacketPayload } from "../payload.ts";
import type { IncomingPackets, OutgoingPackets } from "./packet_port.ts";
import type { SocketIncoming } from "./socket_incoming.ts";

/** What a socket does with packets that are too long; the flows of a server share one, and may differ. */
export class PortOversize {
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

/** What a raw socket sends, in an arena of its own. */
export class SocketOutgoing implements OutgoingPackets {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView<ArrayBuffer>;
  readonly #arena = new Arena();
  readonly #batch: SendBatch;
  readonly #maxBytes: number;
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
    this.#maxBytes = maxBytes;
    this.bytes = this.#batch.bytes;
    this.view = this.#batch.view;
    this.#filled = new Uint16Array(capacity);
    if (payload === undefined || payload.inOrder) return;
    for (let i = 0; i < capacity; i++) payload.fill(this.#batch.payload(i));
    this.#filled.fill(1);
  }

  get capacity(): number {
    return this.#batch.capacity;
  }

  place(i: number): number {
    return this.#batch.place(i);
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
    const batch = this.#batch, filled = this.#filled;
    batch.turn(from, to);
    for (let first = from, end = from; first < to; first = end) {
      do end++; while (end < to && this.#continues(end));
      const isFilled = filled[first] === this.#places;
      const lastBytes = isFilled ? batch.length(end - 1) : this.#maxBytes;
      const memory = this.bytes.subarray(batch.place(first), batch.place(end - 1) + lastBytes);
      if (isFilled) payload.renew(memory);
      else {
        payload.fill(memory);
        for (let i = first; i < end; i++) filled[i]++;
      }
    }
  }

  /** Whether the memory of a message goes on where the one before it ends, and has been filled as often. */
  #continues(i: number): boolean {
    const batch = this.#batch, filled = this.#filled;
    return batch.place(i) - batch.place(i - 1) === batch.stride && filled[i] === filled[i - 1] &&
      batch.length(i - 1) === this.#maxBytes;
  }

  [Symbol.dispose](): void {
    this.#onDispose();
    this.#arena[Symbol.dispose]();
  }
}
