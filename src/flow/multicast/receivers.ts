import type { SockAddr } from "../../sys/address.ts";
import type { ReceivedFromSender, ReceiverReport } from "../report.ts";
import { limitedDistance } from "../packet/header.ts";
import type { Reception } from "./group_packets.ts";

/** Receivers that a sender follows; those beyond are counted alone. */
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
  readonly #byAddress = new Map<string, Receiver>();
  /** Receivers that had no room here. */
  readonly #others = new Set<string>();

  /** @param measured how many senders there are reports about */
  constructor(measured: number) {
    this.#measured = measured;
  }

  /** How many there are. */
  get size(): number {
    return this.#byAddress.size;
  }

  /** How many are not followed, for there are too many; at most as many are counted. */
  get unlisted(): number {
    return this.#others.size;
  }

  /** Whether all of them have reported for the last time. */
  get complete(): boolean {
    for (const receiver of this.#byAddress.values()) if (!receiver.complete) return false;
    return true;
  }

  /** Takes a report. */
  add(report: ArrivedReport): void {
    if (report.sender >= this.#measured) return;
    const address = report.from.toString();
    let receiver = this.#byAddress.get(address);
    if (receiver === undefined) {
      if (this.#byAddress.size >= MAX_RECEIVERS) {
        if (this.#others.size < MAX_RECEIVERS) this.#others.add(address);
        return;
      }
      this.#byAddress.set(address, receiver = new Receiver(address, this.#measured));
    }
    receiver.add(report);
  }

  /** What they have reported. */
  get reports(): readonly ReceiverReport[] {
    return Array.from(this.#byAddress.values(), (receiver) => receiver.report);
  }
}

class Receiver {
  readonly #senders: ({ readonly number: number; readonly reception: Reception } | undefined)[];
  /** How far its clock is ahead at least, in nanoseconds: no report arrives before it was sent. */
  #least = -Infinity;

  constructor(readonly address: string, measured: number) {
    this.#senders = Array.from({ length: measured });
  }

  get complete(): boolean {
    return this.#senders.every((sender) => sender?.reception.final);
  }

  add({ sender, number, reception, sent, received }: ArrivedReport): void {
    this.#least = Math.max(this.#least, limitedDistance(sent - received));
    // Reports may overtake each other.
    if (number > (this.#senders[sender]?.number ?? 0)) this.#senders[sender] = { number, reception };
  }

  get report(): ReceiverReport {
    const known = this.#senders.flatMap((sender) => sender?.reception ?? []);
    const sharesClock = known.some(({ sharesClock }) => sharesClock);
    const most = Math.min(...known.map(({ arrivals }) => arrivals?.delay.min ?? Infinity));
    const clock = sharesClock ? { least: 0, most: 0 } : most === Infinity ? undefined : { least: this.#least, most };
    return {
      address: this.address,
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
