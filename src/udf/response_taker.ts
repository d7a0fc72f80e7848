import { ByteReader } from "../wire/byte_reader.ts";
import { TineError } from "../wire/errors.ts";
import { BatchGuard } from "./batch_guard.ts";
import { decodeResponse, isIntactPoint } from "./codec.ts";
import { type FrameTaker, takesFrames } from "./handler.ts";
import type { Lifeline } from "./lifeline.ts";
import type { BeginBatch, EdgeType, Response } from "./messages.ts";
import type { Point } from "./point.ts";
import type { Questions } from "./questions.ts";
import type { Receiver } from "./receiver.ts";

/** How many points a batch from a UDF may have: it is handed on whole. */
const MAX_BATCH_POINTS = 10_000_000;

/** What a UDF has sent. */
export interface ResponseCounts {
  pointsOut: number;
  batchesOut: number;
  /** Responses nobody asked for, and empty ones. */
  unasked: number;
  /** Strings from the UDF that were not valid UTF-8. */
  invalidStrings: number;
}

/** Where the responses of a UDF go. */
export interface ResponseTakerOptions {
  /** Gets points and batches; points as they came, if it can take them so. */
  receiver: Receiver;
  /** Get their answers. */
  questions: Questions;
  /** Is told what is data and what is a mere sign of life. */
  lifeline: Pick<Lifeline, "data" | "replied" | "answered">;
  /** Gets sentences about what is odd and not an error. */
  log?: (message: string) => void;
}

/** Takes the responses of a UDF one by one: checks and counts them, collects batches, hands each on to who wants it. */
export class ResponseTaker {
  readonly #receiver: Receiver;
  readonly #relay: FrameTaker | undefined;
  readonly #questions: Questions;
  readonly #lifeline: Pick<Lifeline, "data" | "replied" | "answered">;
  readonly #log: ((message: string) => void) | undefined;
  readonly #cursor = new ByteReader();
  readonly #guard = new BatchGuard("the UDF", { sizeIsHint: true });
  readonly #counts = { pointsOut: 0, batchesOut: 0, unasked: 0 };
  #batch: Point[] = [];
  #toldSize = false;

  constructor({ receiver, questions, lifeline, log }: ResponseTakerOptions) {
    this.#receiver = receiver;
    this.#relay = takesFrames(receiver) ? receiver : undefined;
    this.#questions = questions;
    this.#lifeline = lifeline;
    this.#log = log;
  }

  get counts(): ResponseCounts {
    return { ...this.#counts, invalidStrings: this.#cursor.strings.invalid };
  }

  /** What the UDF provides, once it is known: batches that do not fit are errors. */
  set provides(edge: EdgeType) {
    this.#guard.edge = edge;
  }

  /** Whether the UDF still has something to say: a batch that it has begun, or an answer. */
  get unfinished(): boolean {
    return this.#guard.open !== undefined || this.#questions.first !== undefined;
  }

  /**
   * Takes the response in `bytes[start, end)`, without its length. The promise, where there is one, must be waited for.
   *
   * @throws {TineError} for what the UDF must not send, and for the error that it reports
   */
  take(bytes: Uint8Array, start: number, end: number): Promise<void> | void {
    const cursor = this.#cursor.reset(bytes, start, end);
    const relay = this.#guard.open === undefined ? this.#relay : undefined;
    if (relay === undefined || !isIntactPoint(cursor)) return this.#dispatch(decodeResponse(cursor));
    this.#guard.point();
    this.#counts.pointsOut++;
    this.#lifeline.data();
    return relay.pointFrame(bytes, start, end);
  }

  #dispatch(response: Response): Promise<void> | void {
    switch (response.kind) {
      case "point": {
        this.#guard.point();
        if (this.#guard.open === undefined) {
          this.#counts.pointsOut++;
          this.#lifeline.data();
          return this.#receiver.point(response.point);
        }
        if (this.#batch.length >= MAX_BATCH_POINTS) {
          throw new TineError("batch-too-large", `the UDF sent a batch of more than ${MAX_BATCH_POINTS} points`);
        }
        this.#batch.push(response.point);
        this.#lifeline.data();
        return;
      }
      case "begin":
        this.#guard.begin(response.begin);
        return;
      case "end": {
        const begin = this.#guard.open!;
        this.#guard.end(response.end);
        const points = this.#batch;
        this.#batch = [];
        this.#checkSize(begin, points.length);
        this.#counts.pointsOut += points.length;
        this.#counts.batchesOut++;
        this.#lifeline.data();
        return this.#receiver.batch({ begin, points, end: response.end });
      }
      case "keepalive":
        this.#lifeline.answered();
        return;
      case "error":
        throw new TineError("udf-error", `the UDF reported an error: ${response.error || "it did not say which"}`);
      case "empty":
        this.#counts.unasked++;
        this.#log?.("the UDF sent an empty or unknown response; Kapacitor would crash on it");
        return;
      default:
        if (this.#questions.answer(response)) {
          this.#lifeline.replied();
        } else {
          this.#counts.unasked++;
          this.#log?.(`the UDF answered ${response.kind}, which nobody asked for`);
        }
    }
  }

  /** A wrong size harms no task under Kapacitor: it is told once. */
  #checkSize({ name, size }: BeginBatch, count: number): void {
    if (size === 0n || size === BigInt(count) || this.#toldSize) return;
    this.#toldSize = true;
    this.#log?.(`the UDF announced ${size} points for the batch ${JSON.stringify(name)} and sent ${count}`);
  }
}
