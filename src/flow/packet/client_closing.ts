import type { Hmac } from "../hmac.ts";
import { closePacket, isSealed, readTotals, type Totals } from "./control_packet.ts";
import type { FlowName } from "./flow_name.ts";
import { senderOf } from "./header.ts";

/** So often the server is asked for its counts. */
const CLOSE_ATTEMPTS = 10;

/** Closes a flow, from the client's side: asks for the server's counts of each sender. */
export class ClientClosing {
  readonly #flow: FlowName;
  readonly #hmac: Hmac | undefined;
  readonly #totals: (Totals | undefined)[];
  #missing: number;
  #attempts = 0;

  /**
   * @param senders how many there are
   * @param hmac of the key of the flow
   */
  constructor(flow: FlowName, senders: number, hmac: Hmac | undefined) {
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
    if (++this.#attempts > CLOSE_ATTEMPTS) return [];
    return this.#totals.flatMap((totals, sender) =>
      totals === undefined ? [closePacket(this.#flow, sender, this.#hmac)] : []
    );
  }

  /**
   * Takes a reply that closes.
   *
   * @returns whether it is one
   */
  receive(view: DataView, lengthBytes: number): boolean {
    const totals = readTotals(view, lengthBytes);
    const sender = senderOf(view, 0);
    if (totals === undefined || sender >= this.#totals.length || !isSealed(view, lengthBytes, this.#hmac)) return false;
    if (this.#totals[sender] === undefined) this.#missing--;
    this.#totals[sender] = totals;
    return true;
  }
}
