import { ProgressLine } from "../progress.ts";
import { style } from "../terminal.ts";

/** How long a message waits that has no use where the command ends soon, in ms. */
const SOON_MS = 1000;

/** What `tine host` prints on stderr: lines, warnings, and on a terminal how far it is. */
export class HostMessages implements Disposable {
  readonly #style = style(Deno.stderr);
  #line: () => string = () => "";
  #progress: ProgressLine | undefined;
  #soon: ReturnType<typeof setTimeout> | undefined;

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
    this.#line = line;
    this.#progress ??= new ProgressLine(() => this.#line());
  }

  /** Ends the progress line and the wait for a warning. */
  clear(): void {
    clearTimeout(this.#soon);
    this.#progress?.[Symbol.dispose]();
    this.#progress = undefined;
  }

  [Symbol.dispose](): void {
    this.clear();
  }

  #print(text: string): void {
    this.#progress?.clear();
    console.error(text);
  }
}
