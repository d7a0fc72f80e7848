import { messageOf, TineError } from "../base/errors.ts";

/** A standard stream that may be a terminal. */
export type TerminalStream = Pick<typeof Deno.stdout, "isTerminal">;

/** Functions that decorate text for a stream; they return it as it is when the stream shows no colours. */
export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
}

/**
 * The decorations for a stream: text as it is unless that is a terminal and NO_COLOR is unset or empty.
 *
 * @example
 * ```ts
 * import { style } from "./terminal.ts";
 * const { green } = style(Deno.stderr);
 * console.error(green("ok"));
 * ```
 */
export function style(stream: TerminalStream): Style {
  const colour = showsColour(stream);
  const paint = (on: number, off: number) => (text: string) => colour ? `\x1b[${on}m${text}\x1b[${off}m` : text;
  return { bold: paint(1, 22), dim: paint(2, 22), red: paint(31, 39), green: paint(32, 39), yellow: paint(33, 39) };
}

/** Whether a stream is a terminal that shows colours, and they are wanted: NO_COLOR is unset or empty. */
export function showsColour(stream: TerminalStream): boolean {
  return stream.isTerminal() && !Deno.env.get("NO_COLOR") && Deno.env.get("TERM") !== "dumb";
}

/**
 * Whether text may have more characters than those of ASCII: the locale has UTF-8, by LC_ALL, LC_CTYPE or LANG, the first
 * one that is set, and TERM is not `dumb`.
 *
 * Source: POSIX, 8.2 Internationalization Variables
 */
export function showsUnicode(): boolean {
  const locale = Deno.env.get("LC_ALL") || Deno.env.get("LC_CTYPE") || Deno.env.get("LANG") || "";
  return /utf-?8/i.test(locale) && Deno.env.get("TERM") !== "dumb";
}

/**
 * How many columns text for a stream may take: the terminal's, at most `most`, or `most` where the stream is not a terminal.
 *
 * @param stream where the text will go
 * @param most the widest that is still easy to read
 */
export function columns(stream: TerminalStream, most = 100): number {
  if (!stream.isTerminal()) return most;
  try {
    // A terminal that was never given a size reports 0.
    return Math.max(40, Math.min(most, Deno.consoleSize().columns || 80));
  } catch {
    return 80;
  }
}

// The short name of the command line, which prints much of what comes from outside.
export { terminalText as escape } from "../base/terminal_text.ts";

/** The reader of standard output has gone, as in `tine host ... | head`: the command ends without a message. */
export class StdoutClosed extends TineError {
  override name = "StdoutClosed";

  constructor(options?: ErrorOptions) {
    super("stdout-closed", "standard output was closed", options);
  }
}

const encoder = new TextEncoder();

/**
 * Writes text or bytes to standard output, all of it.
 *
 * `console.log` hides that the reader has gone, so a command would go on in vain.
 *
 * @throws {StdoutClosed} once the reader has gone
 * @throws {TineError} `cannot-write` for any other reason, such as a full disk
 *
 * @example
 * ```ts
 * import { writeStdout } from "./terminal.ts";
 * await writeStdout("ready\n");
 * ```
 */
export async function writeStdout(data: string | Uint8Array): Promise<void> {
  const bytes = typeof data === "string" ? encoder.encode(data) : data;
  try {
    for (let done = 0; done < bytes.length;) done += await Deno.stdout.write(bytes.subarray(done));
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) throw new StdoutClosed({ cause: error });
    throw new TineError("cannot-write", `cannot write to standard output: ${messageOf(error)}`, { cause: error });
  }
}
