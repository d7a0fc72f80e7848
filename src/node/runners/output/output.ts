import type { RunContext } from "../../runner.ts";
import { BufferedFile, MemoryFile, StreamedFile } from "./file_outputs.ts";
import { CompressedOutput, compressionOf } from "./compressed_output.ts";
import { GatheredEntry, StreamedLines } from "./log_outputs.ts";
import type { ByteSource } from "../../../wire/connection.ts";
import type { StartedProcess } from "../../process/processes.ts";
import { drain } from "./drain.ts";

/** What becomes of the output of a command. */
export interface Output {
  /**
   * Takes a piece of the output. The bytes are not touched after it is done.
   *
   * @returns a promise where the reader of the output should wait
   */
  write(bytes: Uint8Array): Promise<void> | undefined;
  /** Sends what is left, and releases what it holds. Called once, also after a failed write. */
  end(): Promise<void>;
}

/** Which output of which command; for messages and log entries. */
export interface OutputName {
  readonly stream: "stdout" | "stderr";
  /** The name of the command. */
  readonly command: string;
}

/**
 * Makes the output that a treatment asks for.
 *
 * @param treatment `gather` or nothing, `stream`, `quiet`, `bufmem:NAME`, `buftmp:NAME`, or the name of a file
 * @returns undefined where the output is not wanted
 */
export function createOutput(treatment: string | undefined, name: OutputName, context: RunContext): Output | undefined {
  const file = fileOf(treatment);
  if (file !== undefined) {
    const output = createFile(treatment!, file, name, context);
    const compression = compressionOf(file);
    return compression === undefined ? output : new CompressedOutput(output, compression);
  }
  switch (treatment) {
    case "stream":
      return new StreamedLines(name, context);
    case "quiet":
      return undefined;
    default:
      return new GatheredEntry(name, context);
  }
}

function createFile(treatment: string, file: string, name: OutputName, context: RunContext): Output {
  if (treatment.startsWith("bufmem:")) return new MemoryFile(file, name, context);
  if (treatment.startsWith("buftmp:")) return new BufferedFile(file, name, context);
  return new StreamedFile(file, context);
}

/** Returns the file that a treatment makes, if it makes one. */
export function fileOf(treatment: string | undefined): string | undefined {
  if (treatment === undefined || ["", "gather", "stream", "quiet"].includes(treatment)) return undefined;
  return treatment.replace(/^(bufmem|buftmp):/, "");
}

/** Where the output of a process goes. */
export interface Outputs {
  readonly stdout: Output | undefined;
  readonly stderr: Output | undefined;
}

/**
 * Writes the output of a process to its outputs, until the process has ended and all output is treated.
 *
 * @param fail called when output cannot be treated, so that the process would wait for its reader
 * @returns the streams that a process which was left behind still holds open
 * @throws what writing to an output threw first, once all is over
 */
export async function treatOutput(
  process: StartedProcess,
  outputs: Outputs,
  fail: () => void,
): Promise<("stdout" | "stderr")[]> {
  const open = new Set<"stdout" | "stderr">();
  const read = async (stream: "stdout" | "stderr", source: ByteSource | undefined) => {
    const output = outputs[stream];
    if (source === undefined || output === undefined) return;
    try {
      const whole = await drain(source, (bytes) => output.write(bytes), process.ended);
      if (!whole) open.add(stream);
    } catch (error) {
      fail();
      throw error;
    }
  };
  const results = await Promise.allSettled([read("stdout", process.stdout), read("stderr", process.stderr)]);
  await process.ended;
  // One after the other, so that log entries are in order.
  for (const output of [outputs.stdout, outputs.stderr]) {
    if (output !== undefined) results.push(...await Promise.allSettled([output.end()]));
  }
  const failed = results.find((result) => result.status === "rejected");
  if (failed !== undefined) throw failed.reason;
  return (["stdout", "stderr"] as const).filter((stream) => open.has(stream));
}
