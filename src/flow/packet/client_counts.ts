import type { PacketReport, PacketSenderReport, RttSummary } from "../report.ts";
import type { ClientClosing } from "./client_closing.ts";
import type { Arrivals, ClientReceiver, RttEstimator } from "./client_receiver.ts";
import type { Totals } from "./control_packet.ts";
import type { FlowClock, PacketPort } from "./packet_port.ts";
import type { PacketSender } from "./packet_sender.ts";
import { DropCounter } from "./arrivals.ts";

/** The numbers of packets that were sent and have not arrived: at the server, and here. */
export interface MissingPackets {
  readonly toServer: number;
  readonly fromServer: number;
}

/** What both ends have counted of a flow, from the client's side. */
export class ClientCounts {
  /** Of the client's socket. */
  readonly drops = new DropCounter();
  readonly rates: ReportedRates;
  readonly #senders: readonly PacketSender[];
  readonly #receiver: ClientReceiver;
  readonly #closing: ClientClosing;
  readonly #port: PacketPort;

  /**
   * @param senders all of them, by their index
   * @param receiver which counts what comes from the server
   * @param closing which brings the server's counts
   */
  constructor(senders: readonly PacketSender[], receiver: ClientReceiver, closing: ClientClosing, port: PacketPort) {
    this.#senders = senders;
    this.#receiver = receiver;
    this.#closing = closing;
    this.#port = port;
    this.rates = new ReportedRates(port.clock);
  }

  /** Packets that have not arrived, by the server's counts. */
  get missing(): MissingPackets {
    const missing = { toServer: 0, fromServer: 0 };
    const { totals } = this.#closing, { arrivals } = this.#receiver;
    for (const { index, reverse, times, sent } of this.#senders) {
      const { received = 0, echoErrors = 0, reverseSent = 0 } = totals[index] ?? {};
      const { accepted } = arrivals[index].window;
      if (reverse) missing.fromServer += Math.max(0, reverseSent - accepted);
      else {
        missing.toServer += Math.max(0, sent - received);
        if (times !== undefined) missing.fromServer += Math.max(0, received - echoErrors - accepted);
      }
    }
    return missing;
  }

  /** The round-trip time in nanoseconds, as far as it is known: of echoes, of opening, of closing; NaN before that. */
  get rttNanos(): number {
    const { smoothed } = this.#receiver.rtt, { rttNanos } = this.#closing;
    const known = [smoothed, rttNanos].filter((rtt) => !Number.isNaN(rtt));
    return known.length === 0 ? NaN : Math.max(...known);
  }

  /** By how much delays differed, in nanoseconds: the greater of both directions. */
  get delaySpread(): number {
    const { clock, totals } = this.#closing;
    let spread = this.#receiver.delaySpread(clock && -clock.least);
    for (const total of totals) {
      if (total?.arrivals === undefined) continue;
      const { min, max } = total.arrivals.delay;
      spread = Math.max(spread, max - Math.min(min, clock?.most ?? Infinity));
    }
    return spread;
  }

