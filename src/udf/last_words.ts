/** Terminal colours; some programs print them into a pipe as well. */
// deno-lint-ignore no-control-regex
const COLOURS = /\x1b\[[0-9;]*m/g;

/** Lines at the margin that a message of several lines may have before its stack frames come. */
const MAX_MESSAGE_LINES = 10;

/** How much of an explanation is kept, in characters. */
const MAX_EXPLANATION = 500;

/** Lines of the context before the message of a report, or of all where there is no report. */
const CONTEXT_BEFORE_LINES = 3;
/** Lines of the context, the message included. */
const MAX_CONTEXT_LINES = 10;

/** Lines with which the report of a crash begins. */
const HEADERS: readonly RegExp[] = [
  /^(?:panic|fatal error|SIG[A-Z]+): /, // Go
  /^Exception in thread /, // Java
  /\bpanicked at /, // Rust
  /^(?:error: )?(?:Uncaught (?:\(in promise\) )?)?[\w$.]*(?:Error|Exception|Rejection)\b(?: \[\w+\])?: /, // Node.js, Deno, Java
  /^error: Uncaught /, // Deno
  /^terminate called /, // C++ with libstdc++
  /^Unhandled [Ee]xception[.:]/, // .NET
  /^\S+:\d+:in [`'].*\(\w+(?:::\w+)*\)$/, // Ruby
  /^Fatal Python error: /,
];

/** The cause that the report names after the message: Java and Deno, .NET, Node.js. The last one is the root. */
const CAUSE = /^(?:Caused by: |\s+---> |\s+\[cause\]: )(.*)$/;

/** Lines in which V8 explains why it ends the process; all lines after that are about V8 itself. */
const FATAL = /FATAL ERROR:|out of memory/;

/** Stack frames: of Java, JavaScript, .NET and Rust (`at`), Java, Ruby, Go, Rust, Perl, Python. */
const FRAME = new RegExp([
  String.raw`^\s+at \S`,
  String.raw`^\s+\.\.\. \d+ (?:more|common frames)`,
  String.raw`^\s+from \S+:\d+`,
  String.raw`^\t\S.*\.\w+:\d+(?: \+0x[0-9a-f]+)?$`,
  String.raw`^\s+\d+: \S`,
  String.raw`^\t.* called at .* line \d+`,
  String.raw`^ +File ".*", line \d+`,
].join("|"));

/** Lines at the margin that belong to a report. */
const TRAILER =
  /^(?:goroutine \d+ |created by |\[signal |runtime stack:|stack backtrace:|note: |Node\.js v\d|Current thread |Thread 0x|exit status \d+$|npm (?:ERR!|error|notice)|\}$)/;

/** What a shell adds when a signal has ended the program that it ran. */
const SHELL =
  /^(?:\S+: line \d+: +\d+ )?(?:Aborted|Segmentation fault|Bus error|Illegal instruction|Trace\/breakpoint trap)\b/;

/** The calls in a Go stack, each before its place. */
const GO_CALL = /^[\w./*()[\]{}%$@-]+\(.*\)$/;

/**
 * What comes before the frames of a Python traceback, whose message follows them; the second form is of exception
 * groups.
 */
const TRACEBACK = /^[\s|]*(?:\+ Exception Group )?Traceback \(most recent call last\):/;

/**
 * Finds the line on stderr that explains the end of a process.
 *
 * That is the last line, except where it belongs to the report that the runtime of a language prints of a crash (stack
 * frames, notes, versions): then it is the message of that report, with the root cause where there is one. The reports
 * are those of Go, Java, Rust, Node.js, Deno, Python, C++, .NET, Ruby and Perl.
 *
 * @example
 * ```ts
 * import { LastWords } from "./last_words.ts";
 * const words = new LastWords();
 * for (const line of ["starting", "panic: no field", "", "goroutine 1 [running]:", "main.main()"]) words.add(line);
 * console.assert(words.explanation === "panic: no field");
 * ```
 */
export class LastWords {
  /** The last line that is not empty. */
  #last = "";
  /** The message of the report that the last lines belong to; empty where there is no report. */
  #message = "";
  #cause = "";
  /** Lines at the margin since the message: they are part of it if a stack frame follows. */
  #pending = 0;
  #insideStack = false;
  #insideTraceback = false;
  #fatal = false;
  /** The last lines. */
  readonly #recent: string[] = [];
  /** The lines around the message, where there is a report. */
  #around: string[] = [];

  /** Takes the next line. */
  add(text: string): void {
    const line = text.replace(COLOURS, "");
    if (line.trim() === "") return;
    this.#remember(line.slice(0, MAX_EXPLANATION));
    if (this.#fatal) return;
    this.#fatal = FATAL.test(line);
    if (this.#fatal) this.#begin(line);
    else this.#take(line);
    if (this.#last === "" || !TRAILER.test(line)) this.#last = line;
  }

  /** The line that explains the end; empty if there was no line. */
  get explanation(): string {
    const cause = this.#cause === "" ? "" : `; caused by ${this.#cause}`;
    return (this.#isCrash() ? this.#message + cause : this.#last).trim().slice(0, MAX_EXPLANATION);
  }

  /** The explanation and what it is, as a part of a sentence; empty if there was no line. */
  get clause(): string {
    if (this.#last === "") return "";
    const isLast = !this.#isCrash() || this.#message === this.#last;
    return `${isLast ? "its last line on stderr" : "its error on stderr"}: ${this.explanation}`;
  }

  /** The few lines around the explanation, each at most 500 characters. */
  get context(): readonly string[] {
    return this.#isCrash() ? this.#around : this.#recent;
  }

  #remember(line: string): void {
    if (this.#around.length < MAX_CONTEXT_LINES) this.#around.push(line);
    this.#recent.push(line);
    if (this.#recent.length > CONTEXT_BEFORE_LINES + 1) this.#recent.shift();
  }

  #isCrash(): boolean {
    return this.#message !== "" && this.#pending === 0;
  }

  #take(line: string): void {
    if (TRACEBACK.test(line)) {
      this.#begin("");
      this.#insideTraceback = true;
    } else if (this.#insideTraceback) {
      // The lines of an exception group stand behind bars.
      const message = line.replace(/^[\s|]*\| (?=\S)/, "");
      if (/^\s/.test(message)) return;
      this.#begin(message);
      this.#insideStack = message !== line;
    } else if (HEADERS.some((header) => header.test(line))) {
      this.#begin(line);
    } else if (FRAME.test(line)) {
      // A message that no rule knows stands at the margin, right before its frames.
      if (this.#message === "" && !/^\s/.test(this.#last)) this.#begin(this.#last);
      this.#insideStack = this.#message !== "";
      this.#pending = 0;
    } else if (this.#message !== "") {
      this.#goOn(line);
    } else if (CAUSE.test(line)) {
      this.#begin(line);
    }
  }

  /** Takes a line that comes after a message, and is neither another one nor a stack frame. */
  #goOn(line: string): void {
    const cause = CAUSE.exec(line);
    // Rust's message follows its place, Go indents the further lines of one, C++ announces it.
    const detail = /\bpanicked at \S+:\d+:\d+:$/.test(this.#message)
      ? ` ${line}`
      : line.replace(/^ {2}what\(\): +/, ": ");
    if (cause !== null) {
      this.#cause = cause[1];
      this.#insideStack = true;
    } else if (
      TRAILER.test(line) || SHELL.test(line) || this.#insideStack && (/^\s/.test(line) || GO_CALL.test(line))
    ) {
      this.#insideStack = true;
    } else if (this.#insideStack) {
      this.#begin("");
    } else if (detail !== line || line.startsWith("\t")) {
      this.#message += detail.replace(/^\t/, " ");
    } else if (/^\S/.test(line) && ++this.#pending > MAX_MESSAGE_LINES) {
      this.#begin("");
    }
  }

  /** Begins a report; an empty message: what was one has ended. */
  #begin(message: string): void {
    this.#message = message;
    this.#around = [...this.#recent];
    this.#cause = "";
    this.#pending = 0;
    this.#insideStack = this.#insideTraceback = false;
  }
}
