import { quoteWord } from "../../../base/shell_words.ts";
import { type Connection, readAhead, writeAll } from "../../../wire/connection.ts";
import { TineError } from "../../../base/errors.ts";
import { type LocalProcess, startLocal } from "../local.ts";
import FAR_SCRIPT from "./far.sh" with { type: "text" };
import { farFailure, sshFailure } from "./ssh_failure.ts";

/** A login that takes longer is hung. ssh itself gives up an address that does not answer earlier. */
const LOGIN_MS = 14_000;
/** The far side hashes a file of 100 MB in that time on the slowest of machines. */
const ANSWER_MS = 30_000;
/** How many of the last lines of ssh and the login are kept for messages. */
const KEPT_LINES = 20;
/** What start-up files print before the first answer, and between answers, at most. */
const MAX_GARBAGE_BYTES = 16 * 1024 * 1024;
const MAX_ANSWER_LENGTH = 16 * 1024;

/** What is started to reach another machine. */
export interface FarShellOptions {
  /** As for ssh, for messages. */
  readonly destination: string;
  /** The words that run `sh` there. */
  readonly command: readonly string[];
  /** The whole environment of ssh. */
  readonly env: Readonly<Record<string, string>>;
  /** Become root there. */
  readonly root: boolean;
  /** Ends it at once. */
  readonly signal: AbortSignal;
  /** A line that the node on the far side writes to standard error, once it is started. */
  onLine(line: string): void;
}

/** An answer of the far script: a word, and what follows. */
export interface FarAnswer {
  readonly word: string;
  readonly text: string;
}

/** A shell on another machine that answers the requests of {@linkcode farScript}. */
export class FarShell implements AsyncDisposable {
  readonly #options: FarShellOptions;
  readonly #process: LocalProcess;
  readonly #marker = crypto.getRandomValues(new Uint8Array(16)).toHex();
  readonly #lastLines: string[] = [];
  readonly #stop = () => this.#process.kill();
  #started = false;
  #received: Uint8Array = new Uint8Array();
  #garbage = 0;

