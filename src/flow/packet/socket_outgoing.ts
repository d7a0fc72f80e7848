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

/** The maximum number of places of each message with payloads that differ. */
const MAX_PLACES = 64;
/** As much of what was sent is made anew at a time: a call for each batch would cost more than its bytes. */
const RENEWED_BYTES = 32_768;

/** What a raw socket sends, in an arena of its own. */
export class SocketOutgoing implements OutgoingPackets {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly view: DataView<ArrayBuffer>;
  readonly #arena = new Arena();
  readonly #batch: SendBatch;
  readonly #socket: Socket;
  readonly #oversize: PortOversize;
  #fragment: Fragment;
  readonly #onDispose: () => void;
  readonly #payload: PacketPayload | undefined;
  /** How many of the places of each message have a payload. */
  readonly #filled: Uint16Array;
  /** How many of all places have none yet. */
  #unfilled: number;
  readonly #places: number;
  /** What was sent last, side by side, and is to be made anew before its turn comes again: from here to there. */
  #staleFrom = 0;
  #staleTo = 0;
  readonly #renewedBytes: number;

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
    this.bytes = this.#batch.bytes;
    this.view = this.#batch.view;
    this.#renewedBytes = Math.min(RENEWED_BYTES, this.bytes.length / 4);
    this.#filled = new Uint16Array(capacity);
    this.#unfilled = capacity * this.#places;
    if (payload === undefined || payload.inOrder) return;
    this.#fill(0, capacity, payload);
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
    if (sent > 0 && this.#places > 1) this.#turn(from, from + sent, payload!);
    return sent;
  }

  /** Prepares what was sent for the next time, while there is time: not between a packet's time and its sending. */
  #turn(from: number, to: number, payload: PacketPayload): void {
    const batch = this.#batch;
    for (let first = from, end = from; first < to; first = end) {
      end = batch.endOfRow(first, to);
      this.#renew(batch.place(first), batch.place(end - 1) + batch.length(end - 1), payload);
    }
    batch.turn(from, to);
    if (this.#unfilled > 0) this.#fill(from, to, payload);
  }

  #fill(from: number, to: number, payload: PacketPayload): void {
    for (let i = from; i < to; i++) {
      if (this.#filled[i] === this.#places) continue;
      payload.fill(this.#batch.payload(i));
      this.#filled[i]++;
      this.#unfilled--;
    }
  }

  /** Fills memory that was sent with new payload; adjacent parts wait for each other. */
  #renew(start: number, end: number, payload: PacketPayload): void {
    const isNext = this.#staleFrom < this.#staleTo && start >= this.#staleTo &&
      start - this.#staleTo < this.#batch.stride;
    if (!isNext) {
      this.#renewStale(payload);
      this.#staleFrom = start;
    }
    this.#staleTo = end;
    if (end - this.#staleFrom >= this.#renewedBytes) this.#renewStale(payload);
  }

  #renewStale(payload: PacketPayload): void {
    if (this.#staleFrom < this.#staleTo) payload.renew(this.bytes.subarray(this.#staleFrom, this.#staleTo));
    this.#staleFrom = this.#staleTo;
  }

  [Symbol.dispose](): void {
    this.#onDispose();
    this.#arena[Symbol.dispose]();
  }
}
