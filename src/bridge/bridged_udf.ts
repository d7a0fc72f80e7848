import { Condition } from "../base/condition.ts";
import { messageOf, TineError } from "../base/errors.ts";
import { LogLimiter } from "../base/log_limiter.ts";
import type { UdfConfig } from "../node/plan/types.ts";
import type { AppendFile } from "../result/append_files.ts";
import type { UdfSummary } from "../result/summary.ts";
import type { RowChunk, TableSchema } from "../result/tables/table.ts";
import { writeUdfHead } from "../result/udf_output.ts";
import { UdfColumns } from "../result/udf_columns.ts";
import { type Batch, Batcher } from "../udf/batcher.ts";
import { encodeResponse } from "../udf/codec.ts";
import type { CreateHandler, FrameTaker } from "../udf/handler.ts";
import type { Response } from "../udf/messages.ts";
import { Point } from "../udf/point.ts";
import type { Receiver } from "../udf/response_taker.ts";
import type { RunningUdf } from "../udf/running_udf.ts";
import { Supervisor } from "../udf/supervise/supervisor.ts";
import { ByteReader } from "../wire/byte_reader.ts";
import { ConditionMonitor } from "./conditions.ts";
import { DEFAULT_BATCH_WINDOW_MS } from "./row_feeder.ts";
import { DirectHandler } from "./direct_handler.ts";
import type { UdfProgress } from "./messages.ts";
import type { ReachPlanUdfOptions } from "./reach_udf.ts";
import { OutputAllowance } from "./restraint.ts";
import { RowPoints } from "./row_points.ts";
import { udfOptions } from "../udf/option_values.ts";

/** Encoded rows that wait for a UDF, in bytes; what comes on top is dropped. */
const MAX_QUEUE_BYTES = 16 * 2 ** 20;
/** Input that is kept to be sent again after a restart, in bytes. */
const REPLAY_BYTES = 16 * 2 ** 20;
/** The largest message of a UDF, in bytes, and the most points of a batch: a UDF may send anything. */
const MAX_FRAME_BYTES = 16 * 2 ** 20;
const MAX_BATCH_POINTS = 1_000_000;
/** A UDF that is silent for longer is given up, in milliseconds. */
const TIMEOUT_MS = 10_000;
/** How long one that has not taken its options by the end of the test may take for them, in milliseconds. */
const START_GRACE_MS = 5000;
/** How a sentence of the supervisor starts about a UDF that is started again. */
const DIED = "the UDF died: ";
/** Points in and out after which others get their turn: a module that floods this process never pauses. */
const TURN_POINTS = 8192;
/** What takes processor time from a test, and what is done about it. */
const RESTRAINED = "it computes for long without taking a row, and gives way to all others until it takes one";
const FLOODS = "it returns far more than it gets, and few of its points are read each second";
/** Lines of a UDF that become entries of the log in a second. */
const MAX_LINES_PER_SECOND = 100;

/** What a UDF of a plan works with. */
export interface BridgedUdfOptions {
  readonly config: UdfConfig;
  /** The table whose rows it gets. */
  readonly schema: TableSchema;
  /** Makes it, where it is a handler that comes with tine. */
  readonly bundled: CreateHandler | undefined;
  /** Starts or connects to it, each time anew. */
  reach(options: Pick<ReachPlanUdfOptions, "log" | "waiting" | "onRestraint" | "signal">): Promise<RunningUdf>;
  /** Where what it returns goes, a file that is empty. */
  readonly file: AppendFile;
  /** A promise where more is returned than can be written. */
  room(): Promise<void> | undefined;
  /** Gets sentences about it, and the lines that it prints: some a second, then their number. */
  log(text: string): void;
  /** Called when what it returned ends the test, with the reason. */
  stop(reason: string): void;
  /** Called when it has failed for good. */
  failed(error: TineError): void;
}

/** Points on their way to a UDF. */
interface QueuedPoints {
  readonly bytes: Uint8Array;
  readonly places: Uint32Array;
  readonly count: number;
}

/**
 * A UDF of a plan with its queue: rows never wait for it, and what it does not take in time is dropped and counted. It is
 * started again when it dies; what it returns is appended to a file as it came.
 */
