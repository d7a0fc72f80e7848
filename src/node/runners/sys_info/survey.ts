import type { RunContext } from "../../runner.ts";
import type { ByteSource } from "../../../wire/connection.ts";
import type { ProcessEnd } from "../../process/processes.ts";
import { drain } from "../output/drain.ts";
import { GatheredText, LastLine } from "../output/log_outputs.ts";

/** The limit for all texts that a plan chooses, in bytes: escaped as JSON, they fit into one message. */
const MAX_BYTES = 8 * 1024 * 1024;

/** The limit for one text, in bytes. */
const MAX_TEXT_BYTES = 1024 * 1024;

/** A section: values by name, or text; undefined where nothing is known. */
export type Section = Readonly<Record<string, string | undefined>> | string | undefined;

/** A description of a system in the making: the room that is left, and notes on what is missing. */
export class Survey {
  /** What is missing, and why. */
  readonly notes = new Map<string, string>();
  #bytesLeft = MAX_BYTES;

  /** @param context of the run */
  constructor(readonly context: RunContext) {}

  /** The limit for the next text, in bytes. */
  get room(): number {
    return Math.min(MAX_TEXT_BYTES, this.#bytesLeft);
  }

  /**
   * Returns as much of a text as there is room for, and notes what is left out.
   *
   * @param leftOut the number of bytes that it lacks already
   */
  keep(what: string, text: string, leftOut = 0): string {
    const kept = text.slice(0, this.#bytesLeft);
    this.#bytesLeft -= kept.length;
    leftOut += text.length - kept.length;
    if (leftOut > 0) this.note(what, `is too long: ${leftOut} bytes are left out`);
    return kept;
  }

  /** Notes that something is missing; several reasons stand side by side. */
  note(what: string, why: string): void {
    const before = this.notes.get(what);
    if (before === undefined) this.notes.set(what, why);
    else if (!before.includes(why)) this.notes.set(what, `${before}; ${why}`);
  }
}

/**
 * Does something for each item, a few at a time.
 *
 * @param width how many at a time
 * @throws the first failure, once no action is under way
 */
export async function forEachAtOnce<T>(
  items: Iterable<T>,
  width: number,
  action: (item: T) => Promise<void>,
): Promise<void> {
  const iterator = items[Symbol.iterator]();
  let failed = false;
  const work = async () => {
    for (let next = iterator.next(); !next.done && !failed; next = iterator.next()) await action(next.value);
  };
  const results = await Promise.allSettled(Array.from({ length: width }, () =>
    work().catch((error) => {
      failed = true;
      throw error;
    })));
  for (const result of results) if (result.status === "rejected") throw result.reason;
}

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
 * @param limit the most bytes of its output that are kept
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
    stopping.catch(() => {}); // Awaited below.
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

/** A text, and the number of bytes that it lacks. */
export interface LimitedText {
  readonly text: string;
  readonly leftOut: number;
}

const PIECE_BYTES = 64 * 1024;

/** The most bytes of the rest of a file that are counted: files of the kernel may have no end. */
const MAX_COUNTED_BYTES = 1024 * 1024 * 1024;

/**
 * Reads a text file, or its start. Files of the kernel have no size, and reading some of them waits for events.
 *
 * @param limit the most bytes to read
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
  return { text, leftOut: Math.min(MAX_COUNTED_BYTES, Math.max(1, size - limit)) };
}

/** Returns the trimmed text of a small file of the kernel; undefined if it cannot be read. */
export async function readValue(path: string): Promise<string | undefined> {
  try {
    return (await readStart(path, PIECE_BYTES)).text.trim();
  } catch {
    return undefined; // which files there are depends on the kernel, the hardware and the user
  }
}
