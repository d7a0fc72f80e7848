import {
  ByteIntervals,
  type MatchedPacket,
  type OffsetEstimate,
  PacketMatcher,
  quantilesOf,
} from "../../flow/analysis/mod.ts";
import type { Chunk } from "../../flow/records/read_chunk.ts";
import { type IndexedFlow, serverShift, type ServerToClient, serverToClient, timeOf, warmUpOf } from "../read_flows.ts";
import { RecordFile } from "../read_records.ts";
import type { FlowRows } from "./live.ts";
import { clocksOf, rowsOfFlow } from "./packet_tables.ts";
import {
  columnsOf,
  constant,
  senderValues,
  SourceFlows,
  type TableSource,
  testValues,
  WARMUP,
  warmupValues,
} from "./source.ts";
import type { Column, RowChunk, Table, Values } from "./table.ts";
import { TRANSACTION_COLUMNS, TransactionIntervals } from "./transaction_intervals.ts";

/** The length of intervals where none is given, in milliseconds. */
export const DEFAULT_INTERVAL_MS = 100;

const REVERSE = 8;

const number = (name: string, unit: string, definition: string): Column => ({ name, type: "double", unit, definition });

/** The columns of the table, in the order of {@linkcode Row}. */
const COLUMNS = {
  interval_seconds: number("interval_seconds", "s", "Length of the interval."),
  goodput_bits_per_second: number(
    "goodput_bits_per_second",
    "bits/s",
    "Bytes of the application, of UDP its payload, that arrived at the receiver in the interval, by its length. Of TCP, " +
      "what came between two samples is spread evenly over the time between them.",
  ),
  sent_packets: number("sent_packets", "packets", "Of UDP: packets of the sender that were sent in the interval."),
  received_packets: number(
    "received_packets",
    "packets",
    "Of UDP: packets of the sender that were sent in the interval and received.",
  ),
  lost_packets: number(
    "lost_packets",
    "packets",
    "Of UDP: packets of the sender that were sent in the interval and not received, those that a socket dropped among " +
      "them; absent where the receiver records nothing.",
  ),
  rtt_min_us: number("rtt_min_us", "us", "Of UDP: shortest round-trip time of packets that were sent in the interval."),
  rtt_mean_us: number("rtt_mean_us", "us", "Mean of these."),
  rtt_median_us: number("rtt_median_us", "us", "Median of these, RFC 2330 (11.3)."),
  rtt_p99_us: number("rtt_p99_us", "us", "99th percentile of these, RFC 2330 (11.3)."),
  rtt_max_us: number("rtt_max_us", "us", "Longest of these."),
  to_server_mean_us: number(
    "to_server_mean_us",
    "us",
    "Of UDP: mean one-way delay to the server of packets that were sent in the interval; see one_way_bound_us of round_trips.",
  ),
  from_server_mean_us: number(
    "from_server_mean_us",
    "us",
    "Of UDP: mean one-way delay of the packets from the server.",
  ),
  srtt_us: number(
    "srtt_us",
    "us",
    "Of TCP: smoothed round-trip time of the sender's kernel, last sample of the interval.",
  ),
  cwnd_bytes: number("cwnd_bytes", "bytes", "Of TCP: congestion window of the sender, last sample of the interval."),
  retransmits_segments: number(
    "retransmits_segments",
    "segments",
    "Of TCP: segments that the sender's kernel sent again in the interval.",
  ),
  congestion_marks_packets: number(
    "congestion_marks_packets",
    "packets",
    "Packets of the sender that arrived with a congestion mark in the interval, RFC 3168; of TCP, segments that the " +
      "receiver reported as such.",
  ),
  ...TRANSACTION_COLUMNS,
} satisfies Record<string, Column>;

/** Values of a row; what is left out is absent. */
type Row = Partial<Record<keyof typeof COLUMNS, number>>;

/** A row with its place. */
interface PlacedRow {
  /** Of the interval, from 0 at the start of the flow. */
  readonly interval: number;
  readonly sender?: number;
  readonly row: Row;
}

