import { type MatchedPacket, type OffsetEstimate, PacketMatcher, quantilesOf } from "../../flow/analysis/mod.ts";
import type { Chunk } from "../../flow/records/read_chunk.ts";
import { type ServerToClient, timeOf } from "../flow_index.ts";
import type { PlacedRow, Row } from "./intervals_table.ts";

const NO_SHIFT: ServerToClient = { rate: 1, shiftNanos: 0 };

/** A sender at the server: a flag of packets in records. */
const REVERSE = 8;

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
export class PacketIntervals {
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
