import { SocketAddress } from "../../sys/address.ts";
import { READABLE, WRITABLE } from "../../sys/poller.ts";
import { SystemError } from "../../sys/system_error.ts";
import { MAX_PACKET_BYTES } from "../packet/header.ts";
import type { FlowClock, Outbox, PacketPort } from "../packet/packet_port.ts";
import { networkError } from "./network_error.ts";
import { nowNanos, wallNanos } from "./now.ts";
import type { PacketHost } from "./packet_host.ts";
import { PacketInbox } from "./packet_inbox.ts";
import { type PacketExit, PacketOutbox } from "./packet_outbox.ts";

const BATCH = 64;
/** More packets than this wait in the system. */
const MAX_WAITING = 256;
/** Packets that were handed to the system, which has not said yet what became of them. */
const MAX_SENDING = 256;
/** Of them, so many places are for packets that open and close flows, which must not wait behind others for long. */
const RESERVED = 32;

/** The numbers of errors on Linux, under the names that Deno gives them everywhere. */
const errnos: Readonly<Record<string, number>> = {
  EPERM: 1,
  EACCES: 13,
  EINVAL: 22,
  EMSGSIZE: 90,
  EADDRNOTAVAIL: 99,
  ENETDOWN: 100,
  ENETUNREACH: 101,
  ENOBUFS: 105,
  ECONNREFUSED: 111,
  EHOSTUNREACH: 113,
};

/** A datagram socket of Deno's own network API. It tells neither times of arrival, nor TOS, nor what it dropped. */
export class DatagramPort implements PacketPort, PacketExit {
  readonly clock: FlowClock = new LoopClock();
  readonly local: SocketAddress;
  readonly longest = MAX_PACKET_BYTES;
  readonly inbox = new PacketInbox(BATCH, () => this.throwError());
  interest = READABLE;
  /** The address that it sends to, and receives from alone. */
  readonly peer: SocketAddress | undefined;
  readonly #socket: Deno.DatagramConn;
  readonly #host: PacketHost;
  #handler = () => {};
  #closed = false;
  #sending = 0;
  #error: unknown;
  #roomTimer: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param maxBytes the longest packet to receive
   * @param peer the only one to talk with; left out: all
   */
  constructor(socket: Deno.DatagramConn, host: PacketHost, maxBytes: number, peer?: SocketAddress) {
    this.#socket = socket;
    this.#host = host;
    this.peer = peer?.unmapped();
    this.local = addressOf(socket.addr as Deno.NetAddr);
    void this.#receiveAll(maxBytes);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** How many packets it takes to send for now. */
  get room(): number {
    return MAX_SENDING - this.#sending;
  }

  watch(handler: () => void): void {
    this.#handler = handler;
  }

  outbox(capacity: number, maxBytes: number): Outbox {
    // An outbox for one packet at a time is for those that open and close flows.
    return new PacketOutbox(this, capacity, maxBytes, capacity === 1 ? 0 : RESERVED);
  }

  mergeReceived(): void {
    // The API gives packets one by one.
  }

  /** Sends a packet. Errors come later. */
  send(bytes: Uint8Array<ArrayBuffer>, to: SocketAddress): void {
    this.#sending++;
    this.#socket.send(bytes, { transport: "udp", hostname: to.host, port: to.port }).catch((error) => {
      if (!this.#closed) this.#error ??= error;
    }).finally(() => {
      this.#sending--;
      // Not for each place that gets free, and what comes in has its turn too.
      const wanted = (this.interest & WRITABLE) !== 0 && !this.#closed;
      if (wanted && this.#sending <= MAX_SENDING / 2) this.#roomTimer ??= setTimeout(() => this.#onRoom(), 0);
    });
  }

  /** Throws what came back for a packet, once. */
  throwError(): void {
    const error = this.#error;
    if (error === undefined) return;
    this.#error = undefined;
    const errno = errnos[(error as { code?: string }).code ?? ""];
    throw errno === undefined ? networkError(error, "send") : new SystemError("send", errno);
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#roomTimer);
    this.#socket.close();
    this.inbox.wake();
  }

  async #receiveAll(maxBytes: number): Promise<void> {
    // One more, so that packets that are too long are known.
    const room = new Uint8Array(maxBytes + 1);
    try {
      for (;;) {
        const [bytes, from] = await this.#socket.receive(room);
        const source = addressOf(from as Deno.NetAddr);
        if (this.peer === undefined || source.equals(this.peer)) {
          this.inbox.put({ bytes: bytes.length > maxBytes ? new Uint8Array() : bytes.slice(), source });
        }
        if (this.interest & READABLE) this.#call();
        while (this.inbox.waiting >= MAX_WAITING && !this.#closed) await this.inbox.room();
      }
    } catch (error) {
      // A closed socket has nothing more to say.
      if (!this.#closed) this.#host.fail(networkError(error, `receive at ${this.local}`));
    }
  }

  #onRoom(): void {
    this.#roomTimer = undefined;
    if (this.interest & WRITABLE) this.#call();
  }

  #call(): void {
    if (!this.#closed) this.#host.try(this.#handler);
  }
}

/** The main thread's clock, which no setting of the wall clock reaches. */
class LoopClock implements FlowClock {
  readonly tinit = wallNanos();
  readonly #start = Math.round(nowNanos());

  now(): number {
    return Math.round(nowNanos()) - this.#start;
  }

  checkWallClock(): number {
    return 0;
  }
}

function addressOf({ hostname, port }: Deno.NetAddr): SocketAddress {
  return SocketAddress.of(hostname, port).unmapped();
}
