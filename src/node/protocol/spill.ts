import { WireError } from "../../base/errors.ts";
import { ByteReader } from "../../wire/byte_reader.ts";
import type { ByteSource } from "../../wire/connection.ts";
import { FrameReader } from "../../wire/frame_reader.ts";
import { type Frame, isResult, Lane, MAX_FRAME_BYTES, readFrame } from "./frame.ts";
import { laneOf } from "./kinds.ts";

/**
 * Reads the frames that a node had put aside when it died, and that had not reached its parent. A frame that it was in the
 * middle of is left out.
 *
 * @param file the spill file, from its start
 * @param after the numbers of the last frames of this node that had come, in each lane
 * @returns frames in the order of each lane, with their bytes for forwarding
 * @throws {WireError} if the file holds something else
 *
 * @example
 * ```ts
 * import { readSpill } from "./spill.ts";
 * async function numbers(path: string) {
 *   using file = await Deno.open(path);
 *   for await (const { frame } of readSpill(file, { record: 0, bulk: 0 })) console.log(frame.number);
 * }
 * ```
 */
export async function* readSpill(
  file: ByteSource,
  after: { readonly record: number; readonly bulk: number },
): AsyncGenerator<{ frame: Frame; bytes: Uint8Array }> {
  const frames = new FrameReader(file, MAX_FRAME_BYTES);
  const reader = new ByteReader();
  do {
    while (frames.next()) {
      const frame = readFrame(reader.reset(frames.bytes, frames.start, frames.end));
      checkSpilled(frame);
      if (frame.number <= (frame.lane === Lane.bulk ? after.bulk : after.record)) continue;
      yield { frame, bytes: frames.bytes.subarray(frames.start, frames.end) };
    }
  } while (await hasMore(frames));
}

/** The file belongs to a node that may have put anything into it: what goes on must be what a connection would take. */
function checkSpilled({ kind, lane, number }: Frame): void {
  if (isResult(kind) && lane !== Lane.urgent && lane === laneOf(kind) && number > 0) return;
  throw new WireError("bad-spill", `it holds a frame of kind ${kind} in lane ${lane}, which no node puts into a file`);
}

async function hasMore(frames: FrameReader): Promise<boolean> {
  try {
    return await frames.fill();
  } catch (error) {
    if (error instanceof WireError && error.code === "cut-frame") return false;
    throw error;
  }
}
