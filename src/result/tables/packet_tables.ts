import { type MatchedPacket, type OffsetEstimate, PacketMatcher, SHARED_CLOCK } from "../../flow/analysis/mod.ts";
import { measureFlow, type OnSamples, warmUpOf } from "../read_flows.ts";
import { haveOneClock, type IndexedFlow, mergedChunks, serverShift, serverToClient } from "../flow_index.ts";
import { RecordFile } from "../read_records.ts";
import type { FlowRows } from "./live.ts";
import { columnsOf, constantValue, senderValues, SourceFlows, type TableSource, testValues, WARMUP } from "./source.ts";
import type { Column, RowChunk, Table, Values } from "./table.ts";

/** Rows of a chunk. */
const CHUNK_ROWS = 4096;
const NANOS_PER_MICRO = 1000;

const SEQ: Column = {
  name: "seq",
  type: "int",
  definition: "Number that the sender gave the packet, from 0; those of a warm-up count by themselves.",
};

/** A flow whose packets are followed. */
interface FollowedFlow {
  /** How the server's clock relates to the client's; undefined: not known. */
  clocks: OffsetEstimate | undefined;
  /** Whether the server is part of the test, so that it has recorded what it received. */
  readonly serverRecords: boolean;
  /** Whether both ends have reported their counts, so that no record can be missing. */
  complete: boolean;
}

/** Makes rows of the packets of a flow. */
interface RowMaker {
  /** Rows that wait. */
  readonly count: number;
  /** Takes the next packet of a sender of which nothing more can come. */
  onPacket?(packet: MatchedPacket): void;
  /** Takes a packet whose reply has come. */
  onEcho?(packet: MatchedPacket): void;
  /**
   * Takes out the rows: the time of each in nanoseconds since the client's `tinit`, the indices of their senders, and the
   * values of the other columns.
   */
  take(): { readonly times: Float64Array; readonly senders: Float64Array; readonly values: readonly Values[] };
  /** No packet follows. */
  end(): void;
}

/** Every echo that came back. */
export function roundTripsTable(source: TableSource): Table {
  const micros = (name: string, definition: string): Column => ({ name, type: "double", unit: "us", definition });
  const own = [
    SEQ,
    micros("rtt_us", "Round-trip time without the time at the server."),
    micros("server_time_us", "Time at the server."),
    micros("to_server_us", "One-way delay to the server, RFC 7679; it may be off by the bound."),
    micros("from_server_us", "One-way delay from the server, RFC 7679; it may be off by the bound, the other way."),
    micros("one_way_bound_us", "How much the one-way delays may be off; 0 where both ends have one clock."),
    micros("lateness_us", "How much later than scheduled the packet was handed to the kernel."),
  ];
  return packetTable(source, "round_trips", "an echo that came back; its time is that of sending", [], own, (flow) => {
    const rows = new Rows(8);
    return {
      get count() {
        return rows.count;
      },
      onEcho({ sender, seq, sent, serverReceived, serverSent, received, lateness }) {
        const serverTime = serverSent - serverReceived;
        // A server that claims more time than the packet was away makes its round trip unknown.
        if (!(received - sent >= serverTime && serverTime >= 0)) return;
        const offset = flow.clocks?.offsetNanos ?? NaN;
        rows.add(
          sent,
          sender,
          seq,
          received - sent - serverTime,
          serverTime,
          serverReceived - sent - offset,
          received - serverSent + offset,
          flow.clocks?.boundNanos ?? NaN,
          lateness,
        );
      },
      take() {
        const [senders, seq, ...nanos] = rows.columns;
        const values = [seq, ...nanos.map((column) => column.map((value) => value / NANOS_PER_MICRO))];
        return { times: rows.takeTimes(), senders, values: values.map((values) => ({ type: "number", values })) };
      },
      end() {},
    };
  });
}

/** Every packet that was sent and never received. */
export function lossesTable(source: TableSource): Table {
  const row = "a packet that was sent and not received within 3 seconds or four times the longest delay before, " +
    "those that a socket dropped among them; its time is that of sending, where it is known";
  return packetTable(source, "losses", row, ["direction"], [SEQ], (flow) => {
    const rows = new Rows(3);
    /** By sender: losses behind the last packet that arrived. Without the counts at the end they may be unrecorded. */
    const open = new Map<number, [time: number, seq: number, direction: number][]>();
    const settle = (sender: number) => {
      for (const [time, seq, direction] of open.get(sender) ?? []) rows.add(time, sender, seq, direction);
      open.delete(sender);
    };
    return {
      get count() {
        return rows.count;
      },
      onPacket(packet) {
        const { sender, seq, sent, serverSent } = packet;
        const direction = lostWhere(packet, flow);
        if (direction === undefined) return settle(sender);
        const time = packet.reverse ? serverSent - (flow.clocks?.offsetNanos ?? NaN) : sent;
        const waiting = open.get(sender);
        if (waiting === undefined) open.set(sender, [[time, seq, direction]]);
        else waiting.push([time, seq, direction]);
      },
      take() {
        const [senders, seq, direction] = rows.columns;
        const times = rows.takeTimes();
        const texts = Array.from(direction, (code) => DIRECTIONS[code]);
        return {
          times,
          senders,
          values: [{ type: "text", values: texts }, { type: "number", values: seq }],
        };
      },
      end() {
        if (flow.complete) { for (const sender of [...open.keys()]) settle(sender); }
      },
    };
  });
}

