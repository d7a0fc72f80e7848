import { TineError } from "../base/errors.ts";

/** A line of a log is at most a text of 1 MiB, which JSON may make six times as long. */
const MOST_LINE_BYTES = 16 * 1024 * 1024;

/**
 * Reads the lines of a file block by block. It is open only while a block is read, so that thousands of files can be
 * read side by side, and nothing is left open by a reader that stops. What stands behind the last line end is left out.
 *
 * @param blockBytes what is read at once
 * @throws {TineError} `bad-results`, for a line of more than 16 MiB
 */
export async function* blockLines(path: string, blockBytes: number): AsyncGenerator<string[], void, void> {
  const decoder = new TextDecoder();
  let offset = 0;
  let rest = new Uint8Array();
  for (;;) {
    if (rest.length > MOST_LINE_BYTES) throw new TineError("bad-results", `${path} is damaged: a line never ends`);
    // A long line is read in larger and larger blocks, rather than copied for each small one.
    const block = new Uint8Array(rest.length + Math.max(blockBytes, rest.length));
    block.set(rest);
    const count = await readAt(path, offset, block.subarray(rest.length));
    if (count === 0) return;
    offset += count;
    const bytes = block.subarray(0, rest.length + count);
    const end = bytes.lastIndexOf(0x0a) + 1;
    rest = bytes.subarray(end);
    if (end > 0) yield decoder.decode(bytes.subarray(0, end - 1)).split("\n");
  }
}

async function readAt(path: string, offset: number, buffer: Uint8Array): Promise<number> {
  using file = await Deno.open(path);
  await file.seek(offset, Deno.SeekMode.Start);
  return await file.read(buffer) ?? 0;
}
