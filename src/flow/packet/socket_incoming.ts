import type { SockAddr } from "../../sys/address.ts";
import type { Arena } from "../../sys/arena.ts";
import { sockaddrIn } from "../../sys/layouts.ts";
import { ReceiveBatch } from "../../sys/receive_batch.ts";
import type { Socket } from "../../sys/socket.ts";
import { type IncomingPackets, MAX_HOPS } from "./packet_port.ts";
import type { WallClock } from "./wall_clock.ts";

const SOURCE_PORT = sockaddrIn.at.sin_port; // It is at the same place in IPv6 addresses.

/** What a raw socket receives, in the memory of an arena. */
export class SocketIncoming implements IncomingPackets {
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

  hopLimit(i: number): number {
    const hops = this.#batch.hopLimit(i);
    return hops < 0 ? MAX_HOPS : hops;
  }

  drops(i: number): number {
    return this.#batch.drops(i);
  }

  source(i: number): SockAddr {
    return this.#batch.source(i);
  }

  isFrom(i: number, address: SockAddr): boolean {
    return this.#batch.isFrom(i, address);
  }

  sourcePort(i: number): number {
    const { names, nameBytes } = this.#batch.memory;
    const at = i * nameBytes + SOURCE_PORT;
    return names[at] << 8 | names[at + 1];
  }
}
