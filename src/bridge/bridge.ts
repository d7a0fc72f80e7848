import { messageOf, TineError } from "../base/errors.ts";
import { wantedSamples } from "../result/tables/source.ts";
import { chunkHead } from "../flow/records/read_chunk.ts";
import type { RecordKind } from "../flow/records/format.ts";
import { selfCommand } from "../node/launch/executable.ts";
import { asUser, thisHost, userEnv } from "../node/launch/invoking_user.ts";
import { type LocalProcess, startLocal } from "../node/launch/local.ts";
import type { UdfConfig } from "../node/plan/types.ts";
import { findTool } from "../node/process/tools.ts";
import { encodeFrame, Kind, Lane, type Message } from "../node/protocol/frame.ts";
import { FLOW_ITEMS } from "../result/flow_index.ts";
import type { UdfSummary } from "../result/summary.ts";
import type { StorePlace } from "../result/test_store.ts";
import { lines } from "../base/lines.ts";
import { ByteWriter } from "../wire/byte_writer.ts";
import { writeAll } from "../wire/connection.ts";
import { ConditionMonitor } from "./conditions.ts";
import type { BridgeEnd, BridgeReport, BridgeSetup, UdfProgress } from "./messages.ts";

/** Messages that wait for the process of the UDFs, in bytes; samples and logs on top are dropped. */
const MAX_PENDING_BYTES = 32 * 2 ** 20;
/** What UDFs may return together in a test, in bytes, where there is room for as much. */
const MAX_OUTPUT_BYTES = 2 ** 30;
/** How long the process may take for its own end, beyond what its UDFs get, in milliseconds. */
const END_GRACE_MS = 20_000;
/** The nice value of the process: a third of the weight of others, so that rows still come in time. */
const NICE = "5";

/** Which samples the rows of a table are made of; others are made of records that are few. */
const SAMPLES: Readonly<Record<string, readonly RecordKind[]>> = {
  round_trips: ["packetIO"],
  losses: ["packetIO"],
  packets: ["packetIO"],
  transactions: ["transactionIO"],
  stream_io: ["streamIO"],
  tcp_info: ["tcpInfo"],
  intervals: ["packetIO", "streamIO", "tcpInfo", "transactionIO"],
};

/** Tables that are made of logs. */
const LOG_TABLES: ReadonlySet<string> = new Set(["logs", "errors"]);

/** Items that say what samples are about, and what runs of the tree do. */
const ITEMS: ReadonlySet<number> = new Set([...FLOW_ITEMS, Kind.runTimes, Kind.counters]);

/** What a bridge works with. */
export interface BridgeOptions extends Pick<BridgeSetup, "run" | "id" | "idKeys" | "runners"> {
  readonly udfs: readonly UdfConfig[];
  /** Where what they return is stored. */
  readonly place: StorePlace;
  /** Gets sentences about a UDF, and the lines that it prints; about all of them where the name is empty. */
  log(udf: string, text: string): void;
  /** Gets how far the UDFs are, twice a second. */
  progress?(udfs: readonly UdfProgress[]): void;
  /** Called when a UDF ends the test, with the reason. */
  stop(udf: string, reason: string): void;
  /** Called when a UDF has failed for good. */
  failed(udf: string, error: TineError): void;
}

/**
 * Lets UDFs of a plan run beside a test, in a process of their own: nothing that they do can hold up the root, which
 * hands on what reaches it and never waits. What the process does not take in time is dropped and counted.
 *
 * @example
 * ```ts ignore
 * import { Bridge } from "./bridge.ts";
 *
 * const bridge = Bridge.start({ udfs, place: store.place, id: test.id, idKeys: ["name"], runners: ["sleep"], log, stop, failed });
 * for await (const message of messages) bridge.message(message);
 * const summaries = await bridge.end(10_000);
 * ```
 */
