import { messageOf, TineError } from "../base/errors.ts";
import { BatchGuard } from "../udf/batch_guard.ts";
import type { Batch } from "../udf/batcher.ts";
import { type CreateHandler, type Handler, infoResponse, type Output, toPoint } from "../udf/handler.ts";
import type { HostCounts } from "../udf/host.ts";
import type { InfoResponse, Option } from "../udf/messages.ts";
import { Point } from "../udf/point.ts";
import type { Receiver } from "../udf/response_taker.ts";
import type { Awaitable } from "../udf/udf_types.ts";
import { ByteReader } from "../wire/byte_reader.ts";

/**
 * Calls a handler that comes with tine, without a connection in between, which is as fast as it gets. It is for handlers
 * that neither hang nor crash: there is no restart, and the end waits for them.
 *
 * @example
 * ```ts
 * import { createHandler } from "../udf/handlers/mirror.ts";
 * import { DirectHandler } from "./direct_handler.ts";
 * const direct = new DirectHandler(createHandler, { point: (point) => console.log(point.name), batch() {} });
 * await direct.info();
 * await direct.init([]);
 * await direct.stop();
 * ```
 */
export class DirectHandler {
  readonly #createHandler: CreateHandler;
  readonly #receiver: Receiver;
  readonly #nodeId: string;
  readonly #guard = new BatchGuard("the handler");
  readonly #reader = new ByteReader();
  readonly #counts = { pointsIn: 0, batchesIn: 0, pointsOut: 0, batchesOut: 0, unasked: 0, invalidStrings: 0 };
  #handler: Handler | undefined;
  /** Points of the batch that the handler has begun. */
  #batch: Point[] = [];

  /**
   * @param receiver gets what the handler writes
   * @param nodeId that the handler gets in its init
   */
  constructor(createHandler: CreateHandler, receiver: Receiver, nodeId = "") {
    this.#createHandler = createHandler;
    this.#receiver = receiver;
    this.#nodeId = nodeId;
  }

  /** What has gone through so far. */
  get counts(): HostCounts {
    return { ...this.#counts };
  }

  /** Makes the handler, and asks it what it wants, provides and takes as options. */
  async info(): Promise<InfoResponse> {
    this.#handler ??= await this.#createHandler(this.#output());
    const info = infoResponse(await this.#handler.info());
    this.#guard.edge = info.provides;
    return info;
  }

  /**
   * Gives the handler its options.
   *
   * @throws {TineError} `init-failed` with the handler's reason
   */
  async init(options: Option[]): Promise<void> {
    const outcome = await this.#handler!.init({ options, taskId: "tine", nodeId: this.#nodeId });
    if (outcome === undefined || outcome.success) return;
    throw new TineError("init-failed", `the UDF refused its options: ${outcome.error || "it did not say why"}`);
  }

  /** Hands on the point in `bytes[start, end)`, an encoded Request without its length; it may keep the bytes. */
  pointFrame(bytes: Uint8Array, start: number, end: number): Promise<void> | void {
    const reader = this.#reader.reset(bytes, start, end);
    reader.uint32();
    reader.end = reader.delimited();
    return this.#point(Point.decode(reader));
  }

  /** Hands on a batch. */
  async batch({ begin, points, end }: Batch): Promise<void> {
    this.#counts.batchesIn++;
    await this.#called(this.#handler!.beginBatch?.(begin));
    for (const point of points) {
      const busy = this.#point(point);
      if (busy !== undefined) await busy;
    }
    await this.#called(this.#handler!.endBatch?.(end));
  }

  /** Ends it, once it has written all. */
  async stop(): Promise<void> {
    await this.#called(this.#handler?.stop?.());
  }

  #point(point: Point): Promise<void> | void {
    this.#counts.pointsIn++;
    try {
      const busy = this.#handler!.point!(point);
      if (busy !== undefined) return this.#called(busy);
    } catch (error) {
      throw reported(error);
    }
  }

  async #called(result: Awaitable<void>): Promise<void> {
    try {
      await result;
    } catch (error) {
      throw reported(error);
    }
  }

  #output(): Output {
    return {
      point: (written) => {
        const point = toPoint(written);
        this.#guard.point();
        this.#counts.pointsOut++;
        if (this.#guard.open === undefined) return this.#receiver.point(point);
        this.#batch.push(point);
      },
      beginBatch: ({ name, group = "", tags = new Map(), size = 0n, byName = false }) => {
        this.#guard.begin({ name, group, tags, size, byName });
        this.#batch = [];
      },
      endBatch: ({ name = "", tmax }) => {
        const begin = this.#guard.open;
        this.#guard.end({ name });
        this.#counts.batchesOut++;
        const { name: called, group, tags, byName } = begin!;
        return this.#receiver.batch({
          begin: begin!,
          points: this.#batch,
          end: { name: called, group, tags, byName, tmax },
        });
      },
    };
  }
}

function reported(error: unknown): TineError {
  return new TineError("udf-error", `the UDF reported an error: ${messageOf(error)}`, { cause: error });
}
