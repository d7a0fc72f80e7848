import { Backoff } from "../../base/backoff.ts";
import { formatCount } from "../../base/units.ts";
import { messageOf, TineError } from "../../base/errors.ts";
import { delay } from "../../base/time.ts";
import { shorten } from "../../base/shorten.ts";

/** Lines of a request at most. */
const BATCH_LINES = 5000;
/** Bytes of a request at most, before they are compressed, save where a single line has more. */
const BATCH_BYTES = 4 * 1024 * 1024;
/** What comes little by little is sent after this, in milliseconds. */
const BATCH_MS = 1000;
/** A request that takes longer has failed, in milliseconds. */
const REQUEST_MS = 30_000;
/** A server may ask for a pause of at most this, in milliseconds. */
const MAX_PAUSE_MS = 5 * 60_000;
/** Requests at most to find the lines of a batch that are refused. */
const MAX_SEARCH = 100;
/** Characters of a line, and of a server's answer, that are shown. */
const SHOWN = 300;

const NEWLINE = 0x0a;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SPACE = 0x20;

/** How lines are written to a server. */
export interface InfluxWriterOptions {
  /** Sent as `Authorization: Token ...`. */
  readonly token?: string;
  /** Receives sentences about lines that are refused and requests that are tried again. */
  readonly onProblem?: (message: string) => void;
  readonly signal: AbortSignal;
  /** When lines are sent that do not fill a request, in milliseconds. Default: 1000 */
  readonly batchMs?: number;
  /** Pauses between attempts. Default: {@linkcode Backoff}'s */
  readonly backoff?: Backoff;
}

/** What was written to a server. */
export interface InfluxCounts {
  /** Lines that the server took. */
  lines: number;
  /** Lines that it refused. */
  refused: number;
  requests: number;
  /** Requests that were repeated. */
  retries: number;
}

/**
 * Writes line protocol to a server with InfluxDB's API: InfluxDB 1 and 2, Telegraf, Kapacitor. Requests are
 * compressed, and sent one after another. What the server has no time for is sent again, after the pause that it asks
 * for or a growing one. Lines that it refuses are reported and left out.
 *
 * Format: https://docs.influxdata.com/influxdb/v2/api/#operation/PostWrite
 *
 * @example
 * ```ts ignore
 * import { InfluxWriter } from "./influx_writer.ts";
 *
 * const writer = new InfluxWriter(new URL("http://localhost:8086/write?db=tine"), { signal });
 * await writer.write(new TextEncoder().encode("round_trips,flow=voip rtt_us=271.5 1795916003000000000\n"));
 * console.log(await writer.close());
 * ```
 */
export class InfluxWriter {
  readonly counts: InfluxCounts = { lines: 0, refused: 0, requests: 0, retries: 0 };
  readonly #url: URL;
  readonly #options: InfluxWriterOptions;
  readonly #backoff: Backoff;
  #lines: Uint8Array[] = [];
  #bytes = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #sending: Promise<void> | undefined;
  #failure: unknown;

  /** @param url of the endpoint, with its query */
  constructor(url: URL, options: InfluxWriterOptions) {
    this.#url = new URL(url);
    if (!url.searchParams.has("precision")) this.#url.searchParams.set("precision", "ns");
    this.#options = options;
    this.#backoff = options.backoff ?? new Backoff();
  }

  /**
   * Takes lines, and waits while a request is under way and another one is full.
   *
   * @param bytes whole lines, which are copied
   * @throws {TineError} `cannot-send`, if the server does not answer or refuses all, now or before
   */
  async write(bytes: Uint8Array): Promise<void> {
    const copy = bytes.slice();
    for (let start = 0; start < copy.length;) {
      const end = lineEnd(copy, start);
      const line = copy.subarray(start, end);
      if (this.#lines.length >= BATCH_LINES || this.#bytes + line.length > BATCH_BYTES && this.#lines.length > 0) {
        await this.#flush();
      }
      this.#lines.push(line);
      this.#bytes += line.length;
      start = end;
    }
    if (this.#failure !== undefined) throw this.#failure;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      if (this.#sending === undefined) this.#send();
    }, this.#options.batchMs ?? BATCH_MS);
  }

  /**
   * Sends what is left.
   *
   * @throws {TineError} `cannot-send`
   */
  async close(): Promise<InfluxCounts> {
    clearTimeout(this.#timer);
    await this.#flush();
    await this.#sending;
    if (this.#failure !== undefined) throw this.#failure;
    return this.counts;
  }

  /** Waits for the request under way, and starts the next one. */
  async #flush(): Promise<void> {
    await this.#sending;
    if (this.#failure !== undefined) throw this.#failure;
    this.#send();
  }

  #send(): void {
    if (this.#lines.length === 0 || this.#failure !== undefined) return;
    const lines = this.#lines;
    this.#lines = [];
    this.#bytes = 0;
    this.#sending = this.#deliver(lines, { left: MAX_SEARCH }).catch((error) => {
      this.#failure = error;
    }).finally(() => {
      this.#sending = undefined;
    });
  }

