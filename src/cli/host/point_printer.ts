import { messageOf, TineError } from "../../base/errors.ts";
import type { Batch } from "../../udf/batcher.ts";
import type { PointWriter } from "../../udf/format/point_writer.ts";
import { groupOfBatch, groupOfPoint } from "../../udf/group.ts";
import type { Receiver } from "../../udf/host.ts";
import type { Point } from "../../udf/point.ts";
import { escape, writeStdout } from "../terminal.ts";

/** What collects before it is written at once. */
const WRITE_UNITS = 64 * 1024;
/** How long output waits for more. */
const IDLE_MS = 20;

/** Prints on stdout what a UDF sends back. Reading from the UDF waits while stdout is slow. */
export class PointPrinter implements Receiver {
  readonly #writer: PointWriter;
  readonly #strict: boolean;
  readonly #warn: (message: string) => void;
  #text = "";
  #timer: ReturnType<typeof setTimeout> | undefined;
  #writing: Promise<void> = Promise.resolve();
  #failure: unknown;

  /** Points and batches whose group Kapacitor would compute differently. */
  wrongGroups = 0;

  /** @param strict what the format cannot hold is an error */
  constructor(writer: PointWriter, { strict, warn }: { strict: boolean; warn: (message: string) => void }) {
    this.#writer = writer;
    this.#strict = strict;
    this.#warn = warn;
  }

  point(point: Point): Promise<void> | void {
    if (point.group !== "") this.#checkGroup(point.group, groupOfPoint(point));
    return this.#print(this.#writer.point(point));
  }

  batch({ begin, points, end }: Batch): Promise<void> | void {
    if (begin.group !== "") this.#checkGroup(begin.group, groupOfBatch(begin, end));
    let text = this.#writer.begin(begin);
    for (const point of points) text += this.#writer.point(point);
    return this.#print(text + this.#writer.end(end));
  }

  /** Writes all that waits. */
  async finish(): Promise<void> {
    clearTimeout(this.#timer);
    this.#text += this.#writer.flush();
    await this.#write();
    if (this.#failure !== undefined) throw this.#failure;
  }

  #print(text: string): Promise<void> | void {
    // Where little is printed, no write is ever waited for: it failed behind our back.
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#strict) this.#checkLosses();
    this.#text += text;
    if (this.#text.length >= WRITE_UNITS) return this.#write();
    this.#timer ??= setTimeout(() => {
      this.#text += this.#writer.flush();
      // A failure is thrown by the next point.
      this.#write().catch(() => {});
    }, IDLE_MS);
  }

  #write(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const text = this.#text;
    this.#text = "";
    return this.#writing = this.#writing.then(async () => {
      if (this.#failure !== undefined) throw this.#failure;
      if (text === "") return;
      try {
        await writeStdout(text);
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

  #checkGroup(given: string, computed: string): void {
    if (given === computed || ++this.wrongGroups > 1) return;
    this.#warn(
      `the UDF sent the group "${escape(given)}", Kapacitor ignores it and computes "${
        escape(computed)
      }" from name, tags ` +
        "and dimensions",
    );
  }
}