/** What each flow did in each interval. */
export function intervalsTable(source: TableSource): Table {
  const names = Object.keys(COLUMNS) as (keyof typeof COLUMNS)[];
  const intervalNanos = (source.intervalMs ?? DEFAULT_INTERVAL_MS) * 1e6;
  return {
    name: "intervals",
    row:
      "a TCP flow, a sender of a UDP flow, or requests and responses, in an interval, counted from the start of the flow",
    columns: columnsOf(source, ["node", "flow", "sender", "direction"], [...Object.values(COLUMNS), WARMUP]),
    async *rows() {
      const flows = await SourceFlows.read(source);
      using file = await RecordFile.open(source.test.path);
      for (const flow of flows.flows()) {
        const { type } = flow.client ?? flow.server ?? {};
        const clocks = type === "packetInfo" ? await clocksOf(file, flow, flows, source.onSamples) : undefined;
        yield* rowsOfFlow(file, flow, flows, startRows(flow, flows, clocks), source.onSamples);
      }
    },
    live: { of: "samples", start: startRows },
  };

  function startRows(flow: IndexedFlow, flows: SourceFlows, clocks: OffsetEstimate | undefined): FlowRows | undefined {
    const info = flow.client ?? flow.server;
    if (info === undefined) return undefined;
    // By way of the clock of the root, as far as it is known.
    const toClient = serverToClient(flow, flows.index);
    const follower = info.type === "packetInfo"
      ? new PacketIntervals(intervalNanos, serverShift(flow), toClient, clocks, flow.server !== undefined)
      : info.type === "transactionInfo"
      ? new TransactionIntervals(intervalNanos, info.values.transport === "udp")
      : new StreamIntervals(intervalNanos, toClient, flow);
    const warmUp = warmUpOf(info);
    const take = (placed: readonly PlacedRow[]): RowChunk => {
      const indices = Float64Array.from(placed, ({ sender }) => sender ?? NaN);
      const ofPackets = senderValues(indices, warmUp);
      const warmup = warmUp === undefined || info.type === "packetInfo"
        ? ofPackets.warmup
        : warmupValues(placed.length, (i) => placed[i].interval * intervalNanos < warmUp.endNanos);
      const column = (value: (row: PlacedRow) => number | undefined): Values => ({
        type: "number",
        values: Float64Array.from(placed, (row) => value(row) ?? NaN),
      });
      return {
        count: placed.length,
        columns: [
          flows.times(info, Float64Array.from(placed, ({ interval }) => interval * intervalNanos))!,
          ...testValues(source),
          constant(info.nodeId),
          constant(flow.flow),
          info.type === "packetInfo" ? ofPackets.sender : { type: "number", values: indices },
          constant(follower.direction),
          ...names.map((name) => column(({ row }) => row[name])),
          warmup,
        ],
      };
    };
    return {
      get count() {
        return follower.ready.length;
      },
      add: (chunk) => follower.add(chunk),
      end: () => follower.end(),
      take: () => follower.ready.length === 0 ? undefined : take(follower.ready.splice(0)),
    };
  }
}

const NO_SHIFT: ServerToClient = { rate: 1, shiftNanos: 0 };

/** A TCP flow by intervals. */
class StreamIntervals {
  readonly ready: PlacedRow[] = [];
  readonly direction: string | undefined;
  readonly #bytes: ByteIntervals;
  readonly #flow: IndexedFlow;
  /** The first sample of tcp_info and the last one of each interval, until it is taken. */
  readonly #infos = new Map<number, { rtt: number; cwndBytes: number; retransmits: number; marks: number }>();
  #retransmits = 0;
  #marks = 0;
  #next = 0;
  #last = 0;

  constructor(readonly intervalNanos: number, readonly toClient: ServerToClient, flow: IndexedFlow) {
    const { client, server } = flow;
    this.#flow = flow;
    this.#bytes = new ByteIntervals(intervalNanos);
    const direction = (client ?? server)?.values.direction;
    if (direction === "upload" || direction === "download") {
      this.direction = direction === "upload" ? "toServer" : "fromServer";
    }
  }

  add(chunk: Chunk): void {
    if (chunk.kind === "packetIO" || chunk.kind === "transactionIO") return;
    // Samples of the server are those of the receiver of an upload, and of the sender of a download.
    const { count, columns } = chunk;
    const { rate, shiftNanos } = this.#isAtServer(chunk) ? this.toClient : NO_SHIFT;
    const first = columns.t[0] * rate + shiftNanos;
    this.#release(Math.floor(Math.min(first, this.#knownUntil) / this.intervalNanos));
    for (let i = 0; i < count; i++) {
      const t = columns.t[i] * rate + shiftNanos;
      if (!(t >= 0 && t <= Number.MAX_SAFE_INTEGER)) continue;
      this.#last = Math.max(this.#last, t);
      if (chunk.kind === "tcpInfo") this.#tcpInfo(t, chunk, i);
      else if (chunk.columns.sent[i] === 0) this.#bytes.add(t, chunk.columns.total[i]);
    }
  }

  end(): void {
    this.#release(this.#last > 0 ? Math.ceil(this.#last / this.intervalNanos) : 0);
  }

