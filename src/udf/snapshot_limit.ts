import { DEFAULT_MAX_FRAME_BYTES, type FrameLimit } from "../wire/frame_reader.ts";

/**
 * The part of the free memory that one snapshot may take: it is held in several copies, as it came, in the log, as it
 * goes out.
 */
const MEMORY_PART = 8;

/** What a length of 32 bits, as the Python agent reads it, and a buffer of V8 can hold. */
const MAX_BYTES = 2 ** 31 - 1;

/** Tags of the messages that carry a snapshot: `Response.snapshot` and `Request.restore`. */
const SNAPSHOT_RESPONSE = 4 << 3 | 2;
const RESTORE_REQUEST = 5 << 3 | 2;

/** The largest snapshot that this machine has room for, in bytes; at least as large as any other message. */
export function largestSnapshotBytes(): number {
  let bytes = DEFAULT_MAX_FRAME_BYTES;
  try {
    bytes = Math.max(bytes, Deno.systemMemoryInfo().available / MEMORY_PART);
  } catch {
    // A worker without permissions may not know.
  }
  return Math.min(MAX_BYTES, Math.floor(bytes));
}

/**
 * The limit of messages where no other is given: 64 MiB, and for snapshots what memory allows. Kapacitor has no limit
 * at all.
 *
 * @param maxSnapshotBytes the largest snapshot, where that is known
 */
export function defaultFrameLimit(maxSnapshotBytes?: number): FrameLimit {
  return {
    maxBytes: DEFAULT_MAX_FRAME_BYTES,
    maxBytesOf: (head, lengthBytes) =>
      beginsSnapshot(head, lengthBytes) ? maxSnapshotBytes ?? largestSnapshotBytes() : DEFAULT_MAX_FRAME_BYTES,
  };
}

/** Whether a message that begins so is a snapshot as long as the message is. */
function beginsSnapshot(head: Uint8Array, lengthBytes: number): boolean {
  if (head[0] !== SNAPSHOT_RESPONSE && head[0] !== RESTORE_REQUEST) return false;
  let inner = 0;
  for (let i = 1; i < 6; i++) {
    inner += (head[i] & 0x7f) * 128 ** (i - 1);
    if (head[i] < 0x80) return 1 + i + inner === lengthBytes;
  }
  return false;
}
