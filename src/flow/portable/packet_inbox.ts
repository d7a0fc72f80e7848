import type { SocketAddress } from "../../sys/address.ts";
import type { Inbox } from "../packet/packet_port.ts";

/** A packet that has come. */
export interface ReceivedPacket {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly source: SocketAddress;
}

/** Packets in the memory of this program, of which no kernel told when they came, with which TOS, and what it dropped. */
export class PacketInbox implements Inbox {
  readonly capacity: number;
  readonly #waiting: ReceivedPacket[] = [];
  #current: ReceivedPacket[] = [];
  readonly #throwError: () => void;
  #onRoom = () => {};

  /**
   * @param capacity how many are received at once
   * @param throwError throws what came back for packets that were sent, once
   */
  constructor(capacity: number, throwError: () => void = () => {}) {
    this.capacity = capacity;
    this.#throwError = throwError;
  }

  /** How many packets wait. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Lets a packet wait. */
  put(packet: ReceivedPacket): void {
    this.#waiting.push(packet);
  }

  /** Resolves when packets were taken, or at {@linkcode PacketInbox.wake}. */
  room(): Promise<void> {
    return new Promise((resolve) => this.#onRoom = resolve);
  }

  /** Ends the wait for room. */
  wake(): void {
    this.#onRoom();
  }

  receive(): number {
    this.#throwError();
    this.#current = this.#waiting.splice(0, this.capacity);
    this.wake();
    return this.#current.length;
  }

  bytes(i: number): Uint8Array<ArrayBuffer> {
    return this.#current[i].bytes;
  }

  view(i: number): DataView<ArrayBuffer> {
    const { buffer, byteOffset, byteLength } = this.#current[i].bytes;
    return new DataView(buffer, byteOffset, byteLength);
  }

  length(i: number): number {
    return this.#current[i].bytes.length;
  }

  segmentBytes(): number {
    return 0;
  }

  arrival(): number {
    return NaN;
  }

  trafficClass(): number {
    return 0;
  }

  drops(): number {
    return 0;
  }

  source(i: number): SocketAddress {
    return this.#current[i].source;
  }

  isFrom(i: number, address: SocketAddress): boolean {
    return this.#current[i].source.equals(address);
  }

  sourcePort(i: number): number {
    return this.#current[i].source.port;
  }
}
