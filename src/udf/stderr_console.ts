import { format } from "node:util";

/** Kapacitor reads lines of up to 64 KiB from stderr; after a longer one it reads no more, and the UDF blocks. */
const MAX_LINE_BYTES = 60 * 1024;

/**
 * Cuts text into lines that Kapacitor can read, each with its newline.
 *
 * @example
 * ```ts
 * import { stderrLines } from "./stderr_console.ts";
 * console.assert([...stderrLines("a\nb")].join("") === "a\nb\n");
 * ```
 */
export function* stderrLines(text: string): Generator<string> {
  for (const line of text.split("\n")) {
    let rest = line;
    // A UTF-16 unit takes three bytes at most.
    while (rest.length * 3 > MAX_LINE_BYTES) {
      let cut = Math.floor(MAX_LINE_BYTES / 3);
      if (/[\ud800-\udbff]/.test(rest[cut - 1])) cut--;
      yield rest.slice(0, cut) + "\n";
      rest = rest.slice(cut);
    }
    yield rest + "\n";
  }
}

/**
 * Makes everything that is printed by `console` go to stderr: in an agent, stdout carries frames, and a stray print
 * would corrupt them.
 *
 * @param write gets whole lines; default: this process's stderr
 */
export function redirectConsole(write: (line: string) => void = writeStderr): void {
  const print = (...args: unknown[]) => {
    for (const line of stderrLines(format(...args))) write(line);
  };
  console.log =
    console.info =
    console.debug =
    console.warn =
    console.error =
      print;
  console.dir = (value) => print(value);
  console.table = (data) => print(data);
  console.trace = (...args) => print(...args, new Error().stack);
  console.assert = (condition, ...args) => {
    if (!condition) print("Assertion failed:", ...args);
  };
}

const encoder = new TextEncoder();

function writeStderr(line: string): void {
  try {
    Deno.stderr.writeSync(encoder.encode(line));
  } catch {
    // Without a reader of stderr there is no place for the message.
  }
}
