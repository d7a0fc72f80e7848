import { arrivalValues } from "./arrival_values.ts";
import type { ClockBounds } from "./client_closing.ts";
import type { ClientReceiver } from "./client_receiver.ts";
import type { Totals } from "./control_packet.ts";
import type { PacketSender } from "./packet_sender.ts";

/** What a client knows of its flow. */
export interface ClientState {
  readonly senders: readonly PacketSender[];
  readonly receiver: ClientReceiver;
  /** The server's counts by sender, those that came. */
  readonly totals: readonly (Totals | undefined)[];
  /** What is known of the server's clock from its answers at the end. */
  readonly clock?: ClockBounds;
  /** It failed, or the server's senders did: it has not come to its end. */
  readonly failed: boolean;
  /** Packets that this client's socket had no room for. */
  readonly socketDrops: number;
  /** Since the flow was open, in nanoseconds. */
  readonly elapsedNanos: number;
}

/**
 * The figures of a flow, so far or at its end. Counts are of packets; a packet that came more than once is counted once,
 * and under `duplicates` for each other time. Those of the server, and what is lost, are exact once `complete` is 1, and
 * before that what the last reply told.
 */
export function clientCounts(state: ClientState): Record<string, number> {
  const { senders, receiver, totals, clock, failed, socketDrops, elapsedNanos } = state;
  const values: Record<string, number> = {};
  const each = senders.map((sender, i) => senderCounts(sender, receiver, totals[i]));
  for (const key of COUNTS) values[key] = each.reduce((sum, counts) => sum + counts[key], 0);
  values.bytesSent = senders.reduce((sum, { bytes }) => sum + bytes, 0);
  values.bytesReceived = receiver.bytes;
  values.bad = receiver.bad;
  values.socketDrops = socketDrops;
  values.serverSocketDrops = Math.max(0, ...totals.map((total) => total?.socketDrops ?? 0));
  values.serverBad = Math.max(0, ...totals.map((total) => total?.bad ?? 0));
  values.elapsedNanos = elapsedNanos;
  values.complete = !failed && totals.length > 0 && totals.every((total) => total !== undefined) ? 1 : 0;
  if (clock !== undefined) {
    values.clockAheadLeastNanos = clock.least;
    values.clockAheadMostNanos = clock.most;
  }
  const { rtt } = receiver;
  if (rtt.count > 0) {
    values.rttMicros = rtt.smoothed / 1000;
    values.rttMinMicros = rtt.min / 1000;
    values.rttMeanMicros = rtt.mean / 1000;
    values.rttMaxMicros = rtt.max / 1000;
    values.rttLastMicros = rtt.last / 1000;
  }
  const marked = totals.map((total) => total?.marked);
  // Where one of them is not known, their sum is not.
  if (marked.length > 0 && !marked.includes(undefined)) {
    values.serverCongestionMarks = marked.reduce<number>((sum, count) => sum + count!, 0);
  }
  for (const [i, counts] of each.entries()) {
    if (marked[i] !== undefined) values[`serverCongestionMarks.${i}`] = marked[i];
    for (const key of COUNTS) values[`${key}.${i}`] = counts[key];
    const arrivals = totals[i]?.arrivals;
    if (arrivals !== undefined) Object.assign(values, arrivalValues(i, arrivals));
  }
  return values;
}

const COUNTS = [
  // By senders of the client; the next two also by those of the server.
  "sent",
  "sendErrors",
  "unsent",
  // By the client: replies, and packets of the server's senders.
  "received",
  "duplicates",
  // By the server.
  "serverReceived",
  "serverDuplicates",
  "serverSent",
  "serverSendErrors",
  "lostToServer",
  "lostFromServer",
] as const;

function senderCounts(
  sender: PacketSender,
  { arrivals }: ClientReceiver,
  total: Totals | undefined,
): Record<typeof COUNTS[number], number> {
  const { window, lastNumber, lastCount } = arrivals[sender.index];
  const received = window.accepted, duplicates = window.refused;
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
  };
}
