/** The program itself, as people run it. */

import { toText } from "@std/streams";

/** The command line of tine. */
export const TINE: readonly string[] = [
  Deno.execPath(),
  "run",
  "-A",
  "--no-check",
  new URL("../../main.ts", import.meta.url).pathname,
];

/** What a run of tine printed, and how it ended. */
export interface TineOutput {
  code: number;
  stdout: string;
  stderr: string;
}

const env = { NO_COLOR: "1" };

/** Starts tine with pipes on all three streams. */
export function startTine(...args: string[]): Deno.ChildProcess {
  const [program, ...first] = TINE;
  return new Deno.Command(program, {
    args: [...first, ...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    env,
  }).spawn();
}

/** Runs tine with this input to its end. */
export async function tine(args: string[], input: string | Uint8Array = ""): Promise<TineOutput> {
  const child = startTine(...args);
  const writer = child.stdin.getWriter();
  writer.write(typeof input === "string" ? new TextEncoder().encode(input) : input)
    .then(() => writer.close()).catch(() => {}); // it need not read all
  return await outputOf(child);
}

/** Waits for the end of a process. */
export async function outputOf(child: Deno.ChildProcess): Promise<TineOutput> {
  const [{ code }, stdout, stderr] = await Promise.all([child.status, toText(child.stdout), toText(child.stderr)]);
  return { code, stdout, stderr };
}

/** Reads a stream of text up to a place that a test waits for. */
export class TextReader implements AsyncDisposable {
  readonly #reader: ReadableStreamDefaultReader<string>;
  /** All that was read. */
  text = "";

  constructor(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
    this.#reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** Reads on until the text matches. */
  async until(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.text);
      if (match !== null) return match;
      const { value, done } = await this.#reader.read();
      if (done) throw new Error(`the text ends before ${pattern}: ${this.text}`);
      this.text += value;
    }
  }

  /** Reads to the end. */
  async rest(): Promise<string> {
    for (;;) {
      const { value, done } = await this.#reader.read();
      if (done) return this.text;
      this.text += value;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reader.cancel();
  }
}
