import type { Hmac } from "../hmac.ts";
import { closePacket, isSealed, readTotals, type Totals } from "./control_packet.ts";
import type { FlowName } from "./flow_name.ts";
import { AT_SERVER_TIME, AT_TIME, numberOf, senderOf } from "./header.ts";
import type { FlowClock } from "./packet_port.ts";
import { limitedDistance, WireTime } from "./wire_time.ts";

/** So often the server is asked for its counts. */
const CLOSE_ATTEMPTS = 10;

/** How far a server's clock is ahead of this one, in nanoseconds: no packet arrives before it was sent. */
export interface ClockBounds {
  readonly least: number;
  readonly most: number;
}

/** Closes a flow, from the client's side: asks for the server's counts of each sender. */
export class ClientClosing {
  readonly #flow: FlowName;
  readonly #hmac: Hmac | undefined;
  readonly #clock: FlowClock;
  readonly #time: WireTime;
  readonly #totals: (Totals | undefined)[];
  #missing: number;
  /** When the packets of each attempt were sent. */
  readonly #sentAt: number[] = [];
  #least = -Infinity;
  #most = Infinity;

  /**
   * @param senders how many there are
   * @param hmac of the key of the flow
   */
  constructor(flow: FlowName, senders: number, hmac: Hmac | undefined, clock: FlowClock) {
    this.#clock = clock;
    this.#time = new WireTime(clock.tinit);
    this.#flow = flow;
    this.#hmac = hmac;
    this.#totals = Array.from({ length: senders });
    this.#missing = senders;
  }

  /** The server's counts by sender, those that came. */
  get totals(): readonly (Totals | undefined)[] {
    return this.#totals;
  }

  /** Whether all have come. */
  get complete(): boolean {
    return this.#missing === 0;
  }

  /** The packets to send now; none: they were sent often enough. */
  packets(): Uint8Array<ArrayBuffer>[] {
    if (this.#sentAt.length >= CLOSE_ATTEMPTS) return [];
    const t = this.#clock.now(), attempt = this.#sentAt.push(t);
    const [flow, hmac, time] = [this.#flow, this.#hmac, this.#time];
    return this.#totals.flatMap((totals, sender) =>
      totals === undefined ? [closePacket({ flow, sender, hmac, attempt, time, t })] : []
    );
  }

  /**
   * Takes a reply that closes.
   *
   * @param t when it was received
   * @returns whether it is one
   */
  receive(view: DataView, lengthBytes: number, t: number): boolean {
    const totals = readTotals(view, lengthBytes);
    const sender = senderOf(view, 0);
    if (totals === undefined || sender >= this.#totals.length || !isSealed(view, lengthBytes, this.#hmac)) return false;
    if (this.#totals[sender] === undefined) this.#missing--;
    this.#totals[sender] = totals;
    const sentAt = this.#sentAt[numberOf(view, 0) - 1];
    if (sentAt !== undefined) {
      this.#most = Math.min(this.#most, limitedDistance(this.#time.read(view, AT_TIME) - sentAt));
      this.#least = Math.max(this.#least, limitedDistance(this.#time.read(view, AT_SERVER_TIME) - t));
    }
    return true;
  }

  /** What the replies say of the server's clock; undefined unless one came. */
  get clock(): ClockBounds | undefined {
    return this.#most === Infinity ? undefined : { least: this.#least, most: this.#most };
  }
}
