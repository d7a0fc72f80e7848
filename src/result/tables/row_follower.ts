import { SHARED_CLOCK } from "../../flow/analysis/mod.ts";
import { type Chunk, readChunk } from "../../flow/records/read_chunk.ts";
import { Kind, type Message } from "../../node/protocol/frame.ts";
import {
  GrowingIndex,
  haveOneClock,
  type IndexedFlow,
  type MeasuredPackets,
  type MeasuredStream,
} from "../read_flows.ts";
import type { LoggedLine } from "../read_logs.ts";
import type { RecordPlace } from "../read_records.ts";
import type { FlowRows, LiveRows, MessageRows } from "./live.ts";
import { serverShift, timeOf } from "./packet_tables.ts";
import { SourceFlows } from "./source.ts";
import type { RowChunk } from "./table.ts";

/** For how long the samples of one end wait for those of the other, in milliseconds. */
const HOLD_MS = 1000;
/** Chunks of a flow that wait at most. */
const MAX_HELD = 256;
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

/** Makes rows of tables of the records of a test, as they come. */
export class RowFollower {
  readonly #tables: readonly FollowedTable[];
  readonly #measure: MeasureFlow | undefined;
  readonly #index = new GrowingIndex();
  readonly #flows: SourceFlows;
  readonly #followed = new Map<string, FollowedFlow>();
  readonly #messages: { readonly table: FollowedTable; readonly rows: MessageRows }[] = [];
  readonly #ready: ReadyRows[] = [];

  /**
   * @param tables that are followed
   * @param flows a glob pattern for the ids of flows
   * @param measure measures flows for tables of flows, whose records need places then
   */
  constructor(tables: readonly FollowedTable[], flows: string | undefined, measure?: MeasureFlow) {
    this.#tables = tables;
    this.#measure = measure;
    this.#flows = new SourceFlows(this.#index, flows);
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
    if (this.#measure !== undefined && place !== undefined) this.#index.addPlace(message, place);
    const flow = this.#flow(this.#index.flow(message.name));
    flow.seen = now;
    if (this.has("samples") || this.has("chunk")) flow.add(readChunk(message.payload), message.origin, now);
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
  async write(now: number): Promise<void> {
    await writeReady(this.#ready);
    for (const flow of this.#followed.values()) {
      flow.release(now);
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
      flow.release(now);
      for (const rows of flow.rows.values()) rows?.settle();
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
      this.#followed.set(flow.flow, followed = new FollowedFlow(flow, this.#flows, this.#tables));
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
    flow.end();
    await this.#write(flow, 1);
    flow.rows.clear();
    if (this.#measure === undefined) return;
    const measured = await this.#measure(flow.flow, this.#index);
    flow.flow.places.clear();
    for (const table of this.#tables) {
      if (table.live.of !== "flow") continue;
      for (const rows of table.live.rows(measured)) await table.write(rows);
    }
  }
}

/** The samples of an end on a node that wait for those of the other. */
interface Held {
  readonly chunks: { readonly chunk: Chunk; readonly node: string }[];
  /** When the last one came. */
  came: number;
}

/**
 * A flow of a test. Samples are merged by time, as of one that is stored: a chunk waits until each end that sends
 * samples has one that is later, or has sent nothing for a second.
 */
class FollowedFlow {
  /** When something of it came. */
  seen = 0;
  /** Nothing more is made of it. */
  over = false;
  /** Rows of tables that are made of samples. */
  readonly rows = new Map<FollowedTable, FlowRows | undefined>();
  /** Rows of other tables. */
  readonly ready: ReadyRows[] = [];
  /** By node and end. */
  readonly #held = new Map<string, Held>();
  #count = 0;
  #first = Infinity;
  #started = false;

  constructor(
    readonly flow: IndexedFlow,
    readonly flows: SourceFlows,
    readonly tables: readonly FollowedTable[],
  ) {}

  /** Whether it has ended, and all has come. */
  isOver(now: number): boolean {
    const { report } = this.flow;
    const complete = report?.kind === "stream" || report?.kind === "packets" && report.complete;
    return complete && now - this.seen >= QUIET_MS;
  }

  /** Adds samples. */
  add(chunk: Chunk, node: string, now: number): void {
    if (this.over) return;
    const atServer = chunk.kind === "packetIO" && chunk.columns.server[0] === 1;
    const key = `${atServer} ${node}`;
    let held = this.#held.get(key);
    if (held === undefined) this.#held.set(key, held = { chunks: [], came: now });
    held.chunks.push({ chunk, node });
    held.came = now;
    this.#count++;
    this.#first = Math.min(this.#first, now);
  }

  /** Hands on the samples whose turn it is. */
  release(now: number): void {
    while (this.#count > 0 && (this.#count > MAX_HELD || !this.#waits(now))) this.#next();
  }

  /** Hands on all samples. */
  end(): void {
    while (this.#count > 0) this.#next();
    for (const rows of this.rows.values()) rows?.end();
    this.over = true;
  }

  #waits(now: number): boolean {
    // Which ends send samples is not known at first.
    if (this.#held.size < 2 && now - this.#first < HOLD_MS && !this.#hasOne) return true;
    return this.#held.values().some(({ chunks, came }) => chunks.length === 0 && now - came < HOLD_MS);
  }

  /** Whether samples come from one end only, as far as is known: those of a stream within a node come as one. */
  get #hasOne(): boolean {
    const { client, server } = this.flow;
    if (client === undefined || server === undefined) return false;
    return client.type === "streamInfo" && client.nodeId === server.nodeId;
  }

  /** Hands on the earliest samples. */
  #next(): void {
    const shift = serverShift(this.flow);
    let earliest: Held | undefined;
    let time = Infinity;
    for (const held of this.#held.values()) {
      if (held.chunks.length === 0) continue;
      const t = timeOf(held.chunks[0].chunk, shift);
      // What is damaged must not hold up the others.
      if (earliest !== undefined && !(Number.isNaN(t) || t < time)) continue;
      earliest = held;
      time = Number.isNaN(t) ? -Infinity : t;
    }
    const { chunk, node } = earliest!.chunks.shift()!;
    this.#count--;
    if (!this.#started) this.#start();
    for (const rows of this.rows.values()) rows?.add(chunk);
    for (const table of this.tables) {
      if (table.live.of !== "chunk") continue;
      const rows = table.live.rows(chunk, node, this.flow, this.flows);
      if (rows !== undefined) this.ready.push({ table, rows });
    }
  }

  #start(): void {
    this.#started = true;
    const { flow, flows } = this;
    const clocks = haveOneClock(flow.client, flow.server, flows.index.nodes) ? SHARED_CLOCK : undefined;
    for (const table of this.tables) {
      if (table.live.of === "samples") this.rows.set(table, table.live.start(flow, flows, clocks));
    }
  }
}