export class BridgedUdf {
  /** Samples of which no rows were made, since more came than could be taken. */
  droppedSamples = 0;
  readonly #options: BridgedUdfOptions;
  readonly #points: RowPoints;
  readonly #driver: Supervisor | DirectHandler;
  readonly #conditions: ConditionMonitor;
  readonly #columns: UdfColumns;
  readonly #reader = new ByteReader();
  readonly #queue: QueuedPoints[] = [];
  readonly #more = new Condition();
  readonly #log: LogLimiter;
  readonly #givingUp = new AbortController();
  #queuedBytes = 0;
  /** How many bytes the length of the last message took. */
  #lengthBytes = 1;
  #graceMs = 0;
  #rows = 0;
  /** Points since others had their turn. */
  #turn = 0;
  readonly #allowance = new OutputAllowance();
  /** Warnings that were given. */
  readonly #warnings = new Set<string>();
  #sent = 0;
  /** What it returned, without what came a second time after a restart. */
  #pointsOut = 0;
  #batchesOut = 0;
  #batcher: Batcher | undefined;
  #ready = false;
  /** It has taken all rows that came. */
  #idle = false;
  /** The last point that it returned, maybe encoded. */
  #last: Point | { readonly bytes: Uint8Array; readonly start: number; readonly end: number } | undefined;
  readonly #marks = new Map<string, number>();
  /** How it died last, or why it is not there yet. */
  #why: string | undefined;
  #ending = false;
  #failure: TineError | undefined;
  #running: Promise<void> | undefined;

