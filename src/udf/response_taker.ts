import { formatCount } from "../base/units.ts";
import { TineError } from "../base/errors.ts";
import type { Batch } from "./batcher.ts";
import { type FrameTaker, takesFrames } from "./handler.ts";
import type { BeginBatch, EdgeType, EndBatch, Response } from "./messages.ts";
import type { Point } from "./point.ts";
import type { Session } from "./session.ts";

/** The default maximum number of points in a batch from a UDF: it is handed on whole. */
const MAX_BATCH_POINTS = 10_000_000;

/** What a UDF has sent. */
export interface ResponseCounts {
  pointsOut: number;
  batchesOut: number;
  /** Responses without a question, and empty ones. */
  unasked: number;
  /** Strings from the UDF that were not valid UTF-8. */
  invalidStrings: number;
}

/** Gets what a UDF sends back, in order. A promise that is returned holds up reading, and so in the end the UDF. */
export interface Receiver {
  point(point: Point): Promise<void> | void;
  batch(batch: Batch): Promise<void> | void;
}

/**
 * Takes the responses of a UDF one by one: counts them, collects batches, hands each on.
 *
 * It takes what Kapacitor's `udf.Server` takes, and warns once of each thing that is odd: single points and batches on
 * an edge of the other kind go through, a second beginning of a batch replaces the first. What crashes Kapacitor is an
 * error.
 */
export class ResponseTaker {
  readonly #maxBatchPoints: number;
  readonly #session: Session;
  readonly #receiver: Receiver;
  readonly #relay: FrameTaker | undefined;
  readonly #log: ((message: string) => void) | undefined;
  readonly #counts = { pointsOut: 0, batchesOut: 0, unasked: 0 };
  /** The batch that has begun and not ended, and its points. */
  #open: BeginBatch | undefined;
  #batch: Point[] = [];
  #provides: EdgeType | undefined;
  readonly #warned = new Set<string>();

  /**
   * @param session has the responses
   * @param receiver gets points and batches; points as they came, if it can take them so
   * @param log gets sentences about what is odd and not an error
   * @param maxBatchPoints how many points a batch may have
   */
  constructor(
    session: Session,
    receiver: Receiver,
    log?: (message: string) => void,
    maxBatchPoints = MAX_BATCH_POINTS,
  ) {
    this.#maxBatchPoints = maxBatchPoints;
    this.#session = session;
    this.#receiver = receiver;
    this.#relay = takesFrames(receiver) ? receiver : undefined;
    this.#log = log;
  }

  get counts(): ResponseCounts {
    return { ...this.#counts, invalidStrings: this.#session.invalidStrings };
  }

  /** What the UDF provides, once it is known: it is warned of output of the other kind. */
  set provides(edge: EdgeType) {
    this.#provides = edge;
  }

  /** The UDF sends nothing any more: a batch that it has not ended is dropped. */
  end(): void {
    if (this.#open === undefined) return;
    this.#warn(
      "unfinished",
      `the UDF did not end the batch ${quote(this.#open)}: it is dropped with its ${
        formatCount(this.#batch.length, "point")
      }, as Kapacitor drops it`,
    );
  }

  /**
   * Takes the current response of the session. The promise, where there is one, must be waited for.
   *
   * @throws {TineError} for what the UDF must not send, and for the error that it reports
   */
  take(): Promise<void> | void {
    const session = this.#session;
    const relay = this.#open === undefined ? this.#relay : undefined;
    if (relay === undefined || !session.isIntactPoint) return this.#dispatch(session.response());
    this.#checkEdge("stream");
    this.#counts.pointsOut++;
    const { bytes, start, end } = session.current;
    return relay.pointFrame(bytes, start, end);
  }

  #dispatch(response: Response): Promise<void> | void {
    switch (response.kind) {
      case "point":
        return this.#takePoint(response.point);
      case "begin":
        return this.#begin(response.begin);
      case "end":
        return this.#end(response.end);
      case "keepalive":
        return;
      case "error":
        throw udfError(response.error);
      case "empty":
        this.#counts.unasked++;
        this.#warn("empty", "the UDF sent an empty or unknown response; Kapacitor would crash on it");
        return;
      default:
        if (this.#session.answer(response)) return;
        this.#counts.unasked++;
        this.#warn(response.kind, `the UDF answered ${response.kind}, which was not asked`);
    }
  }

  #takePoint(point: Point): Promise<void> | void {
    if (this.#open === undefined) {
      this.#checkEdge("stream");
      this.#counts.pointsOut++;
      return this.#receiver.point(point);
    }
    if (this.#batch.length >= this.#maxBatchPoints) {
      throw new TineError("batch-too-large", `the UDF sent a batch of more than ${this.#maxBatchPoints} points`);
    }
    this.#batch.push(point);
  }

  #begin(begin: BeginBatch): void {
    this.#checkEdge("batch");
    if (begin.size < 0n) {
      throw new TineError(
        "wrong-batch",
        `the UDF sent a batch ${quote(begin)} of the negative size ${begin.size}; Kapacitor would crash on it`,
      );
    }
    if (this.#open !== undefined) {
      this.#warn(
        "nested",
        `the UDF began the batch ${quote(begin)} before it had ended ${quote(this.#open)}: ` +
          `the first one is dropped with its ${formatCount(this.#batch.length, "point")}, as Kapacitor drops it`,
      );
    }
    this.#open = begin;
    this.#batch = [];
  }

  #end(end: EndBatch): Promise<void> | void {
    const begin = this.#open;
    const points = this.#batch;
    if (begin === undefined) {
      throw new TineError(
        "wrong-batch",
        `the UDF sent the end of a batch ${quote(end)} that has not begun; Kapacitor would crash on it`,
      );
    }
    this.#open = undefined;
    this.#batch = [];
    if (begin.size !== 0n && begin.size !== BigInt(points.length)) {
      this.#warn(
        "size",
        `the UDF announced ${begin.size} points for the batch ${quote(begin)} and sent ${points.length}`,
      );
    }
    this.#counts.pointsOut += points.length;
    this.#counts.batchesOut++;
    return this.#receiver.batch({ begin, points, end });
  }

  #checkEdge(edge: EdgeType): void {
    if (this.#provides === undefined || this.#provides === edge) return;
    this.#warn(
      "edge",
      edge === "stream"
        ? "the UDF provides batches and sends single points; Kapacitor hands them on"
        : "the UDF provides single points and sends batches; Kapacitor hands them on",
    );
  }

  /** Warns once of each kind of thing. */
  #warn(kind: string, message: string): void {
    if (this.#warned.has(kind)) return;
    this.#warned.add(kind);
    this.#log?.(message);
  }
}

/** Returns the error of a UDF that reports one. */
export function udfError(reason: string): TineError {
  return new TineError("udf-error", `the UDF reported an error: ${reason || "it did not name it"}`);
}

function quote({ name }: { name: string }): string {
  return JSON.stringify(name);
}
