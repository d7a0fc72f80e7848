import { ECHO, SHARED_CLOCK } from "../../flow/analysis/mod.ts";
import { type PACKET_COUNTS, sumCounts } from "../../flow/report.ts";
import { type Chunk, isAtServer, readChunk } from "../../flow/records/read_chunk.ts";
import type { Message } from "../../node/protocol/frame.ts";
import { haveOneClock, type IndexedFlow, type ServerToClient, serverToClient } from "../flow_index.ts";
import { sinceHeard } from "../group_receiver.ts";
import type { RecordPlace } from "../read_records.ts";
import type { FlowRows, LiveRows } from "./live.ts";
import type { SourceFlows } from "./source.ts";
import type { RowChunk } from "./table.ts";

/** A table that is followed. */
export interface FollowedTable {
  readonly live: LiveRows;
  /** Takes rows. */
  write(rows: RowChunk): Promise<void> | void;
}

/** Rows that wait to be written. */
export interface ReadyRows {
  readonly table: FollowedTable;
  readonly rows: RowChunk;
}

/** Chunks of all flows that wait decoded. */
export const MAX_DECODED = 256;
/** A flow that has ended has sent all samples when nothing came for this long, in milliseconds. */
const QUIET_MS = 1000;

/** What is known of a test, and can be done besides. */
export interface FlowFollowOptions {
  /**
   * The names of all that the test runs: only ends that it has can send samples. Where it is not known, the rows of a
   * flow with one end come when the flow is over.
   */
  readonly runners: ReadonlySet<string> | undefined;
  /**
   * Reads a record again. Without it, samples that wait for those of the other end are handed on where they are too
   * many, and their rows may differ from those of the stored records.
   */
  readonly read?: (place: RecordPlace) => Promise<Message>;
}

/** What the flows of a test share. */
export interface FollowContext {
  readonly tables: readonly FollowedTable[];
  readonly flows: SourceFlows;
  readonly options: FlowFollowOptions;
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
export class FollowedFlow {
  /** When something of it came. */
  seen = 0;
  /** Nothing more is made of it. */
  over = false;
  /** Rows of tables that are made of samples. */
  readonly rows = new Map<FollowedTable, FlowRows | undefined>();
  /** Rows of other tables. */
  readonly ready: ReadyRows[] = [];
  readonly #counts = new SampleCounts();
  /** By end and node. */
  readonly #held = new Map<string, Queue<Held>>();
  /** Chunks for tables of chunks, while it is not known which end took them. */
  #unplaced: { readonly chunk: Chunk; readonly node: string }[] = [];
  #order: ServerToClient | undefined;

  constructor(readonly flow: IndexedFlow, readonly test: FollowContext) {}

  /** Whether it has ended, and all has come. */
  isOver(now: number): boolean {
    return now - this.seen >= QUIET_MS && !this.#isUnknown("client") && !this.#isUnknown("server") &&
      this.#counts.areAllOf(this.flow);
  }

  /**
   * Adds samples.
   *
   * @throws {TineError} `bad-records`
   */
  add({ payload, origin: node }: Message, place: RecordPlace | undefined): void {
    if (this.over) return;
    const chunk = readChunk(payload);
    this.#counts.add(chunk);
    const { tables } = this.test;
    if (tables.some(({ live }) => live.of === "chunk")) this.#unplaced.push({ chunk, node });
    if (!tables.some(({ live }) => live.of === "samples")) return;
    const atServer = isAtServer(payload);
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
    while (this.#hasHeld && (this.test.decodedLeft < 0 || !this.#waits())) await this.#next();
  }

  /** Hands on all samples. */
  async end(): Promise<void> {
    for (const one of this.#unplaced.splice(0)) this.#makeRows(one, true);
    while (this.#hasHeld) await this.#next();
    for (const rows of this.rows.values()) rows?.end();
    this.over = true;
  }

  get #hasHeld(): boolean {
    return this.#held.values().some(({ first }) => first !== undefined);
  }

  /** Whether samples may come that are earlier than all that are there. */
  #waits(): boolean {
    const { client, server } = this.flow;
    // The client alone records transactions, in their order.
    if (isOfTransactions(this.flow)) return client === undefined && this.#isUnknown("client");
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
    const { type, values } = client ?? server ?? {};
    const { runners } = this.test.options;
    if (runners === undefined || type === undefined) return true;
    const isStream = type === "streamInfo" || type === "transactionInfo" && values?.transport === "tcp";
    return runners.has((isStream ? "stream" : "packet") + (end === "client" ? "Client" : "Server"));
  }

  /** The samples that are the earliest of those that wait; both ends have described themselves, or never will. */
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
    const read = chunk ?? readChunk((await this.test.options.read!(place!)).payload);
    const samples = sinceHeard(read, this.flow.server);
    for (const rows of this.rows.values()) rows?.add(samples);
  }

  /**
   * Makes rows of a chunk by itself, once the end that took it has described itself.
   *
   * @param last nothing follows
   * @returns whether they are made
   */
  #makeRows({ chunk, node }: { readonly chunk: Chunk; readonly node: string }, last: boolean): boolean {
    // The end that a stream's samples are of is known from where the ends are.
    const ends = chunk.kind === "transactionIO"
      ? ["client"] as const
      : chunk.kind === "streamIO"
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

function isOfTransactions({ client, server }: IndexedFlow): boolean {
  return (client ?? server)?.type === "transactionInfo";
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
  #transactions = 0;
  /** Bytes of a stream that its receiver and its sender have counted. */
  readonly #bytes: [number, number] = [0, 0];

  add(chunk: Chunk): void {
    if (chunk.kind === "transactionIO") this.#transactions += chunk.count;
    else if (chunk.kind === "streamIO") {
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
    if (report?.kind === "transactions") {
      return report.complete && (client === undefined || this.#transactions >= report.transactions + report.lost);
    }
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