  constructor(options: BridgedUdfOptions) {
    const { config, schema, reach, file } = options;
    this.#options = options;
    this.#log = new LogLimiter(options.log, { maxLines: MAX_LINES_PER_SECOND });
    this.#points = new RowPoints(schema, config.groupBy);
    this.#columns = new UdfColumns(schema);
    this.#conditions = new ConditionMonitor(config);
    const log = (line: string) => this.#log.log(line);
    const waiting = (why: string) => {
      this.#why = why;
      log(why);
    };
    const onRestraint = () => this.#warn(RESTRAINED);
    this.#driver = options.bundled !== undefined
      ? new DirectHandler(options.bundled, this.#receiver(), config.name)
      : new Supervisor(() => reach({ log, waiting, onRestraint, signal: this.#givingUp.signal }), this.#receiver(), {
        taskId: "tine",
        nodeId: config.name,
        timeoutMs: TIMEOUT_MS,
        maxFrameBytes: MAX_FRAME_BYTES,
        maxBatchPoints: MAX_BATCH_POINTS,
        replayBufferBytes: REPLAY_BYTES,
        dedupe: true,
        log: (message) => {
          if (message.startsWith(DIED)) this.#why = message.split("; starting it again", 1)[0];
          log(message);
        },
      });
    writeUdfHead(file.open(), config);
    file.close();
  }

  /** Starts it. */
  start(): void {
    this.#running ??= this.#run().catch((error) => this.#fail(error));
  }

  /** Takes rows of its table. The promise, where there is one, is that of a handler that comes with tine. */
  rows(rows: RowChunk): Promise<void> | void {
    this.#rows += rows.count;
    if (this.#failure !== undefined) return;
    const { bytes, count, places } = this.#points.encode(rows);
    // It is faster than the rows come, and nothing else holds them up.
    if (this.#idle && this.#driver instanceof DirectHandler) {
      return this.#send({ bytes: bytes.slice(), places, count }).catch((error) => this.#fail(error));
    }
    if (this.#queuedBytes + bytes.length > MAX_QUEUE_BYTES) return;
    this.#queuedBytes += bytes.length;
    this.#queue.push({ bytes: bytes.slice(), places: places.slice(), count });
    this.#more.notify();
  }

  /**
   * Ends it, once it has taken all rows.
   *
   * @param graceMs how long that may take
   */
  async end(graceMs: number): Promise<void> {
    // One that has not even taken its options so far will hardly take all rows.
    if (!this.#ready) graceMs = Math.min(graceMs, START_GRACE_MS);
    this.#graceMs = graceMs;
    this.#ending = true;
    this.#more.notify();
    const timer = setTimeout(() => {
      const what = this.#ready ? "taken all rows and ended" : "taken its options";
      const why = this.#why === undefined ? "" : `; ${this.#why}`;
      const message = `the UDF had not ${what} ${graceMs / 1000} s after the end of the test${why}`;
      this.#giveUp(new TineError("drain-timeout", message));
    }, graceMs);
    await this.#running;
    clearTimeout(timer);
    this.#log.end();
  }

  /** Gives it up at once. */
  abort(error: TineError): void {
    this.#ending = true;
    this.#giveUp(error);
  }

  /** How far it is. */
  get progress(): UdfProgress {
    const last = this.#last;
    const point = last === undefined || last instanceof Point ? last : this.#decode(last.bytes, last.start, last.end);
    const values: Record<string, number | boolean> = {};
    for (const [name, value] of point?.fields() ?? []) {
      if (typeof value !== "string") values[name] = typeof value === "bigint" ? Number(value) : value;
    }
    return {
      name: this.#options.config.name,
      rowsIn: this.#sent,
      pointsOut: this.#pointsOut,
      group: point?.group ?? "",
      last: values,
    };
  }

  /** What became of it by now. */
  get summary(): UdfSummary {
    const { config: { name, table }, file: { bytes } } = this.#options;
    const { alert } = this.#conditions;
    const rowsIn = this.#sent - (this.#batcher?.late ?? 0);
    return {
      name,
      table,
      rowsIn,
      pointsOut: this.#pointsOut,
      batchesOut: this.#batchesOut,
      droppedRows: this.#rows - rowsIn,
      droppedSamples: this.droppedSamples,
      restarts: this.#driver instanceof Supervisor ? this.#driver.supervision.restarts : 0,
      bytes,
      columns: this.#columns.columns,
      ...(this.#marks.size > 0 && { marks: Object.fromEntries(this.#marks) }),
      ...(this.#warnings.size > 0 && { warnings: [...this.#warnings] }),
      ...(this.#failure && { error: { code: this.#failure.code, message: this.#failure.message } }),
      ...(alert && { alert }),
    };
  }

  async #run(): Promise<void> {
    const driver = this.#driver;
    const { config } = this.#options;
    if (driver instanceof Supervisor) driver.start();
    const info = await driver.info();
    await driver.init(udfOptions(config.options, info));
    this.#ready = true;
    if (info.wants === "batch") {
      const windowNs = BigInt(Math.round((config.batchWindow ?? DEFAULT_BATCH_WINDOW_MS) * 1e6));
      this.#batcher = new Batcher({ windowNs });
    }
    for (;;) {
      const points = this.#queue.shift();
      if (points !== undefined) {
        await this.#send(points);
        this.#queuedBytes -= points.bytes.length;
      } else if (this.#ending) break;
      else {
        this.#idle = true;
        await this.#more.wait();
        this.#idle = false;
      }
      if (this.#failure !== undefined) return;
    }
    for (const batch of this.#batcher?.flush() ?? []) await driver.batch(batch);
    try {
      // One that is given up from now on is ended by force.
      await driver.stop(0, this.#graceMs);
    } catch (error) {
      if (!(error instanceof TineError) || error.code !== "bad-exit") throw error;
      this.#log.log(`the UDF has handled all rows, but did not end well: ${messageOf(error)}`);
    }
  }

  async #send({ bytes, places, count }: QueuedPoints): Promise<void> {
    const driver = this.#driver;
    for (let i = 0; i < count; i++) {
      const [start, end] = [places[2 * i], places[2 * i + 1]];
      if (this.#batcher === undefined) {
        const full = driver.pointFrame(bytes, start, end);
        if (full !== undefined) await full;
      } else {
        for (const batch of this.#batcher.point(this.#decode(bytes, start, end))) await driver.batch(batch);
      }
      this.#sent++;
    }
    await this.#pause(count);
  }

  /** Waits where more is returned than can be written, and lets others have their turn now and then. */
  #pause(points: number): Promise<void> | undefined {
    this.#turn += points;
    // A handler that comes with tine works on rows as they come in, between which others have their turn.
    if (this.#turn < TURN_POINTS || this.#driver instanceof DirectHandler) return this.#options.room();
    this.#turn = 0;
    const pauseMs = this.#allowance.pauseMs({ rows: this.#sent, points: this.#pointsOut });
    // One that takes its last rows may take the time that it has.
    if (pauseMs > 0 && !this.#ending) this.#warn(FLOODS);
    return new Promise<void>((resolve) => setTimeout(resolve, this.#ending ? 0 : pauseMs))
      .then(() => this.#options.room());
  }

  /** Logs a warning, once. */
  #warn(text: string): void {
    if (!this.#warnings.has(text)) this.#log.log(`warning: ${text}`);
    this.#warnings.add(text);
  }

  /** The point of a Request or Response. */
  #decode(bytes: Uint8Array, start: number, end: number): Point {
    const reader = this.#reader.reset(bytes, start, end);
    reader.uint32();
    reader.end = reader.delimited();
    return Point.decode(reader);
  }

  #receiver(): Receiver & FrameTaker {
    return {
      pointFrame: (bytes, start, end) => {
        this.#pointsOut++;
        this.#appendFrame(bytes, start, end);
        this.#last = { bytes, start, end };
        if (this.#conditions.any || this.#columns.truths.length > 0) this.#watch(this.#decode(bytes, start, end));
        return this.#pause(1);
      },
      point: (point) => {
        this.#pointsOut++;
        this.#appendResponse({ kind: "point", point });
        this.#last = point;
        this.#watch(point);
        return this.#pause(1);
      },
      batch: ({ begin, points, end }: Batch) => {
        this.#batchesOut++;
        this.#pointsOut += points.length;
        this.#appendResponse({ kind: "begin", begin });
        for (const point of points) {
          this.#appendResponse({ kind: "point", point });
          this.#watch(point, point.group || begin.group);
          this.#last = point;
        }
        this.#appendResponse({ kind: "end", end });
        this.#columns.addTags(end.tags.keys());
        return this.#pause(points.length);
      },
    };
  }

  #appendResponse(response: Response): void {
    const { file } = this.#options;
    const writer = file.open();
    const begin = writer.position;
    const guess = this.#lengthBytes;
    const start = writer.openLength(guess);
    try {
      encodeResponse(writer, response);
    } catch (error) {
      writer.position = begin;
      throw error;
    }
    // Points are mostly of one size: the next length takes as many bytes, and nothing is moved.
    const size = this.#lengthBytes = writer.closeLength(start, guess);
    if (response.kind === "point") this.#columns.addFrame(writer.bytes, begin + size, writer.position);
    file.close();
  }

  #appendFrame(bytes: Uint8Array, start: number, end: number): void {
    const { file } = this.#options;
    const writer = file.open();
    writer.uint32(end - start);
    writer.raw(bytes, start, end);
    this.#columns.addFrame(bytes, start, end);
    file.close();
  }

  #watch(point: Point, group?: string): void {
    for (const name of this.#columns.truths) {
      if (point.field(name) === true) this.#marks.set(name, (this.#marks.get(name) ?? 0) + 1);
    }
    const reason = this.#conditions.take(point, group);
    if (reason !== undefined) this.#options.stop(reason);
  }

  #giveUp(error: TineError): void {
    this.#givingUp.abort(error);
    if (this.#driver instanceof Supervisor) this.#driver.abort(error);
    this.#more.notify();
  }

  async #fail(error: unknown): Promise<void> {
    const failure = (this.#driver instanceof Supervisor ? this.#driver.failure : undefined) ?? error;
    this.#failure = failure instanceof TineError
      ? failure
      : new TineError("internal", `a mistake in tine: ${messageOf(failure)}`);
    this.#queue.length = 0;
    this.#options.failed(this.#failure);
    this.#giveUp(this.#failure);
    if (this.#driver instanceof Supervisor) await this.#driver.stop().catch(() => {}); // it is known why
  }
}
