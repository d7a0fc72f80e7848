import type { SocketAddress } from "../../sys/address.ts";
import type { Inbox, Outbox } from "../packet/packet_port.ts";

/** Where the packets of an outbox go. */
export interface PacketExit {
  /** The address that it sends to; undefined: what packets reply to. */
  readonly peer?: SocketAddress;
  /** How many packets it takes for now. */
  readonly room: number;
  /** Throws what came back for packets that were sent, once. */
  throwError?(): void;
  /** Takes a packet. */
  send(bytes: Uint8Array<ArrayBuffer>, to: SocketAddress): void;
}

/** Packets in the memory of this program that leave one by one. */
export class PacketOutbox implements Outbox {
  readonly capacity: number;
  readonly #exit: PacketExit;
  readonly #reserved: number;
  readonly #payloads: Uint8Array<ArrayBuffer>[];
  readonly #lengths: number[];
  readonly #targets: (SocketAddress | undefined)[];

  /**
   * @param maxBytes the longest packet
   * @param reserved so much room it leaves to others
   */
  constructor(exit: PacketExit, capacity: number, maxBytes: number, reserved = 0) {
    this.#exit = exit;
    this.capacity = capacity;
    this.#reserved = reserved;
    this.#payloads = Array.from({ length: capacity }, () => new Uint8Array(maxBytes));
    this.#lengths = Array(capacity).fill(maxBytes);
    this.#targets = Array(capacity).fill(exit.peer);
  }

  bytes(i: number): Uint8Array<ArrayBuffer> {
    return this.#payloads[i];
  }

  view(i: number): DataView<ArrayBuffer> {
    return new DataView(this.#payloads[i].buffer);
  }

  setLength(i: number, bytes: number): void {
    this.#lengths[i] = bytes;
  }

  setSegmentBytes(): void {
    // Bursts are refused before a flow starts.
  }

  reply(i: number, inbox: Inbox, j: number): void {
    this.#targets[i] = inbox.source(j);
  }

  send(from: number, count: number): number {
    this.#exit.throwError?.();
    let sent = 0;
    for (; sent < count && this.#exit.room > this.#reserved; sent++) {
      const i = from + sent, to = this.#targets[i];
      if (to === undefined) throw new Error("a packet without a destination");
      this.#exit.send(this.#payloads[i].slice(0, this.#lengths[i]), to);
    }
    return sent === 0 ? -1 : sent;
  }

  [Symbol.dispose](): void {
    this.#payloads.length = 0;
  }
}
