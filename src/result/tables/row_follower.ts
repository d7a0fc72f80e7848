import { Kind, type Message } from "../../node/protocol/frame.ts";
import type { Measured } from "../read_flows.ts";
import { isAtServer } from "../../flow/records/read_chunk.ts";
import { GrowingIndex, type IndexedFlow } from "../flow_index.ts";
import type { LoggedLine } from "../read_logs.ts";
import type { RecordPlace } from "../read_records.ts";
import {
  type FlowFollowOptions,
  type FollowContext,
  FollowedFlow,
  type FollowedTable,
  MAX_DECODED,
  type ReadyRows,
} from "./followed_flow.ts";
import type { LiveRows, MessageRows } from "./live.ts";
import { SourceFlows } from "./source.ts";

export type { FollowedTable } from "./followed_flow.ts";

/** Rows that wait at most. */
const MAX_ROWS = 4096;

async function writeReady(ready: ReadyRows[]): Promise<void> {
  for (const { table, rows } of ready.splice(0)) await table.write(rows);
}

/** Measures a flow whose samples are stored. */
export type MeasureFlow = (flow: IndexedFlow, index: GrowingIndex) => Promise<Measured>;

/** What a {@linkcode RowFollower} knows of the test, see {@linkcode namesIn} for its runners, and can do besides. */
export interface RowFollowerOptions extends FlowFollowOptions {
  /** Measures flows for tables of flows, whose records need places then. */
  readonly measure?: MeasureFlow;
}

/** Chunks of a flow that wait for receivers: those come to know of it before its first packet. */
const MAX_SENT = 64;

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
  /** First samples of flows to groups at their senders, for receivers that become known later. */
  readonly #sent = new Map<string, { readonly message: Message; readonly place: RecordPlace | undefined }[]>();
  readonly #messages: { readonly table: FollowedTable; readonly rows: MessageRows }[] = [];
  readonly #ready: ReadyRows[] = [];
  readonly #test: FollowContext;

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
      if (flow !== undefined && this.#flows.wants(flow.flow)) this.#flow(flow, message.name).seen = now;
      return;
    }
    if (this.#index.flow(message.name).client?.values.group === true && !isAtServer(message.payload)) {
      const sent = this.#sent.getOrInsertComputed(message.name, () => []);
      if (sent.length < MAX_SENT) sent.push({ message, place });
    }
    if (this.#options.measure !== undefined && place !== undefined) this.#index.addPlace(message, place);
    for (const indexed of this.#index.flowsWith(message)) {
      if (!this.#flows.wants(indexed.flow)) continue;
      const flow = this.#flow(indexed, message.name);
      flow.seen = now;
      flow.add(message, place);
    }
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

  /** @param sent the flow as its client names it: a receiver of a group that becomes known has what came before of it */
  #flow(flow: IndexedFlow, sent: string): FollowedFlow {
    let followed = this.#followed.get(flow.flow);
    if (followed === undefined) {
      this.#followed.set(flow.flow, followed = new FollowedFlow(flow, this.#test));
      if (flow.flow !== sent) {
        for (const { message, place } of this.#sent.get(sent) ?? []) followed.add(message, place);
      }
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
    if (this.#index.flows.get(flow.flow.flow) !== flow.flow) {
      // Its receivers stand for it.
      flow.over = true;
      return;
    }
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
