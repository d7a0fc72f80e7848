import { readArrivalValues, readClockBounds } from "../../flow/packet/arrival_times.ts";
import type { PacketTotals } from "../../flow/analysis/mod.ts";

/**
 * What the client of a UDP flow has told at the end beside its samples, by sender.
 *
 * @param values its last aggregates, see src/flow/packet/client_counts.ts
 */
export function packetTotals(values: Readonly<Record<string, number>>): Map<number, PacketTotals> {
  const totals = new Map<number, PacketTotals>();
  for (let sender = 0; `sent.${sender}` in values; sender++) {
    const of = (key: string) => values[`${key}.${sender}`];
    // Before the end, these are what the last reply told, which samples tell as well.
    const final = values.complete === 1 && {
      serverReceived: of("serverReceived"),
      serverDuplicates: of("serverDuplicates"),
      serverSent: of("serverSent"),
      serverCongestionMarks: of("serverCongestionMarks"),
      serverEchoErrors: of("serverSendErrors"),
      arrivals: readArrivalValues(values, sender),
      clock: readClockBounds(values),
    };
    totals.set(sender, { ...final, sendErrors: of("sendErrors"), unsent: of("unsent") });
  }
  // Sockets count for all senders together.
  const only = totals.size === 1 ? totals.get(0) : undefined;
  if (only !== undefined) {
    const { socketDrops, serverSocketDrops } = values;
    totals.set(0, { ...only, socketDrops, serverSocketDrops });
  }
  return totals;
}
