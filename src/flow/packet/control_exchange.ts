/**
 * How packets that open and close are exchanged, see `control_packet.ts`: how they are sent, how often and how long.
 *
 * @module
 */
import { SystemError } from "../../sys/errno.ts";
import { MAX_CONTROL_BYTES } from "./control_packet.ts";
import type { IncomingPackets, OutgoingPackets, PacketPort } from "./packet_port.ts";

/** The time without a packet after which a client sends a keepalive, in nanoseconds. */
export const KEEPALIVE_NANOS = 1e9;
/** The same for a client that receives: a server has to notice soon that its packets are not wanted any more. */
export const REVERSE_KEEPALIVE_NANOS = 250e6;

/**
 * The time without a packet of a client after which a server stops sending to it, in nanoseconds. Where there is no
 * room for other flows, that flow is removed. Half of all packets may be lost on the way, and a client may stand still
 * for seconds.
 */
export const SILENCE_NANOS = 10e9;
/** The time without a packet of a client after which a flow is over, in nanoseconds. */
export const LOST_NANOS = 30e9;

/**
 * Sends packets that open and close, one by one. A packet without room in the socket is lost like others: they are all
 * sent again if no answer comes.
 */
export class ControlSender {
  readonly #outgoing: OutgoingPackets;

  constructor(port: PacketPort) {
    this.#outgoing = port.outgoing(1, MAX_CONTROL_BYTES);
  }

  /** @throws {SystemError} also for an ICMP error about an earlier packet */
  send(packet: Uint8Array): void {
    this.#outgoing.bytes.set(packet, this.#outgoing.place(0));
    this.#outgoing.setLength(0, packet.length);
    this.#outgoing.send(0, 1);
  }

  /**
   * Answers a received packet. Whether the answer can be sent is the client's concern alone.
   *
   * @param ecn its ECN code point, 0 to 3
   */
  answer(packet: Uint8Array, incoming: IncomingPackets, j: number, ecn: number): void {
    this.#outgoing.reply(0, incoming, j, ecn);
    try {
      this.send(packet);
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
    }
  }
}

/** The time that all attempts may take together, in nanoseconds. */
const PATIENCE_NANOS = 15e9;
/** The longest pause, in nanoseconds. */
const MAX_NANOS = 8e9;

/**
 * Paces attempts at an exchange: each pause is twice as long as the one before it (RFC 8085, 3.1.1), up to 8 s. A short
 * path that loses packets is asked again soon, and a path with a long queue has the time to answer.
 *
 * @example
 * ```ts
 * import { Retries } from "./control_exchange.ts";
 * const retries = new Retries(4e9);
 * console.assert(retries.next() === 4e9 && retries.next() === 8e9 && retries.next() === 8e9);
 * console.assert(retries.next() === undefined && retries.nanos === 20e9);
 * ```
 */
export class Retries {
  #pause: number;
  /** The sum of all pauses so far, in nanoseconds. */
  nanos = 0;

  /** @param firstNanos the first pause, in nanoseconds; above 0 */
  constructor(firstNanos: number) {
    this.#pause = Math.min(MAX_NANOS, firstNanos);
  }

  /**
   * Starts an attempt.
   *
   * @returns how long to wait for its answer, in nanoseconds; undefined: there were enough attempts
   */
  next(): number | undefined {
    if (this.nanos >= PATIENCE_NANOS) return undefined;
    const pause = this.#pause;
    this.nanos += pause;
    this.#pause = Math.min(MAX_NANOS, 2 * pause);
    return pause;
  }
}