  /**
   * Finds why there is nothing to measure: where no packet was sent, at either end.
   *
   * @param sendError the first error of this end
   * @param server its address
   * @returns undefined if packets were sent
   */
  whyNothingSent(sendError: string | undefined, server: string): string | undefined {
    const { totals, known, trouble } = this.#closing;
    let errors = 0, unsent = 0;
    for (const sender of this.#senders) {
      const total = totals[sender.index];
      if (sender.sent > 0 || (total?.reverseSent ?? this.#receiver.arrivals[sender.index].window.next) > 0) {
        return undefined;
      }
      errors += sender.errors + (total?.reverseSendErrors ?? 0);
      unsent += sender.unsent + (total?.reverseUnsent ?? 0);
    }
    if (errors > 0) return `${errors} could not be (${sendError ?? trouble?.text ?? "the server gives no reason"})`;
    if (unsent > 0) return `${unsent} were due, and there was no time or room for them`;
    return known ? "the first one was due after the end" : `the server at ${server} gives no reason`;
  }

  /**
   * Reports on the flow.
   *
   * @param values what only its run knows
   */
  report(values: Pick<PacketReport, "complete" | "elapsedNanos" | "warmupNanos">): PacketReport {
    const { bytes: bytesReceived, bad, rtt, arrivals } = this.#receiver;
    const { totals, clock } = this.#closing;
    return {
      kind: "packets",
      ...values,
      senders: this.#senders.map((sender, i) => senderReport(sender, arrivals[sender.index], totals[i])),
      bytesSent: this.#senders.reduce((sum, { bytes }) => sum + bytes, 0),
      bytesReceived,
      bad,
      serverBad: Math.max(0, ...totals.map((total) => total?.bad ?? 0)),
      socketDrops: this.drops.packets,
      serverSocketDrops: Math.max(0, ...totals.map((total) => total?.socketDrops ?? 0)),
      ...pathMtus(this.#port.pathMtu(), totals),
      rtt: rttSummary(rtt),
      serverClock: clock,
    };
  }
}

/** The rates of a client's packets between two reports. */
export class ReportedRates {
  readonly #clock: FlowClock;
  #before = { t: NaN, bytesSent: 0, bytesReceived: 0 };

  constructor(clock: FlowClock) {
    this.#clock = clock;
  }

  /** Starts to measure rates, at the time `t` of the flow. */
  start(t: number): void {
    this.#before.t = t;
  }

  /** Adds to a report the rates since the last call, or since the start. */
  withRates(report: PacketReport): PacketReport {
    const { bytesSent, bytesReceived } = report;
    const t = this.#clock.now(), before = this.#before;
    const seconds = (t - before.t) / 1e9;
    this.#before = { t, bytesSent, bytesReceived };
    return {
      ...report,
      rates: {
        sentBitsPerSecond: (bytesSent - before.bytesSent) * 8 / seconds,
        receivedBitsPerSecond: (bytesReceived - before.bytesReceived) * 8 / seconds,
      },
    };
  }
}

/** The MTU of the path in either direction, as far as it is known. */
function pathMtus(
  pathMtuBytes: number | undefined,
  totals: readonly (Totals | undefined)[],
): Pick<PacketReport, "pathMtuBytes" | "serverPathMtuBytes"> {
  const serverPathMtuBytes = totals.findLast((total) => total?.pathMtuBytes !== undefined)?.pathMtuBytes;
  return {
    ...pathMtuBytes === undefined ? {} : { pathMtuBytes },
    ...serverPathMtuBytes === undefined ? {} : { serverPathMtuBytes },
  };
}

/** Returns what is known of the packets of a sender, from the server's counts where these have come. */
export function senderReport(sender: PacketSender, arrivals: Arrivals, total: Totals | undefined): PacketSenderReport {
  const { window, lastNumber, lastCount } = arrivals;
  const received = window.accepted, duplicates = window.refused;
  const more = {
    ...total?.marked === undefined ? {} : { serverCongestionMarks: total.marked },
    ...total?.arrivals === undefined ? {} : { arrivals: total.arrivals },
  };
  if (sender.reverse) {
    const serverSent = total?.reverseSent ?? window.next;
    return {
      sent: 0,
      sendErrors: total?.reverseSendErrors ?? 0,
      unsent: total?.reverseUnsent ?? 0,
      received,
      duplicates,
      serverReceived: 0,
      serverDuplicates: 0,
      serverSent,
      serverSendErrors: 0,
      lostToServer: 0,
      lostFromServer: Math.max(0, serverSent - received),
      ...more,
    };
  }
  const serverReceived = total?.received ?? lastCount;
  const serverSendErrors = total?.echoErrors ?? 0;
  // Before the end, what is on its way is not lost.
  const arrivable = total === undefined ? lastNumber + 1 - sender.errors : sender.sent;
  return {
    sent: sender.sent,
    sendErrors: sender.errors,
    unsent: sender.unsent,
    received,
    duplicates,
    serverReceived,
    serverDuplicates: total?.duplicates ?? 0,
    serverSent: 0,
    serverSendErrors,
    lostToServer: Math.max(0, arrivable - serverReceived),
    lostFromServer: sender.times === undefined ? 0 : Math.max(0, serverReceived - serverSendErrors - received),
    ...more,
  };
}

/** Returns round-trip times as reports have them; undefined before the first one. */
export function rttSummary({ count, smoothed, min, mean, max, last }: RttEstimator): RttSummary | undefined {
  if (count === 0) return undefined;
  return {
    smoothedMicros: smoothed / 1000,
    minMicros: min / 1000,
    meanMicros: mean / 1000,
    maxMicros: max / 1000,
    lastMicros: last / 1000,
  };
}