  /** @param search requests that may be spent on finding the lines that are refused */
  async #deliver(lines: readonly Uint8Array[], search: { left: number }): Promise<void> {
    const { status, message, rejected } = await this.#post(lines);
    if (status < 300) {
      this.counts.lines += lines.length;
      return;
    }
    if (rejected !== undefined) {
      this.counts.lines += lines.length - rejected.length;
      for (const { line, reason } of rejected) this.#refused([new TextEncoder().encode(line)], reason);
      return;
    }
    if ((status === 400 || status === 422) && /partial write/i.test(message)) return this.#partial(lines, message);
    if (status !== 400 && status !== 413 && status !== 422) {
      throw new TineError("cannot-send", `${this.#name} answers ${status}: ${shorten(message, SHOWN)}`);
    }
    if (lines.length === 1 || search.left < 2) {
      this.#refused(lines, message);
      return;
    }
    // The server refused all of them: halves show which it does not take.
    search.left -= 2;
    const half = lines.length >> 1;
    await this.#deliver(lines.slice(0, half), search);
    await this.#deliver(lines.slice(half), search);
  }

  /** The server took all lines but a few. */
  #partial(lines: readonly Uint8Array[], message: string): void {
    const [, dropped] = /dropped=(\d+)/.exec(message) ?? [];
    const unread = message.match(/unable to parse/g)?.length ?? 0;
    const refused = Math.min(lines.length, Math.max(1, Number(dropped ?? 0) + unread));
    const line = lines.find((bytes) => isMeant(new TextDecoder().decode(bytes), message)) ?? lines[0];
    const named = unread > 0 || line !== lines[0] || lines.length === 1;
    this.counts.lines += lines.length - refused;
    this.#refused(named ? [line] : lines, message, refused);
  }

  #refused(lines: readonly Uint8Array[], message: string, refused = lines.length): void {
    this.counts.refused += refused;
    const text = shorten(new TextDecoder().decode(lines[0]).trimEnd(), SHOWN);
    const what = lines.length === 1
      ? "refuses"
      : `refuses ${refused} of ${formatCount(lines.length, "line")} that begin with`;
    this.#options.onProblem?.(`${this.#name} ${what} ${text}: ${shorten(message, SHOWN)}`);
  }

  /** Sends lines until the server has taken or refused them. */
  async #post(lines: readonly Uint8Array[]): Promise<{ status: number } & Answer> {
    const { token, signal, onProblem } = this.#options;
    const headers: Record<string, string> = {
      "content-type": "text/plain; charset=utf-8",
      "content-encoding": "gzip",
      ...(token === undefined ? {} : { authorization: `Token ${token}` }),
    };
    const body = await gzip(lines);
    for (;;) {
      signal.throwIfAborted();
      let problem: string;
      let wait: number | undefined;
      try {
        const timeout = AbortSignal.timeout(REQUEST_MS);
        this.counts.requests++;
        const response = await fetch(this.#url, {
          method: "POST",
          headers,
          body,
          redirect: "manual",
          signal: AbortSignal.any([signal, timeout]),
        });
        const answer = answerIn(await response.text());
        const { message } = answer;
        if (response.status !== 429 && response.status < 500) {
          this.#backoff.reset();
          return { status: response.status, ...answer };
        }
        problem = `answers ${response.status}: ${shorten(message, SHOWN)}`;
        wait = pauseOf(response.headers.get("retry-after"));
      } catch (error) {
        signal.throwIfAborted();
        problem = `cannot be reached: ${messageOf(error)}`;
      }
      const pause = this.#backoff.next();
      if (pause === undefined) throw new TineError("cannot-send", `${this.#name} ${problem}: given up`);
      const ms = Math.round(Math.min(MAX_PAUSE_MS, wait ?? pause));
      this.counts.retries++;
      onProblem?.(`${this.#name} ${problem}: trying again in ${ms} ms`);
      await delay(ms, signal);
    }
  }

  /** The server, without the query. */
  get #name(): string {
    return this.#url.origin + this.#url.pathname;
  }
}

/** Where a line ends, behind its line end: strings of fields may have line ends of their own. */
function lineEnd(bytes: Uint8Array, start: number): number {
  let inFields = false;
  let quoted = false;
  for (let i = start; i < bytes.length; i++) {
    switch (bytes[i]) {
      case BACKSLASH:
        i++;
        break;
      case SPACE:
        inFields = true;
        break;
      case QUOTE:
        if (inFields) quoted = !quoted;
        break;
      case NEWLINE:
        if (!quoted) return i + 1;
    }
  }
  return bytes.length;
}

/** Whether a server's message is about a line: it quotes the line, or names measurement and field. */
function isMeant(line: string, message: string): boolean {
  const [, quoted] = /unable to parse '([^]*?)': /.exec(message) ?? [];
  if (quoted !== undefined) return line.trimEnd() === quoted;
  const [, field, measurement] = /field "(.*?)" on measurement "(.*?)"/.exec(message) ?? [];
  return field !== undefined && line.startsWith(measurement) && new RegExp(`[ ,]${RegExp.escape(field)}=`).test(line);
}

/** What a server answers. */
interface Answer {
  /** The reason: the message in its JSON, or the text itself. */
  readonly message: string;
  /** The lines that InfluxDB 3 has refused of those that it was sent; it has taken all others. */
  readonly rejected?: readonly { readonly line: string; readonly reason: string }[];
}

function answerIn(text: string): Answer {
  let value: { error?: unknown; message?: unknown; data?: unknown } | null = null;
  try {
    value = JSON.parse(text);
  } catch {
    // it is no JSON
  }
  const found = value?.error ?? value?.message;
  const message = (typeof found === "string" ? found : text).trim() || "no reason given";
  if (!/partial write/i.test(message) || !Array.isArray(value?.data)) return { message };
  const rejected = (value.data as { original_line?: unknown; error_message?: unknown }[]).map((entry) => ({
    line: String(entry?.original_line ?? ""),
    reason: String(entry?.error_message ?? message),
  }));
  return rejected.length === 0 ? { message } : { message, rejected };
}

/** The pause that a server asks for, in milliseconds: seconds, or a date. RFC 9110, 10.2.3 */
function pauseOf(header: string | null): number | undefined {
  if (header === null) return undefined;
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

async function gzip(parts: readonly Uint8Array[]): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob(parts as Uint8Array<ArrayBuffer>[]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