export class Bridge {
  readonly #options: BridgeOptions;
  readonly #wants: readonly ((flow: string, kind: RecordKind) => boolean)[];
  readonly #wantsLogs: boolean;
  readonly #dropped: number[];
  readonly #failed = new Map<string, TineError>();
  readonly #ended = Promise.withResolvers<readonly UdfSummary[] | undefined>();
  #process: LocalProcess | undefined;
  #pending = new ByteWriter(64 * 1024);
  #spare = new ByteWriter(64 * 1024);
  #writing: Promise<void> | undefined;

  private constructor(options: BridgeOptions) {
    this.#options = options;
    this.#dropped = options.udfs.map(() => 0);
    this.#wants = options.udfs.map(({ table, flows }) => {
      const kinds = SAMPLES[table] ?? [];
      const wanted = wantedSamples(flows) ?? (() => true);
      return (flow, kind) => kinds.includes(kind) && wanted(flow);
    });
    this.#wantsLogs = options.udfs.some(({ table }) => LOG_TABLES.has(table));
  }

  /** Starts the UDFs; where even their process cannot be started, all have failed. */
  static start(options: BridgeOptions): Bridge {
    const bridge = new Bridge(options);
    bridge.#start();
    return bridge;
  }

  /** The number of bytes that wait for the process of the UDFs. */
  get pendingBytes(): number {
    return this.#pending.position;
  }

  /** Hands on a message of the test. Its payload is copied. */
  message(message: Message): void {
    const { kind, name, payload } = message;
    if (kind === Kind.records) {
      const wanting = this.#wanting(name, payload);
      if (wanting.length === 0) return;
      if (this.#pending.position + payload.length <= MAX_PENDING_BYTES) return this.#put(message);
      for (const i of wanting) this.#dropped[i] += chunkHead(payload).count;
    } else if (kind === Kind.log || kind === Kind.error) {
      if (this.#wantsLogs && this.#pending.position + payload.length <= MAX_PENDING_BYTES) this.#put(message);
    } else if (ITEMS.has(kind)) this.#put(message);
  }

  /**
   * Ends the UDFs, once they have taken all rows.
   *
   * @param graceMs how long that may take
   * @returns what became of each
   */
  async end(graceMs: number): Promise<UdfSummary[]> {
    const end: BridgeEnd = { graceMs, droppedSamples: this.#dropped };
    this.#putJson(Kind.end, end);
    const timer = setTimeout(() => this.kill(), graceMs + END_GRACE_MS);
    const summaries = await this.#ended.promise;
    clearTimeout(timer);
    await this.#process?.[Symbol.asyncDispose]();
    return this.#options.udfs.map((config, i) => {
      const { name, table } = config;
      const error = this.#failed.get(name);
      const { alert } = new ConditionMonitor(config);
      return summaries?.[i] ?? {
        name,
        table,
        rowsIn: 0,
        pointsOut: 0,
        batchesOut: 0,
        droppedRows: 0,
        droppedSamples: this.#dropped[i],
        restarts: 0,
        bytes: 0,
        columns: [],
        ...(error && { error: { code: error.code, message: error.message } }),
        ...(alert && { alert }),
      };
    });
  }

  /** Ends the UDFs at once. */
  kill(): void {
    this.#process?.kill();
  }

  #start(): void {
    const { udfs, place, run, id, idKeys, runners, log } = this.#options;
    try {
      const self = selfCommand({ forOther: true });
      const env = Deno.env.toObject();
      // By sudo, UDFs run as the user that the results belong to.
      const user = place.owner && thisHost().user;
      this.#process = startLocal(
        [...user ? asUser(user) : [], ...gentle(), ...self.command, "node", "bridge"],
        { ...user ? userEnv(env, user) : env, ...self.env },
        (line) => log("", line),
      );
    } catch (error) {
      this.#giveUp(error instanceof TineError ? error : new TineError("internal", messageOf(error)));
      return;
    }
    const { folder, owner, bytesLeft } = place;
    const maxBytes = Math.floor(Math.min(MAX_OUTPUT_BYTES, bytesLeft / 2));
    const setup: BridgeSetup = { udfs, folder, ...(owner && { owner }), maxBytes, run, id, idKeys, runners };
    this.#putJson(Kind.setup, setup);
    void this.#read(this.#process);
  }

  /** The numbers of the UDFs whose rows are made of these samples. */
  #wanting(flow: string, chunk: Uint8Array): number[] {
    let kind: RecordKind;
    try {
      kind = chunkHead(chunk).kind;
    } catch {
      return []; // what is damaged is reported where it is stored
    }
    return [...this.#wants.keys()].filter((i) => this.#wants[i](flow, kind));
  }

  #putJson(kind: Kind, value: object): void {
    this.#put({ kind, origin: "", name: "", payload: new TextEncoder().encode(JSON.stringify(value)) });
  }

  #put({ kind, origin, name, payload }: Message): void {
    if (this.#process === undefined) return;
    const writer = this.#pending;
    const start = writer.openLength(2);
    encodeFrame(writer, { kind, lane: Lane.urgent, origin, name, number: 0, more: false, payload });
    writer.closeLength(start, 2);
    this.#writing ??= this.#write(this.#process);
  }

  async #write({ connection }: LocalProcess): Promise<void> {
    try {
      while (this.#pending.position > 0) {
        const full = this.#pending;
        this.#pending = this.#spare;
        this.#pending.position = 0;
        await writeAll(connection, full.written());
        this.#spare = full;
      }
      this.#writing = undefined;
    } catch {
      // It has ended: what it wrote says why. Nothing is written any more.
      this.#pending.position = 0;
    }
  }

  async #read(process: LocalProcess): Promise<void> {
    let summaries: readonly UdfSummary[] | undefined;
    try {
      for await (const line of lines(readable(process), MAX_REPORT_CHARS)) {
        const report: BridgeReport = JSON.parse(line);
        if (report.type === "ended") summaries = report.udfs;
        else this.#take(report);
      }
    } catch (error) {
      this.#options.log("", `a report of the UDFs cannot be read: ${messageOf(error)}`);
      process.kill();
    }
    if (summaries === undefined) {
      this.#giveUp(new TineError("bridge-failed", `the process of the UDFs ended: it ${await process.ended}`));
    } else this.#ended.resolve(summaries);
  }

  #take(report: Exclude<BridgeReport, { type: "ended" }>): void {
    const { log, stop, failed } = this.#options;
    if (report.type === "log") log(report.udf, report.text);
    else if (report.type === "progress") this.#options.progress?.(report.udfs);
    else if (report.type === "stop") stop(report.udf, report.reason);
    else {
      const error = new TineError(report.code, report.message);
      this.#failed.set(report.udf, error);
      failed(report.udf, error);
    }
  }

  /** All UDFs that have not failed yet have failed. */
  #giveUp(error: TineError): void {
    for (const { name } of this.#options.udfs) {
      if (this.#failed.has(name)) continue;
      this.#failed.set(name, error);
      this.#options.failed(name, error);
    }
    this.#ended.resolve(undefined);
  }
}

/** Summaries of many UDFs with many columns are long. */
const MAX_REPORT_CHARS = 16 * 2 ** 20;

/** What comes from a process as a stream. */
function readable({ connection }: LocalProcess): ReadableStream<Uint8Array> {
  return new ReadableStream({
    async pull(controller) {
      const bytes = new Uint8Array(16 * 1024);
      const count = await connection.read(bytes);
      if (count === null) controller.close();
      else controller.enqueue(bytes.subarray(0, count));
    },
  });
}

/** Words in front of a command that let it give way to others, where the system has the tool. */
function gentle(): string[] {
  try {
    return [findTool("nice", "it lets UDFs give way to the test"), "-n", NICE];
  } catch {
    return [];
  }
}
