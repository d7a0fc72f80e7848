import { ByteIntervals, type OffsetEstimate } from "../../flow/analysis/mod.ts";
import type { Chunk } from "../../flow/records/read_chunk.ts";
import { warmUpOf } from "../read_flows.ts";
import { type IndexedFlow, serverShift, type ServerToClient, serverToClient } from "../flow_index.ts";
import { RecordFile } from "../read_records.ts";
import type { FlowRows } from "./live.ts";
import { PacketIntervals } from "./packet_intervals.ts";
import { clocksOf, rowsOfFlow } from "./packet_tables.ts";
import {
  columnsOf,
  constantValue,
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
export type Row = Partial<Record<keyof typeof COLUMNS, number>>;

/** A row with its place. */
export interface PlacedRow {
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
          constantValue(info.nodeId),
          constantValue(flow.flow),
          info.type === "packetInfo" ? ofPackets.sender : { type: "number", values: indices },
          constantValue(follower.direction),
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
