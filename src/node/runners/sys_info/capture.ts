import type { ByteSource } from "../../../wire/connection.ts";
import type { ProcessEnd } from "../../process/processes.ts";
import type { RunContext } from "../../runner.ts";
import { drain } from "../output/drain.ts";
import { GatheredText } from "../output/gathered_text.ts";
import { LastLine } from "../output/last_line.ts";

/** What a program printed, and how it ended. */
export interface Captured {
  readonly text: string;
  /** How many bytes the text lacks. */
  readonly leftOut: number;
  readonly end: ProcessEnd;
  readonly lastError: string | undefined;
}

/**
 * Runs a program and keeps what it prints, on stdout and then on stderr; kills it when the run is canceled.
 *
 * @param limit how many bytes of its output are kept
 * @throws {TineError} `no-program` and the like; the reason of the cancellation
 */
export async function capture(
  program: string,
  args: readonly string[],
  limit: number,
  { processes, signal }: RunContext,
): Promise<Captured> {
  signal.throwIfAborted();
  const process = processes.start({ program, args, stdout: true, stderr: true });
  const stdout = new GatheredText(limit);
  const stderr = new GatheredText(Math.min(limit, 64 * 1024));
  const lastError = new LastLine();
  let stopping: Promise<void> | undefined;
  const stop = () => {
    stopping = process.stop("kill");
    stopping.catch(() => {}); // told below
  };
  signal.addEventListener("abort", stop, { once: true });
  const read = (source: ByteSource | undefined, take: (bytes: Uint8Array) => void) =>
    source && drain(source, (bytes) => void take(bytes), process.ended);
  try {
    const both = await Promise.allSettled([
      read(process.stdout, (bytes) => stdout.add(bytes)),
      read(process.stderr, (bytes) => {
        stderr.add(bytes);
        lastError.add(bytes);
      }),
    ]);
    for (const result of both) if (result.status === "rejected") throw result.reason;
    const end = await process.ended;
    const [out, errors] = [stdout.take(), stderr.take()];
    const text = [out.text, errors.text].filter((text) => text !== "").join("\n");
    signal.throwIfAborted();
    return { text, leftOut: out.leftOut + errors.leftOut, end, lastError: lastError.text() };
  } finally {
    signal.removeEventListener("abort", stop);
    await stopping;
  }
}
