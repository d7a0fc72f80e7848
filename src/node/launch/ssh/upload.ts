import { messageOf, TineError } from "../../../base/errors.ts";
import type { ExeFile } from "../executables/exe_file.ts";
import type { FarShell } from "./far_shell.ts";

/** What is compressed and sent at once, before the far side has to say that it has it. */
const BLOCK_BYTES = 4 * 1024 * 1024;
/** A block may take so long: 4 MiB at 300 kbit/s. A connection that is cut ends ssh much earlier. */
const BLOCK_MS = 120_000;
/** What compression must save, to be worth its time: packed executables are compressed already. */
const WORTH = 0.95;
/** How often progress is told. */
const TELL_MS = 2000;

/**
 * Sends an executable to a far shell that has asked for it.
 *
 * @param own it is for that machine, rather than to be handed on
 * @param onProgress bytes sent so far; not more often than every two seconds
 * @returns where it lies on the far side
 * @throws {TineError} why it could not be sent, with the remedy
 */
export async function upload(
  shell: FarShell,
  exe: ExeFile,
  own: boolean,
  onProgress: (sentBytes: number) => void,
): Promise<string> {
  using file = await Deno.open(exe.path);
  let block = await readBlock(file);
  const compressed = await gzip(block);
  const zip = compressed.length < WORTH * block.length;
  let next = zip ? compressed : block;
  let request = `blocks ${zip ? "gzip" : "raw"} ${own ? "own" : "other"}\n`;
  let sent = 0;
  let told = performance.now();
  while (block.length > 0) {
    const answer = shell.send(`${request}${next.length}`, next, BLOCK_MS, "next");
    answer.catch(() => {}); // told below, once the next block is there
    request = "";
    sent += block.length;
    block = await readBlock(file);
    next = zip && block.length > 0 ? await gzip(block) : block;
    await answer;
    if (performance.now() - told < TELL_MS) continue;
    told = performance.now();
    onProgress(sent);
  }
  if (sent !== exe.size) throw new TineError("no-executable", `the executable ${exe.path} has changed meanwhile`);
  return (await shell.ask("0", "have")).text;
}

async function readBlock(file: Deno.FsFile): Promise<Uint8Array<ArrayBuffer>> {
  const block = new Uint8Array(BLOCK_BYTES);
  let length = 0;
  try {
    while (length < block.length) {
      const read = await file.read(block.subarray(length));
      if (read === null) break;
      length += read;
    }
  } catch (error) {
    throw new TineError("no-executable", `the executable cannot be read: ${messageOf(error)}`, { cause: error });
  }
  return block.subarray(0, length);
}

async function gzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  return await new Response(new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"))).bytes();
}