  /**
   * What is before has all its bytes: those between two samples of the receiver are known when the second one is there.
   * A receiver that is not part of the test has none.
   */
  get #knownUntil(): number {
    const { client, server } = this.#flow;
    return (this.direction === "toServer" ? server : client) === undefined ? Infinity : this.#bytes.time;
  }

  #isAtServer(chunk: Chunk<"streamIO" | "tcpInfo">): boolean {
    if (chunk.kind === "tcpInfo") return chunk.columns.server[0] === 1;
    return (chunk.columns.sent[0] === 1) === (this.direction === "fromServer");
  }

  #tcpInfo(t: number, { columns }: Chunk<"tcpInfo">, i: number): void {
    this.#infos.set(Math.floor(t / this.intervalNanos), {
      rtt: columns.rtt[i],
      cwndBytes: columns.cwnd[i] * columns.sndMss[i],
      retransmits: columns.totalRetrans[i],
      marks: columns.deliveredCe[i],
    });
  }

  /** Makes rows of the intervals before `end`: samples are merged by time, so nothing belongs to them any more. */
  #release(end: number): void {
    for (; this.#next < end; this.#next++) {
      const row: Row = {
        interval_seconds: this.intervalNanos / 1e9,
        goodput_bits_per_second: this.#bytes.take(this.#next) * 8e9 / this.intervalNanos,
      };
      const info = this.#infos.get(this.#next);
      this.#infos.delete(this.#next);
      if (info !== undefined) {
        if (info.rtt > 0) row.srtt_us = info.rtt;
        if (info.cwndBytes > 0) row.cwnd_bytes = info.cwndBytes;
        if (info.retransmits >= 0) {
          row.retransmits_segments = info.retransmits - this.#retransmits;
          this.#retransmits = info.retransmits;
        }
        if (info.marks >= 0) {
          row.congestion_marks_packets = info.marks - this.#marks;
          this.#marks = info.marks;
        }
      }
      this.ready.push({ interval: this.#next, row });
    }
  }
}

/** What packets of a sender did that were sent, or received, in an interval. */
interface PacketCounts {
  sent: number;
  received: number;
  /** Sent and not received, as far as is known. */
  lost: number;
  bytes: number;
  marks: number;
  readonly rtts: number[];
  toServer: number;
  toServerCount: number;
  fromServer: number;
  fromServerCount: number;
}

/** A sender by intervals. */
interface SenderIntervals {
  /** Counts by interval, in the order in which intervals are first mentioned. */
  readonly open: Map<number, PacketCounts>;
  /** Rows of the intervals before are out. */
  released: number;
}

/** For how long a packet may wait in a socket until it is read, in nanoseconds. */
const MAX_UNREAD_NANOS = 3e9;

/** A UDP flow by intervals. */
class PacketIntervals {
  readonly ready: PlacedRow[] = [];
  direction: string | undefined = "toServer";
  readonly #matcher: PacketMatcher;
  readonly #senders = new Map<number, SenderIntervals>();
  #clocks: OffsetEstimate | undefined;
  /** No sample of before follows, by the client's clock, save of packets that waited in a socket. */
  #reached = -Infinity;
  /** When the last packet arrived: they are read in the order in which they came, but perhaps long after. */
  #arrived = -Infinity;

