import { ByteWriter } from "../wire/byte_writer.ts";
import { messageOf, TineError } from "../base/errors.ts";
import type { FrameWriter } from "../wire/frame_writer.ts";
import { announcedSize, BatchGuard } from "./batch_guard.ts";
import type { Batch } from "./batcher.ts";
import { encodeResponse } from "./codec.ts";
import { encodePoint } from "./message_codec.ts";
import {
  type BeginBatchInit,
  type EndBatchInit,
  findWrongProperty,
  type FrameTaker,
  type Output,
  type OutputPoint,
  toPoint,
} from "./handler.ts";
import type { EdgeType, Response } from "./messages.ts";
import type { Point } from "./point.ts";

/** What a handler may write without ever waiting. */
const MAX_PENDING_BYTES = 256 * 1024 * 1024;

/**
 * The outgoing half of an agent: what handlers write to, and the agent's own responses.
 *
 * What a handler writes is held until {@linkcode open}: Kapacitor takes no data before that and would wait for ever.
 */
export class AgentOutput implements Output, FrameTaker {
  readonly #writer: FrameWriter;
  readonly #guard = new BatchGuard("the handler");
  /** Frames of the handler that are held; undefined once its output is open. */
  #held: ByteWriter | undefined = new ByteWriter();
  #points = 0;
  #heldPoints = 0;
  #ended = false;

  constructor(writer: FrameWriter) {
    this.#writer = writer;
  }

  /** Points written so far, without those that are held. */
  get points(): number {
    return this.#points - this.#heldPoints;
  }

  /** Points that are held; at the end: that were never sent. */
  get heldPoints(): number {
    return this.#heldPoints;
  }

  /** Sends what was held; from now on output goes out at once. */
  open(): void {
    const held = this.#held;
    if (held === undefined) return;
    this.#held = undefined;
    this.#heldPoints = 0;
    if (held.position > 0) this.#writer.addFrames(held.written());
  }

  /** What the UDF provides, once it is known. */
  set edge(edge: EdgeType) {
    this.#guard.edge = edge;
  }

  point(point: Point | OutputPoint): Promise<void> | void {
    this.#checkOpen();
    this.#guard.point();
    this.#countPoint();
    const made = toPoint(point);
    if (this.#held !== undefined) this.#hold(this.#held, { kind: "point", point: made });
    else this.#putPoint(made);
    return this.#backPressure();
  }

  pointFrame(bytes: Uint8Array, start: number, end: number): Promise<void> | void {
    this.#checkOpen();
    this.#guard.point();
    this.#countPoint();
    if (this.#held === undefined) {
      this.#writer.add(bytes, start, end);
    } else {
      this.#held.uint32(end - start);
      this.#held.raw(bytes, start, end);
    }
    return this.#backPressure();
  }

  beginBatch(begin: BeginBatchInit): Promise<void> | void {
    this.#checkOpen();
    const { name, group = "", tags = new Map(), size = 0n, byName = false } = begin;
    return this.#write({ kind: "begin", begin: this.#guard.begin({ name, group, tags, size, byName }) });
  }

  endBatch(end: EndBatchInit): Promise<void> | void {
    this.#checkOpen();
    const begin = this.#guard.open;
    this.#guard.end({ name: end.name ?? "" });
    // Kapacitor takes name and tags of a batch from its end: they must be those of its beginning.
    const { name, group, tags, byName } = begin!;
    return this.#write({ kind: "end", end: { name, group, tags, byName, tmax: end.tmax } });
  }

  async batch({ begin, points, end }: Batch): Promise<void> {
    this.#checkOpen();
    this.#write({ kind: "begin", begin: { ...begin, size: announcedSize(points.length) } });
    for (const point of points) {
      const full = this.point(point);
      if (full !== undefined) await full;
    }
    await this.#write({ kind: "end", end });
  }

  /** Sends a response of the agent itself. */
  respond(response: Response): void {
    if (!this.#ended) this.#put(response);
  }

  /**
   * Reports to the host what failed; nothing can be written any more.
   *
   * @param toText puts the error into words
   */
  fail(error: unknown, toText: (error: unknown) => string): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#writer.failure === undefined) this.#put({ kind: "error", error: describe(error, toText) });
  }

  /** @throws {TineError} if a batch was begun and not ended */
  checkEnd(): void {
    const open = this.#guard.open;
    if (open === undefined || this.#held !== undefined) return;
    throw new TineError("wrong-batch", `the handler stopped without ending the batch ${JSON.stringify(open.name)}`);
  }

  /** Nothing can be written any more. */
  end(): void {
    this.#ended = true;
  }

  #checkOpen(): void {
    if (this.#ended) throw new TineError("agent-stopped", "the agent has stopped, nothing can be written any more");
    if (this.#writer.failure !== undefined) throw this.#writer.failure;
  }

  #countPoint(): void {
    this.#points++;
    if (this.#held !== undefined) this.#heldPoints++;
  }

  #write(response: Response): Promise<void> | void {
    if (this.#held === undefined) this.#put(response);
    else this.#hold(this.#held, response);
    return this.#backPressure();
  }

  #hold(held: ByteWriter, response: Response): void {
    const start = held.position;
    const frame = held.openLength(1);
    try {
      encodeResponse(held, response);
    } catch (error) {
      held.position = start;
      throw unsendable(response, error);
    }
    held.closeLength(frame, 1);
  }

  #backPressure(): Promise<void> | void {
    if (this.#held !== undefined) {
      // A promise would never settle here: init and restore wait for it, and the host for them.
      if (this.#held.position <= MAX_PENDING_BYTES) return;
      throw new TineError(
        "output-overflow",
        `the handler wrote ${this.#held.position} bytes before the host takes any, which is after init and restore`,
      );
    }
    const writer = this.#writer;
    if (!writer.full) return;
    if (writer.pending > MAX_PENDING_BYTES) {
      throw new TineError(
        "output-overflow",
        `the handler wrote ${writer.pending} bytes that the host has not read; wait for the promise that point() returns`,
      );
    }
    const drained = writer.drained();
    // A handler that does not wait learns of the failure by its next write; it must not end the whole process.
    drained.catch(() => {});
    return drained;
  }

  /** Does what `#put` does, without a response around the point: that costs a twentieth of the speed. */
  #putPoint(point: Point): void {
    const writer = this.#writer;
    try {
      encodePoint(writer.open(), point);
    } catch (error) {
      writer.discard();
      throw unsendable({ kind: "point", point }, error);
    }
    writer.close();
  }

  #put(response: Response): void {
    const writer = this.#writer;
    const bytes = writer.open();
    try {
      encodeResponse(bytes, response);
    } catch (error) {
      writer.discard();
      throw unsendable(response, error);
    }
    writer.close();
  }
}

function unsendable(response: Response, cause: unknown): TineError {
  const { kind } = response;
  const reason = kind === "point" && findWrongProperty(response.point) || messageOf(cause);
  return new TineError("bad-response", `the handler wrote a ${kind} that cannot be sent: ${reason}`, { cause });
}

/** The message of what a handler threw, which may be anything. */
function describe(error: unknown, toText: (error: unknown) => string): string {
  try {
    return String(toText(error));
  } catch {
    return `the handler threw a value of type ${typeof error} that cannot be shown`;
  }
}
