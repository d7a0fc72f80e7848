/**
 * Flow control of a connection: what the other side may send, and what waits here.
 *
 * @module
 */
import { Condition } from "../../base/condition.ts";
import type { ByteReader } from "../../wire/byte_reader.ts";
import { ByteWriter } from "../../wire/byte_writer.ts";
import { WireError } from "../../base/errors.ts";
import { Lane, MAX_FRAME_BYTES } from "../protocol/frame.ts";

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

/** Urgent frames need no credit: while more bytes of them than this wait for their receiver, nothing further is read. */
const MAX_URGENT_BYTES = 16 * 1024 * 1024;

/** About what an urgent frame that waits takes besides its bytes, so that small ones count as well. */
const OVERHEAD_BYTES = 256;

/**
 * The receive window: what the other side may still send in the data lanes, and the frames that have come and that their
 * receivers work on. Records and files that wait here so never delay what is urgent.
 */
export class ReceiveWindow {
  readonly #windowBytes: number;
  readonly #left = { [Lane.record]: 0, [Lane.bulk]: 0 };
  readonly #workedOff = { [Lane.record]: 0, [Lane.bulk]: 0 };
  /** Frames that are worked on. */
  #count = 0;
  #urgentBytes = 0;
  readonly #room = new Condition();

  /** @param windowBytes the bytes of frames of each data lane that may be on their way or waiting here */
  constructor(windowBytes: number) {
    // A quarter may not have been given back yet when the largest frame is next.
    this.#windowBytes = Math.max(windowBytes, MAX_FRAME_BYTES * 2);
    this.#workedOff[Lane.record] = this.#workedOff[Lane.bulk] = this.#windowBytes;
  }

  /** Whether no frame is worked on. */
  get empty(): boolean {
    return this.#count === 0;
  }

  /**
   * Uses credit for a frame that has come.
   *
   * @throws {WireError} `credit-exceeded`, if it was not allowed
   */
  use(lane: Lane, lengthBytes: number): void {
    if (lane === Lane.urgent) return;
    this.#left[lane] -= lengthBytes;
    if (this.#left[lane] >= 0) return;
    throw new WireError(
      "credit-exceeded",
      `it sent ${-this.#left[lane]} bytes more than it was allowed in lane ${lane}`,
    );
  }

  /** Counts a frame whose receiver starts. */
  begin(lane: Lane, lengthBytes: number): void {
    this.#count++;
    if (lane === Lane.urgent) this.#urgentBytes += lengthBytes + OVERHEAD_BYTES;
  }

  /** Counts a frame whose receiver is done: its bytes may be allowed again. */
  end(lane: Lane, lengthBytes: number): void {
    this.#count--;
    if (lane !== Lane.urgent) this.#workedOff[lane] += lengthBytes;
    else this.#urgentBytes -= lengthBytes + OVERHEAD_BYTES;
    if (this.#urgentBytes <= MAX_URGENT_BYTES) this.release();
  }

  /** Returns what to wait for before more is read, if anything. */
  room(): Promise<void> | undefined {
    return this.#urgentBytes <= MAX_URGENT_BYTES ? undefined : this.#room.wait();
  }

  /** Ends the wait for {@linkcode room}. */
  release(): void {
    this.#room.notify();
  }

  /** Returns the payload of the CREDIT frame to send now, if credit is worth a frame. */
  take(): Uint8Array | undefined {
    const { [Lane.record]: record, [Lane.bulk]: bulk } = this.#workedOff;
    if (Math.max(record, bulk) < this.#windowBytes / 4) return undefined;
    this.#workedOff[Lane.record] = this.#workedOff[Lane.bulk] = 0;
    this.#left[Lane.record] += record;
    this.#left[Lane.bulk] += bulk;
    const writer = new ByteWriter(10);
    writer.uint32(record);
    writer.uint32(bulk);
    return writer.written();
  }
}
