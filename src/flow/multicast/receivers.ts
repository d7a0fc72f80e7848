import type { SockAddr } from "../../sys/address.ts";
import type { ReceivedFromSender, ReceiverReport } from "../report.ts";
import { limitedDistance } from "../packet/header.ts";
import type { Reception } from "./group_packets.ts";

/** The maximum number of receivers that a sender follows; further ones are only counted. */
const MAX_RECEIVERS = 1024;

/** A report that came. */
export interface ArrivedReport {
  readonly from: SockAddr;
  readonly sender: number;
  readonly number: number;
  readonly reception: Reception;
  /** When the receiver sent it, by its clock, and when it came; in the time of the sender. */
  readonly sent: number;
  readonly received: number;
}

/** The receivers of a flow, as its sender knows them from their reports. */
export class Receivers {
  readonly #measured: number;
  /** By what they call themselves, or by their addresses where they do not. */
  readonly #known = new Map<string, Receiver>();
  /** Receivers that had no room here. */
  readonly #others = new Set<string>();

  /** @param measured how many senders there are reports about */
  constructor(measured: number) {
    this.#measured = measured;
  }

  /** The number of receivers. */
  get size(): number {
    return this.#known.size;
  }

  /** The number of receivers beyond those that are followed; at most as many again are counted. */
  get unlisted(): number {
    return this.#others.size;
  }

  /** Whether all of them have reported for the last time. */
  get complete(): boolean {
    for (const receiver of this.#known.values()) if (!receiver.complete) return false;
    return true;
  }

  /**
   * Takes a report.
   *
   * @returns false for a report that came before and was sent again from another address
   */
  add(report: ArrivedReport): boolean {
    if (report.sender >= this.#measured) return true;
    const name = report.reception.receiver ?? report.from.toString();
    let receiver = this.#known.get(name);
    if (receiver === undefined) {
      if (this.#known.size >= MAX_RECEIVERS) {
        if (this.#others.size < MAX_RECEIVERS) this.#others.add(name);
        return true;
      }
      this.#known.set(name, receiver = new Receiver(this.#measured));
    }
    return receiver.add(report);
  }

  /** What they have reported. */
  get reports(): readonly ReceiverReport[] {
    return Array.from(this.#known.values(), (receiver) => receiver.report);
  }
}

class Receiver {
  readonly #senders: ({ readonly number: number; readonly reception: Reception } | undefined)[];
  /** Where its newest report came from. */
  #address = "";
  /** The highest number of a report. */
  #highest = -1;
  /** How far its clock is ahead at least, in nanoseconds: no report arrives before it was sent. */
  #least = -Infinity;

  constructor(measured: number) {
    this.#senders = Array.from({ length: measured });
  }

  get complete(): boolean {
    return this.#senders.every((sender) => sender?.reception.final);
  }

  add({ from, sender, number, reception, sent, received }: ArrivedReport): boolean {
    const address = from.toString();
    if (number > this.#highest) [this.#highest, this.#address] = [number, address];
    else if (address !== this.#address) return false;
    this.#least = Math.max(this.#least, limitedDistance(sent - received));
    // Reports may overtake each other.
    if (number > (this.#senders[sender]?.number ?? 0)) this.#senders[sender] = { number, reception };
    return true;
  }

  get report(): ReceiverReport {
    const known = this.#senders.flatMap((sender) => sender?.reception ?? []);
    const sharesClock = known.some(({ sharesClock }) => sharesClock);
    const most = Math.min(...known.map(({ arrivals }) => arrivals?.delay.min ?? Infinity));
    const clock = sharesClock ? { least: 0, most: 0 } : most === Infinity ? undefined : { least: this.#least, most };
    return {
      address: this.#address,
      complete: this.complete,
      senders: this.#senders.map((sender): ReceivedFromSender | undefined => {
        if (sender === undefined) return undefined;
        const { expected, received, duplicates, socketDrops, marked, arrivals } = sender.reception;
        return {
          expected,
          received,
          duplicates,
          socketDrops,
          ...marked !== undefined && { congestionMarks: marked },
          ...arrivals && { arrivals },
          ...clock && { clock },
        };
      }),
    };
  }
}