  /**
   * Starts ssh, and with it the far script.
   *
   * @throws {TineError} `cannot-start`
   */
  constructor(options: FarShellOptions) {
    this.#options = options;
    this.#process = startLocal(options.command, options.env, (line) => this.#receiveLine(line));
    options.signal.addEventListener("abort", this.#stop, { once: true });
  }

  /**
   * Logs in.
   *
   * @returns system, machine and user of the far side
   * @throws {TineError} why it cannot be reached, with the remedy; the reason of the signal
   */
  async login(): Promise<{ system: string; machine: string; uid: number }> {
    this.#write(farScript(this.#marker, this.#options.root));
    const { text } = await this.#answer("hello", LOGIN_MS);
    const [system = "", machine = "", uid = ""] = text.split(" ");
    return { system, machine, uid: Number(uid) };
  }

  /**
   * Sends a request.
   *
   * @param request a line
   * @param expected the words that its answer may begin with
   */
  async ask(request: string, ...expected: string[]): Promise<FarAnswer> {
    this.#write(`${request}\n`);
    return await this.#answer(expected, ANSWER_MS);
  }

  /**
   * Sends bytes behind a request, and waits for its answer: it may come early, if the far side fails.
   *
   * @param limitMs how long that may take
   */
  async send(request: string, bytes: Uint8Array, limitMs: number, ...expected: string[]): Promise<FarAnswer> {
    const head = new TextEncoder().encode(`${request}\n`);
    const write = async () => {
      await writeAll(this.#process.connection, head);
      await writeAll(this.#process.connection, bytes);
    };
    write().catch(() => {}); // ssh has ended: there will be no answer
    return await this.#answer(expected, limitMs);
  }

  /** Goes on as a node: returns the connection to it; its standard error goes to `onLine`. */
  async start(request: string): Promise<{ connection: Connection; process: LocalProcess }> {
    await this.ask(request, "start");
    this.#started = true;
    this.#options.signal.removeEventListener("abort", this.#stop);
    return { connection: readAhead(this.#received, this.#process.connection), process: this.#process };
  }

  /** Ends ssh, unless it goes on as a node. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#started) return;
    this.#options.signal.removeEventListener("abort", this.#stop);
    await this.#process[Symbol.asyncDispose]();
  }

  #receiveLine(line: string): void {
    // Banners and start-up files: only of interest if nothing comes of it.
    if (this.#started) return this.#options.onLine(line);
    if (line.trim() === "") return;
    this.#lastLines.push(line.trim());
    if (this.#lastLines.length > KEPT_LINES) this.#lastLines.shift();
  }

  #write(text: string): void {
    writeAll(this.#process.connection, new TextEncoder().encode(text)).catch(() => {}); // the answer rejects
  }

  async #answer(expected: string | readonly string[], limitMs: number): Promise<FarAnswer> {
    const { destination, signal } = this.#options;
    let late = false;
    let failed = false;
    const timer = setTimeout(() => {
      late = true;
      this.#process.kill();
    }, limitMs);
    try {
      const line = await this.#line();
      signal.throwIfAborted();
      if (line === undefined) {
        const how = await this.#process.ended;
        if (late) throw this.#tooLate(limitMs);
        throw sshFailure(destination, how.split(":")[0], this.#lastLines);
      }
      const [word, ...rest] = line.split(" ");
      const text = rest.join(" ");
      failed = word === "fail";
      if (failed) throw farFailure(destination, rest[0], rest.slice(1).join(" "));
      if (!expected.includes(word)) {
        throw new TineError("ssh-failed", `${destination} answered ${JSON.stringify(line)}, expected ${expected}`);
      }
      return { word, text };
    } catch (error) {
      // A far side that has failed tidies up; all else cannot be ended in order.
      if (!failed) this.#process.kill();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  #tooLate(limitMs: number): TineError {
    const { destination } = this.#options;
    const last = this.#lastLines.length > 0 ? ` (${this.#lastLines.at(-1)})` : "";
    return new TineError(
      "hung",
      `${destination} has not answered within ${limitMs / 1000} s: the login there hangs, or its start-up files do; ` +
        `see what "ssh ${destination} true" does${last}`,
    );
  }

  /** The next line with our marker; undefined at the end. */
  async #line(): Promise<string | undefined> {
    const marker = new TextEncoder().encode(`${this.#marker} `);
    const buffer = new Uint8Array(64 * 1024);
    for (;;) {
      const start = indexOf(this.#received, marker);
      const end = start < 0 ? -1 : this.#received.indexOf(NEWLINE, start);
      if (end >= 0) {
        const line = new TextDecoder().decode(this.#received.subarray(start + marker.length, end));
        this.#received = this.#received.slice(end + 1);
        return line;
      }
      if (start < 0) this.#drop(this.#received.length - marker.length);
      if (start >= 0 && this.#received.length - start > MAX_ANSWER_LENGTH) return undefined;
      let length: number | null;
      try {
        length = await this.#process.connection.read(buffer);
      } catch {
        return undefined; // ssh was killed
      }
      if (length === null) return undefined;
      const more = new Uint8Array(this.#received.length + length);
      more.set(this.#received);
      more.set(buffer.subarray(0, length), this.#received.length);
      this.#received = more;
    }
  }

  /** What cannot be part of an answer. */
  #drop(length: number): void {
    if (length <= 0) return;
    this.#received = this.#received.slice(length);
    this.#garbage += length;
    if (this.#garbage > MAX_GARBAGE_BYTES) {
      throw new TineError(
        "ssh-failed",
        `${this.#options.destination} prints without end where an answer was expected: see its start-up files`,
      );
    }
  }
}

const NEWLINE = "\n".charCodeAt(0);

function indexOf(bytes: Uint8Array, wanted: Uint8Array): number {
  for (let at = bytes.indexOf(wanted[0]); at >= 0; at = bytes.indexOf(wanted[0], at + 1)) {
    if (at + wanted.length > bytes.length) return -1;
    if (wanted.every((byte, i) => bytes[at + i] === byte)) return at;
  }
  return -1;
}

/** How the script is started: by a shell that reads this from its standard input, up to its end. */
const START = String.raw`
if [ "$root" = 0 ] || [ "$(id -u)" = 0 ]; then exec sh -c "$script" tine-ssh "$mark"
else exec sudo -n -H -- sh -c "$script" tine-ssh "$mark"; fi
`;

/**
 * What is written to `sh` on the far side, which then answers requests.
 *
 * @param marker in front of its answers: unguessable hexadecimal digits
 * @param root become root, by sudo that must not ask
 */
export function farScript(marker: string, root: boolean): string {
  if (!/^[0-9a-f]+$/.test(marker)) throw new TypeError(`${marker} is no marker`);
  // The shell may read ahead, so nothing may follow before its first answer.
  return `mark=${marker} root=${root ? 1 : 0} script=${quoteWord(FAR_SCRIPT)}\n${START.trim()}\n`;
}
