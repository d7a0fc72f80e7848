import { ECHO, SHARED_CLOCK } from "../../flow/analysis/mod.ts";
import { type PACKET_COUNTS, sumCounts } from "../../flow/report.ts";
import { type Chunk, isAtServer, readChunk } from "../../flow/records/read_chunk.ts";
import { Kind, type Message } from "../../node/protocol/frame.ts";
import {
  GrowingIndex,
  haveOneClock,
  type IndexedFlow,
  type MeasuredPackets,
  type MeasuredStream,
  type ServerToClient,
  serverToClient,
} from "../read_flows.ts";
import type { LoggedLine } from "../read_logs.ts";
import type { RecordPlace } from "../read_records.ts";
import type { FlowRows, LiveRows, MessageRows } from "./live.ts";
import { SourceFlows } from "./source.ts";
import type { RowChunk } from "./table.ts";

/** Chunks of all flows that wait decoded. */
const MAX_DECODED = 256;
/** A flow that has ended has sent all samples when nothing came for this long, in milliseconds. */
const QUIET_MS = 1000;
/** Rows that wait at most. */
const MAX_ROWS = 4096;

/** A table that is followed. */
export interface FollowedTable {
  readonly live: LiveRows;
  /** Takes rows. */
  write(rows: RowChunk): Promise<void> | void;
}

/** Rows that wait to be written. */
interface ReadyRows {
  readonly table: FollowedTable;
  readonly rows: RowChunk;
}

async function writeReady(ready: ReadyRows[]): Promise<void> {
  for (const { table, rows } of ready.splice(0)) await table.write(rows);
}

/** Measures a flow whose samples are stored. */
export type MeasureFlow = (flow: IndexedFlow, index: GrowingIndex) => Promise<MeasuredStream | MeasuredPackets>;

/** What a {@linkcode RowFollower} knows of the test, and can do besides. */
export interface RowFollowerOptions {
  /**
   * The names of all that the test runs, see {@linkcode namesIn}: only ends that it has can send samples. Where it is
   * not known, the rows of a flow with one end come when the flow is over.
   */
  readonly runners: ReadonlySet<string> | undefined;
  /** Measures flows for tables of flows, whose records need places then. */
  readonly measure?: MeasureFlow;
  /**
   * Reads a record again. Without it, samples that wait for those of the other end are handed on where they are too
   * many, and their rows may differ from those of the stored records.
   */
  readonly read?: (place: RecordPlace) => Promise<Message>;
}

/** Returns the names of an object's properties, and of those of all objects in it: what a test of a plan runs, and more. */
export function namesIn(value: unknown, names = new Set<string>()): Set<string> {
  if (typeof value !== "object" || value === null) return names;
  for (const [name, inner] of Object.entries(value)) {
    if (!Array.isArray(value)) names.add(name);
    namesIn(inner, names);
  }
  return names;
}

/** Makes rows of tables of the records of a test, as they come. */
export class RowFollower {
  readonly #tables: readonly FollowedTable[];
  readonly #options: RowFollowerOptions;
  readonly #index = new GrowingIndex();
  readonly #flows: SourceFlows;
  readonly #followed = new Map<string, FollowedFlow>();
  readonly #messages: { readonly table: FollowedTable; readonly rows: MessageRows }[] = [];
  readonly #ready: ReadyRows[] = [];
  readonly #test: FollowedTest;

  /**
   * @param tables that are followed
   * @param flows a glob pattern for the ids of flows
   */
  constructor(tables: readonly FollowedTable[], flows: string | undefined, options: RowFollowerOptions) {
    this.#tables = tables;
    this.#options = options;
    this.#flows = new SourceFlows(this.#index, flows);
    this.#test = { tables, flows: this.#flows, options, decodedLeft: MAX_DECODED };
    for (const table of tables) {
      if (table.live.of === "message") this.#messages.push({ table, rows: table.live.start(this.#flows) });
    }
  }

  /** Whether a table has rows of this kind. */
  has(of: LiveRows["of"]): boolean {
    return this.#tables.some(({ live }) => live.of === of);
  }

