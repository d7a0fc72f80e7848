import type { RunContext } from "../../runner.ts";
import { BufferedFile } from "./buffered_file.ts";
import { CompressedOutput, compressionOf } from "./compressed_output.ts";
import { GatheredEntry } from "./gathered_entry.ts";
import { MemoryFile } from "./memory_file.ts";
import { StreamedFile } from "./streamed_file.ts";
import { StreamedLines } from "./streamed_lines.ts";

/** What becomes of the output of a command. */
export interface Output {
  /**
   * Takes a piece of the output. The bytes are not touched after it is done.
   *
   * @returns a promise where whoever reads the output should wait
   */
  write(bytes: Uint8Array): Promise<void> | undefined;
  /** Sends what is left, and lets go of what it holds. Called once, also after a failed write. */
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

/** The file that a treatment makes, if it makes one. */
export function fileOf(treatment: string | undefined): string | undefined {
  if (treatment === undefined || ["", "gather", "stream", "quiet"].includes(treatment)) return undefined;
  return treatment.replace(/^(bufmem|buftmp):/, "");
}
