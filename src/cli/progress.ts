import { grouped } from "../base/units.ts";
import { columns } from "./terminal.ts";

const INTERVAL_MS = 200;

/** Says how many samples a first look has gone through. */
export function samplesText(samples: number): string {
  return `${grouped(samples)} samples analysed`;
}

/** A line on a terminal that shows how far a command is; nothing where stderr is no terminal. */
export class ProgressLine implements Disposable {
  #timer: ReturnType<typeof setInterval> | undefined;
  #shown = false;

  /** @param line what to show, asked for five times a second */
  constructor(line: () => string) {
    if (!Deno.stderr.isTerminal()) return;
    this.#timer = setInterval(() => this.#draw(line()), INTERVAL_MS);
  }

  /** Takes the line away, so that something else can be printed. */
  clear(): void {
    if (!this.#shown) return;
    this.#shown = false;
    write("\r\x1b[K");
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.clear();
  }

  #draw(line: string): void {
    this.#shown = true;
    write(`\r${line.slice(0, columns(Deno.stderr) - 1)}\x1b[K`);
  }
}

function write(text: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(text));
}
