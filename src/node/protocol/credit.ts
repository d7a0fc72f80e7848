import type { ByteReader } from "../../wire/byte_reader.ts";
import { ByteWriter } from "../../wire/byte_writer.ts";
import { WireError } from "../../base/errors.ts";
import { type DataLane, Lane, MAX_FRAME_BYTES } from "./frame.ts";

/** Bytes of frames that the other side of a connection may send on top of what it was allowed before. */
export interface Credit {
  readonly record: number;
  readonly bulk: number;
}

/** The payload of a CREDIT frame. */
export function encodeCredit({ record, bulk }: Credit): Uint8Array {
  const writer = new ByteWriter(10);
  writer.uint32(record);
  writer.uint32(bulk);
  return writer.written();
}

/**
 * Reads the payload of a CREDIT frame.
 *
 * @throws {WireError} if it is none
 */
export function decodeCredit(payload: Uint8Array, reader: ByteReader): Credit {
  reader.reset(payload);
  const credit = { record: reader.uint32(), bulk: reader.uint32() };
  if (reader.position !== reader.end) throw new WireError("bad-credit", "a credit is longer than two varints");
  return credit;
}

/**
 * What the other side of a connection may still send, so that the records and files that wait for somebody here never
 * keep us from reading what is urgent.
 */
export class Allowance {
  readonly #window: number;
  readonly #left = { [Lane.record]: 0, [Lane.bulk]: 0 };
  readonly #workedOff = { [Lane.record]: 0, [Lane.bulk]: 0 };

  /** @param window bytes of frames of each lane that may be on their way or waiting here */
  constructor(window: number) {
    // A quarter may not have been given back yet when the largest frame is next.
    this.#window = Math.max(window, MAX_FRAME_BYTES * 2);
    this.workedOff(Lane.record, this.#window);
    this.workedOff(Lane.bulk, this.#window);
  }

  /**
   * A frame has come.
   *
   * @throws {WireError} `credit-exceeded`, if it was not allowed
   */
  use(lane: DataLane, bytes: number): void {
    this.#left[lane] -= bytes;
    if (this.#left[lane] >= 0) return;
    throw new WireError(
      "credit-exceeded",
      `it sent ${-this.#left[lane]} bytes more than it was allowed in lane ${lane}`,
    );
  }

  /** A frame of this size waits no longer. */
  workedOff(lane: DataLane, bytes: number): void {
    this.#workedOff[lane] += bytes;
  }

  /** What to allow now, if that is worth a frame. */
  take(): Credit | undefined {
    const record = this.#workedOff[Lane.record];
    const bulk = this.#workedOff[Lane.bulk];
    if (Math.max(record, bulk) < this.#window / 4) return undefined;
    this.#workedOff[Lane.record] = this.#workedOff[Lane.bulk] = 0;
    this.#left[Lane.record] += record;
    this.#left[Lane.bulk] += bulk;
    return { record, bulk };
  }
}
