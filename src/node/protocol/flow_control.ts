/**
 * Flow control of a connection: what the other side may send, and what waits here.
 *
 * @module
 */
import { Condition } from "../../base/condition.ts";
import type { ByteReader } from "../../wire/byte_reader.ts";
import { ByteWriter } from "../../wire/byte_writer.ts";
import { WireError } from "../../base/errors.ts";
import { type DataLane, Lane, MAX_FRAME_BYTES } from "./frame.ts";

/** Bytes of frames that the other side may send in addition to earlier credit. */
export interface Credit {
  readonly record: number;
  readonly bulk: number;
}

/**
 * Decodes the payload of a CREDIT frame.
 *
 * @throws {WireError} if it is not two varints
 */
export function decodeCredit(payload: Uint8Array, reader: ByteReader): Credit {
  reader.reset(payload);
  const credit = { record: reader.uint32(), bulk: reader.uint32() };
  if (reader.position !== reader.end) throw new WireError("bad-credit", "a credit is longer than two varints");
  return credit;
}

/**
 * The receive window: what the other side may still send in the data lanes. Records and files that wait here so never
 * delay what is urgent.
 */
export class ReceiveWindow {
  readonly #window: number;
  readonly #left = { [Lane.record]: 0, [Lane.bulk]: 0 };
  readonly #workedOff = { [Lane.record]: 0, [Lane.bulk]: 0 };

  /** @param window the bytes of frames of each lane that may be on their way or waiting here */
  constructor(window: number) {
    // A quarter may not have been given back yet when the largest frame is next.
    this.#window = Math.max(window, MAX_FRAME_BYTES * 2);
    this.workedOff(Lane.record, this.#window);
    this.workedOff(Lane.bulk, this.#window);
  }

  /**
   * Counts a frame that has come.
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

  /** Counts a frame that waits no longer. */
  workedOff(lane: DataLane, bytes: number): void {
    this.#workedOff[lane] += bytes;
  }

  /** Returns the payload of the CREDIT frame to send now, if credit is worth a frame. */
  take(): Uint8Array | undefined {
    const record = this.#workedOff[Lane.record];
    const bulk = this.#workedOff[Lane.bulk];
    if (Math.max(record, bulk) < this.#window / 4) return undefined;
    this.#workedOff[Lane.record] = this.#workedOff[Lane.bulk] = 0;
    this.#left[Lane.record] += record;
    this.#left[Lane.bulk] += bulk;
    const writer = new ByteWriter(10);
    writer.uint32(record);
    writer.uint32(bulk);
    return writer.written();
  }
}

/** Urgent frames need no credit: while more bytes of them than this wait for their receiver, nothing further is read. */
const MAX_URGENT_BYTES = 16 * 1024 * 1024;

/** About what a frame that waits takes besides its bytes, so that small ones count as well. */
const OVERHEAD_BYTES = 256;

/** The frames that have come, and that their receiver works on. */
export class PendingFrames {
  #count = 0;
  #urgentBytes = 0;
  readonly #room = new Condition();

  /** Whether no frame is worked on. */
  get empty(): boolean {
    return this.#count === 0;
  }

  /** Counts a frame whose receiver starts. */
  add(lane: Lane, length: number): void {
    this.#count++;
    if (lane === Lane.urgent) this.#urgentBytes += length + OVERHEAD_BYTES;
  }

  /** Counts a frame whose receiver is done. */
  remove(lane: Lane, length: number): void {
    this.#count--;
    if (lane === Lane.urgent) this.#urgentBytes -= length + OVERHEAD_BYTES;
    if (this.#urgentBytes <= MAX_URGENT_BYTES) this.release();
  }

  /** Returns what to wait for before more is read, if anything. */
  room(): Promise<void> | undefined {
    if (this.#urgentBytes <= MAX_URGENT_BYTES) return undefined;
    return this.#room.wait();
  }

  /** Ends the wait for {@linkcode room}. */
  release(): void {
    this.#room.notify();
  }
}