  /**
   * Adds a record.
   *
   * @param now by the clock of `performance.now()`
   * @throws {TineError} `bad-item`, `bad-records`
   */
  add(message: Message, now: number, place?: RecordPlace): void {
    if (message.kind !== Kind.records) {
      for (const { table, rows } of this.#messages) {
        const ready = rows.add(message);
        if (ready !== undefined) this.#ready.push({ table, rows: ready });
      }
      const flow = this.#index.addItem(message);
      if (flow !== undefined && this.#flows.wants(flow.flow)) this.#flow(flow).seen = now;
      return;
    }
    if (!this.#flows.wants(message.name)) return;
    if (this.#options.measure !== undefined && place !== undefined) this.#index.addPlace(message, place);
    const flow = this.#flow(this.#index.flow(message.name));
    flow.seen = now;
    const chunk = readChunk(message.payload);
    flow.counts.add(chunk);
    if (this.has("samples") || this.has("chunk")) flow.add(chunk, isAtServer(message.payload), message.origin, place);
  }

  /** Adds lines of logs, and writes their rows. */
  async addLines(lines: readonly LoggedLine[]): Promise<void> {
    for (const table of this.#tables) {
      const { live } = table;
      if (live.of !== "lines") continue;
      const wanted = lines.filter((line) => live.wanted(line));
      if (wanted.length > 0) await table.write(live.rows(wanted, this.#flows));
    }
  }

  /** Writes rows while more records are at hand: where many wait. */
  async write(): Promise<void> {
    await writeReady(this.#ready);
    for (const flow of this.#followed.values()) {
      await flow.release();
      await this.#write(flow, MAX_ROWS);
    }
  }

  /**
   * Writes all rows that can be made by now.
   *
   * @param end no record follows
   */
  async settle(now: number, end: boolean): Promise<void> {
    await writeReady(this.#ready);
    for (const flow of this.#followed.values()) {
      if (end || flow.isOver(now)) {
        await this.#end(flow);
        continue;
      }
      await flow.release();
      await this.#write(flow, 1);
    }
    if (!end) return;
    for (const { table, rows } of this.#messages.splice(0)) {
      const ready = rows.end();
      if (ready !== undefined) await table.write(ready);
    }
  }

  #flow(flow: IndexedFlow): FollowedFlow {
    let followed = this.#followed.get(flow.flow);
    if (followed === undefined) {
      this.#followed.set(flow.flow, followed = new FollowedFlow(flow, this.#test));
    }
    return followed;
  }

  /** @param least the fewest rows that are worth a write */
  async #write(flow: FollowedFlow, least: number): Promise<void> {
    await writeReady(flow.ready);
    for (const [table, rows] of flow.rows) {
      if (rows !== undefined && rows.count >= least) await table.write(rows.take()!);
    }
  }

  /** Writes the last rows of a flow. */
  async #end(flow: FollowedFlow): Promise<void> {
    if (flow.over) return;
    await flow.end();
    await this.#write(flow, 1);
    flow.rows.clear();
    if (this.#options.measure === undefined) return;
    const measured = await this.#options.measure(flow.flow, this.#index);
    flow.flow.places.clear();
    for (const table of this.#tables) {
      if (table.live.of !== "flow") continue;
      for (const rows of table.live.rows(measured)) await table.write(rows);
    }
  }
}

/** What the flows of a test share. */
interface FollowedTest {
  readonly tables: readonly FollowedTable[];
  readonly flows: SourceFlows;
  readonly options: RowFollowerOptions;
  /** How many chunks may still wait decoded. */
  decodedLeft: number;
}

/** Samples that wait. */
interface Held {
  readonly place?: RecordPlace;
  /** Of the first sample, by the clock of its end, from the `tinit` of that on. */
  readonly t: number;
  readonly atServer: boolean;
  /** Left out where many wait. */
  readonly chunk?: Chunk;
}

/** A queue that is emptied from its start, in constant time. */
class Queue<T> {
  readonly #items: T[] = [];
  #taken = 0;

  get first(): T | undefined {
    return this.#items[this.#taken];
  }

  push(item: T): void {
    this.#items.push(item);
  }

  shift(): void {
    this.#taken++;
    if (this.#taken * 2 < this.#items.length || this.#taken < 64) return;
    this.#items.splice(0, this.#taken);
    this.#taken = 0;
  }
}

/**
 * A flow of a test. Its samples are handed on in the order of those that are stored, so that the rows are the same: a
 * chunk waits until the other end has sent one that is later, however long that takes, or until nothing can follow.
 */
class FollowedFlow {
  /** When something of it came. */
  seen = 0;
  /** Nothing more is made of it. */
  over = false;
  readonly counts = new SampleCounts();
  /** Rows of tables that are made of samples. */
  readonly rows = new Map<FollowedTable, FlowRows | undefined>();
  /** Rows of other tables. */
  readonly ready: ReadyRows[] = [];
  /** By end and node. */
  readonly #held = new Map<string, Queue<Held>>();
  /** Chunks for tables of chunks, while it is not known which end took them. */
  #unplaced: { readonly chunk: Chunk; readonly node: string }[] = [];
  #order: ServerToClient | undefined;

  constructor(readonly flow: IndexedFlow, readonly test: FollowedTest) {}

  /** Whether it has ended, and all has come. */
  isOver(now: number): boolean {
    return now - this.seen >= QUIET_MS && !this.#isUnknown("client") && !this.#isUnknown("server") &&
      this.counts.areAllOf(this.flow);
  }

  /** Adds samples. */
  add(chunk: Chunk, atServer: boolean, node: string, place: RecordPlace | undefined): void {
    if (this.over) return;
    if (this.test.tables.some(({ live }) => live.of === "chunk")) this.#unplaced.push({ chunk, node });
    if (!this.test.tables.some(({ live }) => live.of === "samples")) return;
    const key = keyOf(atServer, node);
    let held = this.#held.get(key);
    if (held === undefined) this.#held.set(key, held = new Queue());
    const isDecoded = this.test.decodedLeft > 0 || place === undefined || this.test.options.read === undefined;
    if (isDecoded) this.test.decodedLeft--;
    held.push({ place, t: chunk.columns.t[0], atServer, ...isDecoded && { chunk } });
  }

  /** Hands on the samples whose turn it is. */
  async release(): Promise<void> {
    if (this.#unplaced.length > 0) this.#unplaced = this.#unplaced.filter((one) => !this.#makeRows(one, false));
    while (this.#earliest() !== undefined && (this.test.decodedLeft < 0 || !this.#waits())) await this.#next();
  }

  /** Hands on all samples. */
  async end(): Promise<void> {
    for (const one of this.#unplaced.splice(0)) this.#makeRows(one, true);
    while (this.#earliest() !== undefined) await this.#next();
    for (const rows of this.rows.values()) rows?.end();
    this.over = true;
  }

  /** Whether samples may come that are earlier than all that are there. */
  #waits(): boolean {
    const { client, server } = this.flow;
    for (const [end, info] of [["client", client], ["server", server]] as const) {
      if (info === undefined) {
        if (this.#isUnknown(end)) return true;
      } else {
        const key = keyOf(info.type === "packetInfo" && end === "server", info.nodeId);
        if (this.#held.get(key)?.first === undefined) return true;
      }
    }
    return false;
  }

  /** Whether an end may be part of the test, though it has not described itself yet. */
  #isUnknown(end: "client" | "server"): boolean {
    if (this.flow[end] !== undefined) return false;
    const { client, server } = this.flow;
    const type = (client ?? server)?.type;
    const { runners } = this.test.options;
    if (runners === undefined || type === undefined) return true;
    return runners.has((type === "streamInfo" ? "stream" : "packet") + (end === "client" ? "Client" : "Server"));
  }

  /** The samples that are the earliest of those that wait. */
  #earliest(): Queue<Held> | undefined {
    const order = this.#order ??= serverToClient(this.flow, this.test.flows.index);
    let earliest: Queue<Held> | undefined;
    let least = Infinity;
    for (const queue of this.#held.values()) {
      if (queue.first === undefined) continue;
      const { t, atServer } = queue.first;
      const time = atServer ? t * order.rate + order.shiftNanos : t;
      // What is damaged must not hold up the others.
      if (earliest !== undefined && !(Number.isNaN(time) || time < least)) continue;
      earliest = queue;
      least = Number.isNaN(time) ? -Infinity : time;
    }
    return earliest;
  }

  /** Hands on the earliest samples. */
  async #next(): Promise<void> {
    const queue = this.#earliest()!;
    const { place, chunk } = queue.first!;
    queue.shift();
    if (chunk !== undefined) this.test.decodedLeft++;
    if (this.rows.size === 0) this.#start();
    const samples = chunk ?? readChunk((await this.test.options.read!(place!)).payload);
    for (const rows of this.rows.values()) rows?.add(samples);
  }

  /**
   * Makes rows of a chunk by itself, once the end that took it has described itself.
   *
   * @param last nothing follows
   * @returns whether they are made
   */
  #makeRows({ chunk, node }: { readonly chunk: Chunk; readonly node: string }, last: boolean): boolean {
    // A stream's samples of one end are told from those of the other by where the ends are.
    const ends = chunk.kind === "streamIO"
      ? ["client", "server"] as const
      : [chunk.columns.server[0] === 1 ? "server" : "client"] as const;
    if (!last && ends.some((end) => this.flow[end] === undefined && this.#isUnknown(end))) return false;
    for (const table of this.test.tables) {
      if (table.live.of !== "chunk") continue;
      const rows = table.live.rows(chunk, node, this.flow, this.test.flows);
      if (rows !== undefined) this.ready.push({ table, rows });
    }
    return true;
  }

  #start(): void {
    const { flow, test: { flows, tables } } = this;
    const clocks = haveOneClock(flow.client, flow.server, flows.index.nodes) ? SHARED_CLOCK : undefined;
    for (const table of tables) {
      if (table.live.of === "samples") this.rows.set(table, table.live.start(flow, flows, clocks));
    }
  }
}

/** Identifies the samples of an end on a node, which come in their order. */
function keyOf(atServer: boolean, node: string): string {
  return `${atServer} ${node}`;
}

/** What the samples of a flow count so far. */
class SampleCounts {
  /** Packets, by end: at the client and at the server. */
  readonly #sent: [number, number] = [0, 0];
  readonly #received: [number, number] = [0, 0];
  /** Those that the server has received and was to echo. */
  #toEcho = 0;
  /** Bytes of a stream that its receiver and its sender have counted. */
  readonly #bytes: [number, number] = [0, 0];

  add(chunk: Chunk): void {
    if (chunk.kind === "streamIO") {
      const { total, sent } = chunk.columns;
      for (let i = 0; i < chunk.count; i++) {
        const end = sent[i] === 1 ? 1 : 0;
        if (total[i] > this.#bytes[end]) this.#bytes[end] = total[i];
      }
    } else if (chunk.kind === "packetIO") {
      const { packets, sent, server, flag } = chunk.columns;
      for (let i = 0; i < chunk.count; i++) {
        const end = server[i] === 1 ? 1 : 0;
        (sent[i] === 1 ? this.#sent : this.#received)[end] += packets[i];
        if (end === 1 && sent[i] !== 1 && flag[i] & ECHO) this.#toEcho += packets[i];
      }
    }
  }

  /** Whether the flow has ended, and each end that is part of the test has sent as much as the last report counts. */
  areAllOf({ client, server, report }: IndexedFlow): boolean {
    if (report?.kind === "stream") {
      const sender = (client ?? server)?.values.direction === "upload" ? client : server;
      return [sender === client ? server : client, sender]
        .every((end, i) => end === undefined || this.#bytes[i] >= report.bytes);
    }
    if (report?.kind !== "packets" || !report.complete) return false;
    const sum = (key: typeof PACKET_COUNTS[number]) => sumCounts(report.senders)[key];
    const isAll = client === undefined ||
      this.#sent[0] >= sum("sent") && this.#received[0] >= sum("received") + sum("duplicates");
    return isAll && (server === undefined ||
      this.#received[1] >= sum("serverReceived") + sum("serverDuplicates") &&
        this.#sent[1] >= sum("serverSent") + this.#toEcho - sum("serverDuplicates") - sum("serverSendErrors"));
  }
}
