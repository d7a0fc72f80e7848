import { columns, style } from "../terminal.ts";

/** Time between two progress lines, in ms. */
const INTERVAL_MS = 200;
/** How long a message waits that has no use where the command ends soon, in ms. */
const SOON_MS = 1000;

/** What `tine host` prints on stderr: lines, warnings, and on a terminal how far it is. */
export class HostMessages implements Disposable {
  readonly #style = style(Deno.stderr);
  readonly #onTerminal = Deno.stderr.isTerminal();
  #progress: () => string = () => "";
  #progressTimer: ReturnType<typeof setInterval> | undefined;
  #soon: ReturnType<typeof setTimeout> | undefined;
  #shown = false;

  /** Prints a warning. */
  warn(message: string): void {
    this.#print(this.#style.yellow(`tine host: ${message}`));
  }

  /** Prints a line that is less important than others. */
  dim(line: string): void {
    this.#print(this.#style.dim(line));
  }

  /** Prints a warning in a second, unless all is over until then; the first one only. */
  warnSoon(message: string): void {
    this.#soon ??= setTimeout(() => this.warn(message), SOON_MS);
  }

  /**
   * Shows how far the command is, until the next one or {@linkcode clear}; nothing where stderr is no terminal.
   *
   * @param line what to show, asked for five times a second
   */
  showProgress(line: () => string): void {
    if (!this.#onTerminal) return;
    this.#progress = line;
    this.#progressTimer ??= setInterval(() => this.#draw(), INTERVAL_MS);
  }

  /** Ends the progress line and the wait for a warning. */
  clear(): void {
    clearTimeout(this.#soon);
    clearInterval(this.#progressTimer);
    this.#erase();
  }

  [Symbol.dispose](): void {
    this.clear();
  }

  #print(text: string): void {
    this.#erase();
    console.error(text);
  }

  #draw(): void {
    this.#shown = true;
    write(`\r${this.#progress().slice(0, columns(Deno.stderr) - 1)}\x1b[K`);
  }

  #erase(): void {
    if (!this.#shown) return;
    this.#shown = false;
    write("\r\x1b[K");
  }
}

function write(text: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(text));
}