const TO_SERVER = 0;
const FROM_SERVER = 1;
const UNKNOWN = 2;
const DIRECTIONS = ["toServer", "fromServer", undefined];

/** In which direction a packet was lost, as a place in {@linkcode DIRECTIONS}; undefined: it arrived. */
function lostWhere(packet: MatchedPacket, { serverRecords }: FollowedFlow): number | undefined {
  const { reverse, echo, sent, serverReceived, received } = packet;
  if (!Number.isNaN(received)) return undefined;
  if (reverse) return FROM_SERVER;
  if (!Number.isNaN(serverReceived)) return echo ? FROM_SERVER : undefined;
  if (Number.isNaN(sent)) return undefined;
  if (serverRecords) return TO_SERVER;
  // By the client alone: without an echo it is not known which way the loss was, or whether there was one.
  return echo ? UNKNOWN : undefined;
}

function packetTable(
  source: TableSource,
  name: string,
  row: string,
  tags: readonly "direction"[],
  own: readonly Column[],
  makeRows: (flow: FollowedFlow) => RowMaker,
): Table {
  return {
    name,
    row,
    columns: columnsOf(source, ["node", "flow", "sender", ...tags], [...own, WARMUP]),
    async *rows() {
      const flows = await SourceFlows.read(source);
      using file = await RecordFile.open(source.test.path);
      for (const flow of flows.flows()) {
        if ((flow.client ?? flow.server)?.type !== "packetInfo") continue;
        const rows = startRows(flow, flows, await clocksOf(file, flow, flows, source.onSamples));
        yield* rowsOfFlow(file, flow, flows, rows, source.onSamples);
      }
    },
    live: { of: "samples", start: startRows },
  };

  function startRows(
    flow: IndexedFlow,
    flows: SourceFlows,
    clocks: OffsetEstimate | undefined,
  ): FlowRows | undefined {
    const { client, server } = flow;
    const info = client ?? server;
    if (info?.type !== "packetInfo") return undefined;
    const serverRecords = server !== undefined;
    const warmUp = warmUpOf(info);
    const followed: FollowedFlow = { clocks, serverRecords, complete: false };
    const maker = makeRows(followed);
    const matcher = new PacketMatcher({
      onEcho: maker.onEcho?.bind(maker),
      onPacket: maker.onPacket?.bind(maker),
      serverRecords,
      serverShift: serverShift(flow),
      serverToClient: serverToClient(flow, flows.index),
    });
    return {
      get count() {
        return maker.count;
      },
      add(chunk) {
        if (chunk.kind !== "packetIO") return;
        matcher.add(chunk);
        followed.clocks = clocks ?? matcher.clockOffset;
      },
      end() {
        const report = flow.report?.kind === "packets" ? flow.report : undefined;
        followed.complete = report?.complete ?? false;
        matcher.end();
        maker.end();
      },
      take() {
        if (maker.count === 0) return undefined;
        const { times, senders, values } = maker.take();
        const { sender, warmup } = senderValues(senders, warmUp);
        const head = [...testValues(source), constantValue(info.nodeId), constantValue(flow.flow), sender];
        return { count: times.length, columns: [flows.times(info, times)!, ...head, ...values, warmup] };
      },
    };
  }
}

/** Makes rows of a flow whose samples are stored. */
export async function* rowsOfFlow(
  file: RecordFile,
  flow: IndexedFlow,
  flows: SourceFlows,
  rows: FlowRows | undefined,
  onSamples?: OnSamples,
): AsyncGenerator<RowChunk, void, void> {
  if (rows === undefined) return;
  for await (const chunk of mergedChunks(file, flow, serverToClient(flow, flows.index))) {
    rows.add(chunk);
    onSamples?.(chunk.count);
    if (rows.count >= CHUNK_ROWS) yield rows.take()!;
  }
  rows.end();
  if (rows.count > 0) yield rows.take()!;
}

/** How the clocks of the ends relate: where they are not shared, it takes all packets of the flow to know. */
export async function clocksOf(
  file: RecordFile,
  flow: IndexedFlow,
  { index }: SourceFlows,
  onSamples?: OnSamples,
): Promise<OffsetEstimate | undefined> {
  if (haveOneClock(flow.client, flow.server, index.nodes)) return SHARED_CLOCK;
  const measured = await measureFlow(file, flow, index, onSamples);
  return measured.protocol === "udp" ? measured.figures.clockOffset : undefined;
}

/** Numbers of rows, by column, that grow as they come. */
class Rows {
  count = 0;
  #times = new Float64Array(CHUNK_ROWS);
  #columns: Float64Array[];

  constructor(columns: number) {
    this.#columns = Array.from({ length: columns }, () => new Float64Array(CHUNK_ROWS));
  }

  /** Adds a row. */
  add(time: number, ...values: number[]): void {
    if (this.count === this.#times.length) {
      this.#times = grown(this.#times);
      this.#columns = this.#columns.map(grown);
    }
    this.#times[this.count] = time;
    for (let i = 0; i < values.length; i++) this.#columns[i][this.count] = values[i];
    this.count++;
  }

  /** The columns so far. */
  get columns(): Float64Array[] {
    return this.#columns.map((column) => column.slice(0, this.count));
  }

  /** Takes out the times, and starts again. */
  takeTimes(): Float64Array {
    const times = this.#times.slice(0, this.count);
    this.count = 0;
    return times;
  }
}

function grown(column: Float64Array): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(column.length * 2);
  larger.set(column);
  return larger;
}
