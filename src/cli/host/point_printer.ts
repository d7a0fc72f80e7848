import { messageOf, TineError } from "../../base/errors.ts";
import type { Batch } from "../../udf/batcher.ts";
import type { Losses, PointWriter } from "../../udf/format/point_writer.ts";
import { groupOfBatch, groupOfPoint } from "../../udf/group.ts";
import type { Receiver } from "../../udf/host.ts";
import type { Point } from "../../udf/point.ts";
import { TextWriter } from "../../wire/text_writer.ts";
import { escape, writeStdout } from "../terminal.ts";

/** What collects before it is written at once. */
const WRITE_BYTES = 64 * 1024;
/** How long output waits for more. */
const IDLE_MS = 20;

/** Prints on stdout what a UDF sends back. */
export interface Printer extends Receiver, Disposable {
  /** Writes all that waits. */
  finish(): Promise<void>;
  /** Points and batches whose group Kapacitor would compute differently. */
  readonly wrongGroups: number;
  /** What has been left out. */
  readonly losses: Readonly<Losses>;
}

/** How points are printed. */
export interface PrinterOptions {
  /** What the format cannot hold is an error. */
  readonly strict: boolean;
  /** Gets a sentence where something is odd. */
  readonly warn: (message: string) => void;
}

/** Prints points as they come, in a format of text. Reading from the UDF waits while stdout is slow. */
export class PointPrinter implements Printer {
  readonly #writer: PointWriter;
  readonly #strict: boolean;
  readonly #groups: GroupCheck;
  #text = new TextWriter(2 * WRITE_BYTES);
  /** What was written last, to be used again. */
  #spare: TextWriter | undefined = new TextWriter(2 * WRITE_BYTES);
  #timer: ReturnType<typeof setTimeout> | undefined;
  #writing: Promise<void> = Promise.resolve();
  #failure: unknown;

  constructor(writer: PointWriter, { strict, warn }: PrinterOptions) {
    this.#writer = writer;
    this.#strict = strict;
    this.#groups = new GroupCheck(warn);
  }

  get wrongGroups(): number {
    return this.#groups.wrong;
  }

  get losses(): Readonly<Losses> {
    return this.#writer.losses;
  }

  point(point: Point): Promise<void> | void {
    this.#groups.point(point);
    this.#writer.point(point, this.#text);
    return this.#print();
  }

  batch(batch: Batch): Promise<void> | void {
    this.#groups.batch(batch);
    const { begin, points, end } = batch;
    this.#writer.begin(begin, this.#text);
    for (const point of points) this.#writer.point(point, this.#text);
    this.#writer.end(end, this.#text);
    return this.#print();
  }

  /** Writes all that waits. */
  async finish(): Promise<void> {
    clearTimeout(this.#timer);
    this.#writer.flush(this.#text);
    await this.#write();
    if (this.#failure !== undefined) throw this.#failure;
  }

  #print(): Promise<void> | void {
    // Where little is printed, no write is ever waited for: it failed unnoticed.
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#strict) this.#checkLosses();
    if (this.#text.length >= WRITE_BYTES) {
      // One write may be under way: what comes next collects behind it.
      const before = this.#writing;
      this.#write().catch(() => {});
      return before;
    }
    this.#timer ??= setTimeout(() => {
      this.#writer.flush(this.#text);
      // A failure is thrown by the next point.
      this.#write().catch(() => {});
    }, IDLE_MS);
  }

  #write(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const text = this.#text;
    this.#text = this.#spare ?? new TextWriter(2 * WRITE_BYTES);
    this.#spare = undefined;
    return this.#writing = this.#writing.then(async () => {
      if (this.#failure !== undefined) throw this.#failure;
      if (text.length === 0) return;
      try {
        await writeStdout(text.take());
        this.#spare = text;
      } catch (error) {
        throw this.#failure = error instanceof TineError
          ? error
          : new TineError("cannot-write", `cannot write to standard output: ${messageOf(error)}`, { cause: error });
      }
    });
  }

  #checkLosses(): void {
    const { points, fields, tags } = this.#writer.losses;
    if (points + fields + tags === 0) return;
    throw new TineError(
      "not-representable",
      "the UDF sent a point that this format cannot hold (NaN, an infinity, no field, or a newline in a name or tag); " +
        "--format json holds all of them",
    );
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}

/** Compares the groups that a UDF sends with those that Kapacitor computes, and reports the first that differs. */
export class GroupCheck {
  readonly #warn: (message: string) => void;
  /** Points and batches whose group differs. */
  wrong = 0;

  constructor(warn: (message: string) => void) {
    this.#warn = warn;
  }

  point(point: Point): void {
    if (point.group !== "") this.#check(point.group, groupOfPoint(point));
  }

  batch({ begin, end }: Batch): void {
    if (begin.group !== "") this.#check(begin.group, groupOfBatch(begin, end));
  }

  #check(given: string, computed: string): void {
    if (given === computed || ++this.wrong > 1) return;
    this.#warn(
      `the UDF sent the group "${escape(given)}", Kapacitor ignores it and computes "${
        escape(computed)
      }" from name, tags ` +
        "and dimensions",
    );
  }
}
