import { messageOf } from "../../base/errors.ts";
import { FrameReader } from "../../wire/frame_reader.ts";
import type { Direction, RecordedEvent } from "./recording.ts";

/** What a recording may hold as one frame: as much as its own records can count. */
const MAX_FRAME_BYTES = 2 ** 32 - 1;

/** Puts the frames of one direction together again, out of the pieces in which they crossed the connection. */
export class FrameAssembler {
  readonly #direction: Direction;
  readonly #frames: FrameReader;
  #piece: Uint8Array = new Uint8Array();
  #broken = false;

  constructor(direction: Direction) {
    this.#direction = direction;
    this.#frames = new FrameReader({ read: (buffer) => Promise.resolve(this.#read(buffer)) }, MAX_FRAME_BYTES);
  }

  /** The frames that these bytes complete. Payloads may be kept: they are not overwritten. */
  async *push(piece: Uint8Array, timeNs: number): AsyncGenerator<RecordedEvent, void, void> {
    const direction = this.#direction;
    const frames = this.#frames;
    this.#piece = piece;
    try {
      while (!this.#broken && this.#piece.length > 0) {
        await frames.fill();
        while (frames.next()) {
          yield { kind: "frame", direction, timeNs, payload: frames.bytes.subarray(frames.start, frames.end) };
        }
      }
    } catch (error) {
      this.#broken = true;
      yield { kind: "garbage", direction, timeNs, reason: messageOf(error) };
    }
  }

  #read(buffer: Uint8Array): number {
    const length = Math.min(buffer.length, this.#piece.length);
    buffer.set(this.#piece.subarray(0, length));
    this.#piece = this.#piece.subarray(length);
    return length;
  }
}