  constructor(
    readonly intervalNanos: number,
    readonly shift: number,
    readonly rootToClient: ServerToClient,
    readonly clocks: OffsetEstimate | undefined,
    readonly serverRecords: boolean,
  ) {
    this.#matcher = new PacketMatcher({
      onPacket: (packet) => this.#packet(packet),
      serverRecords,
      serverShift: shift,
      serverToClient: rootToClient,
    });
    this.#clocks = clocks;
  }

  add(chunk: Chunk): void {
    if (chunk.kind !== "packetIO") return;
    const { rate, shiftNanos } = this.#toClient, order = this.rootToClient;
    // Chunks are in an order by which samples of the server may be that much later than by the clocks compared.
    const lead = order.shiftNanos - shiftNanos + chunk.columns.t[0] * (order.rate - rate);
    this.#reached = Math.max(this.#reached, timeOf(chunk, order) - Math.max(0, lead));
    this.#arrivals(chunk);
    this.#matcher.add(chunk);
    this.#clocks = this.clocks ?? this.#matcher.clockOffset;
  }

  end(): void {
    this.#matcher.end();
    for (const [sender, intervals] of this.#senders) this.#release(sender, intervals, Infinity);
  }

  /** What turns times of the server into those of the client's clock. */
  get #toClient(): ServerToClient {
    if (this.#clocks === undefined) return this.rootToClient;
    return { rate: 1, shiftNanos: this.shift - this.#clocks.offsetNanos };
  }

  /** Counts the bytes that arrived at the receiver, echoes left out. */
  #arrivals({ count, columns }: Chunk<"packetIO">): void {
    const toClient = this.#toClient;
    for (let i = 0; i < count; i++) {
      const reverse = (columns.flag[i] & REVERSE) !== 0;
      if (reverse) this.direction = "fromServer";
      if (columns.sent[i] === 1 || (columns.server[i] === 1) === reverse) continue;
      // An echo that comes back is received at the client, and no packet of its own.
      if (columns.server[i] === 0 && !reverse) continue;
      const { rate, shiftNanos } = columns.server[i] === 1 ? toClient : NO_SHIFT;
      const t = columns.t[i] * rate + shiftNanos;
      if (t > this.#arrived && t <= Number.MAX_SAFE_INTEGER) this.#arrived = t;
      const counts = this.#countsAt(columns.sender[i], t);
      if (counts === undefined) continue;
      counts.bytes += columns.len[i] * Math.max(1, columns.packets[i]);
      if ((columns.tos[i] & 3) === 3) counts.marks++;
    }
  }

  #packet(packet: MatchedPacket): void {
    const { sender, reverse, sent, serverReceived, serverSent, received } = packet;
    const offset = this.#clocks?.offsetNanos;
    // By the client's clock, as the intervals are.
    const start = reverse ? serverSent - (offset ?? NaN) : sent;
    const counts = this.#countsAt(sender, start);
    if (counts === undefined) return;
    counts.sent++;
    const arrived = !Number.isNaN(reverse ? received : serverReceived);
    if (arrived) counts.received++;
    else counts.lost++;
    const serverTime = serverSent - serverReceived;
    if (received - sent >= serverTime && serverTime >= 0) counts.rtts.push(received - sent - serverTime);
    if (offset !== undefined && !Number.isNaN(sent) && !Number.isNaN(serverReceived)) {
      counts.toServer += serverReceived - sent - offset;
      counts.toServerCount++;
    }
    if (offset !== undefined && !Number.isNaN(serverSent) && !Number.isNaN(received)) {
      counts.fromServer += received - serverSent + offset;
      counts.fromServerCount++;
    }
    // Packets are handed on in the order of their numbers: what was sent before this one has been counted.
    const known = this.serverRecords || reverse
      ? Math.max(this.#arrived, this.#reached - MAX_UNREAD_NANOS)
      : this.#reached;
    this.#release(sender, this.#senders.get(sender)!, Math.floor(Math.min(start, known) / this.intervalNanos));
  }

  #countsAt(sender: number, t: number): PacketCounts | undefined {
    if (!(t >= 0 && t <= Number.MAX_SAFE_INTEGER)) return undefined;
    let intervals = this.#senders.get(sender);
    if (intervals === undefined) this.#senders.set(sender, intervals = { open: new Map(), released: 0 });
    const interval = Math.floor(t / this.intervalNanos);
    // A row that is out is not made a second time.
    if (interval < intervals.released) return undefined;
    let counts = intervals.open.get(interval);
    if (counts === undefined) {
      counts = {
        sent: 0,
        received: 0,
        lost: 0,
        bytes: 0,
        marks: 0,
        rtts: [],
        toServer: 0,
        toServerCount: 0,
        fromServer: 0,
        fromServerCount: 0,
      };
      intervals.open.set(interval, counts);
    }
    return counts;
  }

  /** Makes rows of the intervals before `end`. */
  #release(sender: number, intervals: SenderIntervals, end: number): void {
    if (!(end > intervals.released)) return;
    intervals.released = end;
    const { open } = intervals;
    const ended = [...open.keys()].filter((interval) => interval < end).sort((a, b) => a - b);
    for (const interval of ended) {
      this.ready.push({ interval, sender, row: this.#rowOf(open.get(interval)!) });
      open.delete(interval);
    }
  }

  #rowOf({ sent, received, lost, bytes, marks, rtts, ...delays }: PacketCounts): Row {
    const row: Row = { interval_seconds: this.intervalNanos / 1e9, sent_packets: sent };
    // What a receiver outside of the test received is not known packet by packet.
    if (this.serverRecords || this.direction === "fromServer") {
      row.received_packets = received;
      row.lost_packets = lost;
      row.goodput_bits_per_second = bytes * 8e9 / this.intervalNanos;
      row.congestion_marks_packets = marks;
    }
    const rtt = quantilesOf(rtts);
    if (rtt !== undefined) {
      row.rtt_min_us = micros(rtt.min);
      row.rtt_mean_us = micros(rtt.mean);
      row.rtt_median_us = micros(rtt.median);
      row.rtt_p99_us = micros(rtt.p99);
      row.rtt_max_us = micros(rtt.max);
    }
    if (delays.toServerCount > 0) row.to_server_mean_us = micros(delays.toServer / delays.toServerCount);
    if (delays.fromServerCount > 0) row.from_server_mean_us = micros(delays.fromServer / delays.fromServerCount);
    return row;
  }
}

/** Converts nanoseconds into microseconds, to the nanosecond. */
function micros(nanos: number): number {
  return Math.round(nanos) / 1000;
}
