import { type Figures, times, toPercent } from "./figure.ts";
import type { PathFigures } from "./packet_path.ts";
import type { PacketFigures } from "./sender_analysis.ts";

/** What was measured with echoes while the path was idle, or under load. */
export interface LoadFigures {
  /** Of the echoes; absent if no packet was sent. */
  readonly packets?: PacketFigures;
  /** Goodput of all TCP flows in that direction together. */
  readonly uploadBitsPerSecond?: number;
  readonly downloadBitsPerSecond?: number;
}

/** Figures of a phase of a measurement under load. */
export const LOAD_FIGURES = {
  sent: {
    title: "sent",
    unit: "packet",
    definition: "Packets that the client sent to be echoed.",
    value: ({ packets }) => packets?.toServer?.sent ?? 0,
  },
  lostPercent: {
    title: "lost",
    unit: "%",
    better: "less",
    definition: "Share of these whose packet or echo was lost, without what a socket of either end dropped.",
    value: ({ packets }) => toPercent(lostShare(packets)),
  },
  dropped: {
    title: "dropped",
    unit: "packet",
    better: "less",
    definition: "Packets and echoes that the sockets of both ends had no room for.",
    value: ({ packets }) => droppedEchoes(packets),
  },
  rtt: times(
    "RTT",
    "Round-trip time of a packet and its echo: from just before the system call that sends the packet until the " +
      "client's kernel has the echo, by its time stamp, less the time at the server. It is that of the network.",
    ({ packets }: LoadFigures) => packets?.rtt,
    "less",
  ),
  roundTripsPerMinute: {
    title: "trips/min",
    unit: "1/minute",
    better: "more",
    definition: "Round trips that fit a minute: 60 s by the mean of the round-trip times without the longest 5%. It " +
      "is close to draft-ietf-ippm-responsiveness, but with UDP echoes beside the load in place of HTTP requests " +
      "within it, and without the time at the server.",
    value: ({ packets }) => packets?.roundTripsPerMinute,
  },
  uploadGoodputBitsPerSecond: {
    title: "upload",
    unit: "bit/s",
    better: "more",
    definition: "Goodput of all TCP uploads of the load together, over their common time.",
    value: ({ uploadBitsPerSecond }) => uploadBitsPerSecond,
  },
  downloadGoodputBitsPerSecond: {
    title: "download",
    unit: "bit/s",
    better: "more",
    definition: "Goodput of all TCP downloads of the load together, over their common time.",
    value: ({ downloadBitsPerSecond }) => downloadBitsPerSecond,
  },
} satisfies Figures<LoadFigures>;

function lostShare({ toServer, fromServer }: Partial<PacketFigures> = {}): number | undefined {
  if (!toServer?.sent) return undefined;
  // Where the server reported nothing, no echo came either.
  return ((toServer.lost ?? toServer.sent) + (fromServer?.lost ?? 0)) / toServer.sent;
}

function droppedEchoes({ toServer, fromServer }: Partial<PacketFigures> = {}): number {
  return [toServer, fromServer].reduce(
    (sum, { sent = 0, received = 0, socketDrops = 0, unsettled = 0 } = {} as PathFigures) => {
      // Packets of other flows may be among those of a server's socket.
      return sum + Math.min(socketDrops, Math.max(0, sent - unsettled - received));
    },
    0,
  );
}

/** Phases of a measurement under load that came to their end. */
export interface LoadPhases {
  readonly idle?: LoadFigures;
  /** Those under load. */
  readonly loaded: readonly LoadFigures[];
}

/** Figures of the worst phase under load. */
export const LOAD_SUMMARY_FIGURES = {
  addedRttMedianMicros: {
    title: "added RTT",
    unit: "us",
    better: "less",
    definition: "What the load adds to the median round trip, in the worst phase.",
    value({ idle, loaded }) {
      const before = idle && LOAD_FIGURES.rtt.value(idle);
      const medians = loaded.flatMap((phase) => LOAD_FIGURES.rtt.value(phase) ?? []);
      return before === undefined || medians.length === 0 ? undefined : Math.max(...medians) - before;
    },
  },
  roundTripsPerMinute: {
    ...LOAD_FIGURES.roundTripsPerMinute,
    definition: "Round trips that fit a minute, in the worst phase under load.",
    value({ loaded }) {
      const trips = loaded.flatMap((phase) => LOAD_FIGURES.roundTripsPerMinute.value(phase) ?? []);
      return trips.length === 0 ? undefined : Math.min(...trips);
    },
  },
} satisfies Figures<LoadPhases>;
