/** A text, and how many bytes it lacks. */
export interface LimitedText {
  readonly text: string;
  readonly leftOut: number;
}

const PIECE_BYTES = 64 * 1024;

/** What remains is counted up to here: files of the kernel may have no end. */
const MOST_COUNTED = 1024 * 1024 * 1024;

/**
 * Reads a text file, or the start of it. The files of the kernel tell no size, and some wait for events.
 *
 * @param limit how many bytes are read
 * @throws the signal's reason; what opening and reading throw
 */
export async function readText(path: string, limit: number, signal: AbortSignal): Promise<LimitedText> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([aborted, readStart(path, limit)]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

async function readStart(path: string, limit: number): Promise<LimitedText> {
  using file = await Deno.open(path);
  const parts: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const piece = new Uint8Array(Math.min(PIECE_BYTES, limit + 1 - length));
    const read = await file.read(piece);
    if (read === null) break;
    parts.push(piece.subarray(0, read));
    length += read;
    if (length > limit) break;
  }
  const all = new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer());
  const text = new TextDecoder().decode(all.subarray(0, limit));
  if (length <= limit) return { text, leftOut: 0 };
  const { size } = await file.stat();
  return { text, leftOut: Math.min(MOST_COUNTED, Math.max(1, size - limit)) };
}

/** The trimmed text of a small file of the kernel; undefined if there is none, or it cannot be read. */
export async function readValue(path: string): Promise<string | undefined> {
  try {
    return (await readStart(path, PIECE_BYTES)).text.trim();
  } catch {
    return undefined; // which files there are depends on the kernel, the hardware and the user
  }
}
