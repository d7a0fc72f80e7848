import type { PointOrBatch } from "../batcher.ts";
import { settlesWithin } from "../../base/time.ts";
import { Condition } from "../../base/condition.ts";
import { messageOf } from "../../base/errors.ts";
import { previewBytes } from "../../wire/frame_reader.ts";
import { BatchGuard } from "../batch_guard.ts";
import { textOn } from "../end_reason.ts";
import type { BeginBatch, EdgeType, Request, Response } from "../messages.ts";
import type { RunningUdf } from "../running_udf.ts";
import { Session } from "../session.ts";
import type { Point } from "../point.ts";
import { BadEnd, CheckError, type Evidence, NEVER, Stuck } from "./check.ts";
import { describeRequest, describeResponse, Transcript } from "./transcript.ts";
import { framesOf } from "./wire.ts";

/** How long the end of a process is waited for where it only explains the end of its output. */
const EXIT_GRACE_MS = 1000;
/** How long the rest of its output is waited for where a UDF is known not to end. */
const REST_MS = 500;
/** More than this in one conversation is no answer to what checks send. */
const MAX_RESPONSES = 1_000_000;

/** Waits for a promise as long as a check may take: false once its time is up. Throws if all checks are stopped. */
export type Within = (promise: Promise<unknown>, atMostMs?: number) => Promise<boolean>;

/** What a probe knows about the UDF. */
export interface ProbeOptions {
  /** What the UDF provides, where it is known. */
  provides?: EdgeType;
  within: Within;
  /** For messages: how long a check may take. */
  timeoutMs: number;
  /** Called at each sign of life. */
  onSign(): void;
  /** The few lines around the last error that the UDF wrote to stderr. */
  stderr(): readonly string[];
  /** A bad end that is known, and need not be reported again. */
  knownEnd?: string;
  /** Called where the UDF ended so. */
  onKnownEnd?(): void;
}

type Answer = Exclude<Response, { kind: "keepalive" | "error" | "point" | "begin" | "end" | "empty" }>;

/**
 * A conversation with a fresh UDF in raw frames: sends what a check wants, whether a host would or not, and takes what
 * comes, which must be in order whatever was sent. Whatever is wrong ends it in a {@linkcode CheckError} that shows both
 * sides.
 */
export class Probe {
  /** Points and whole batches that came back, in order. */
  readonly outputs: PointOrBatch[] = [];
  /** Times of the keepalive responses that came, in order. */
  readonly keepalives: bigint[] = [];
  /** The text of the ErrorResponse, once one has come. */
  error: string | undefined;
  /** The longest time between two signs of life since {@linkcode listen}, in ms. */
  longestSilenceMs = 0;
  /** Strings that came and were not UTF-8 do not count as a fault. */
  toleratesInvalidUtf8 = false;
  /** Gets each response with its bytes, without their length, unless some of its text is not UTF-8. */
  inspect: ((response: Response, bytes: Uint8Array) => void) | undefined;

  readonly #udf: RunningUdf;
  readonly #options: ProbeOptions;
  readonly #session: Session;
  readonly #guard: BatchGuard;
  readonly #answers: Answer[] = [];
  /** Messages of data that had come when the first answer of a kind came. */
  readonly #dataBefore = new Map<Answer["kind"], number>();
  #data = 0;
  readonly #sent = new Transcript();
  readonly #came = new Transcript();
  #batch: { begin: BeginBatch; points: Point[] } | undefined;
  #violation: string | undefined;
  #outputEnded = false;
  #inputEnded = false;
  #stoppedReading = false;
  #responses = 0;
  #lastReceived = performance.now();
  readonly #changed = new Condition();

  constructor(udf: RunningUdf, options: ProbeOptions) {
    this.#udf = udf;
    this.#options = options;
    // Keepalives, silence and ends are what checks are about: nothing of them is left to the session.
    this.#session = new Session(udf, { keepalives: false });
    this.#session.expectEnd();
    this.#guard = new BatchGuard("the UDF");
    if (options.provides !== undefined) this.#guard.edge = options.provides;
    this.#session.start(() => this.#read());
  }

  /** Whether the UDF can be sent signals, as a child process can. */
  get signals(): boolean {
    return this.#udf.signal !== undefined;
  }

  /** Sends requests, in as few writes as possible. */
  async send(...requests: Request[]): Promise<void> {
    for (let start = 0; start < requests.length; start += 500) {
      const some = requests.slice(start, start + 500);
      for (const request of some) this.#sent.add(describeRequest(request));
      await this.#write(framesOf(some));
    }
  }

  /** Sends bytes in one write; `what` they are stands in messages. */
  async sendBytes(bytes: Uint8Array, what: string): Promise<void> {
    this.#sent.add(what);
    await this.#write(bytes);
  }

  /** Whether a string has come that is not UTF-8. */
  get sawInvalidUtf8(): boolean {
    return this.#session.invalidStrings > 0;
  }

  /** Adds a remark to what was sent. */
  note(remark: string): void {
    this.#sent.add(remark);
  }

  /** How many messages of points and batches had come when the first answer of this kind came. */
  dataBefore(kind: Answer["kind"]): number {
    return this.#dataBefore.get(kind) ?? 0;
  }

  /** All points that came back, also those in batches. */
  points(): Point[] {
    return this.outputs.flatMap((output) => output.kind === "point" ? [output.point] : output.batch.points);
  }

  /** Sends a signal to the UDF. */
  signal(name: Deno.Signal): void {
    this.#sent.add(`the signal ${name}`);
    this.#udf.signal?.(name);
  }

  /** Waits for the answer to a question; data and keepalives may come before it. */
  async answer<K extends Answer["kind"]>(kind: K): Promise<Extract<Answer, { kind: K }>> {
    const expected = `an answer to ${kind}`;
    const answer = await this.until(() => this.#answers.shift(), expected);
    if (answer.kind !== kind) throw this.fail(`it answered ${answer.kind} where ${kind} was asked`, expected);
    return answer as Extract<Answer, { kind: K }>;
  }

  /** Sends a keepalive and waits for a response to one: all that was sent before has then been read. */
  async settle(time = 1n): Promise<void> {
    const before = this.keepalives.length;
    await this.send({ kind: "keepalive", time });
    await this.until(() => this.keepalives.length > before || undefined, "an answer to keepalive");
  }

  /** Waits until nothing has come for this long. */
  async quiet(ms: number): Promise<void> {
    while (await this.#options.within(this.#changed.wait(), ms)) if (this.#outputEnded) return;
  }

  /** Waits until `look` finds something, and returns it; `verb` names what the UDF has to do. */
  async until<T>(look: () => T | undefined, expected: string, verb = "answer"): Promise<T> {
    for (;;) {
      if (this.#violation !== undefined) throw this.fail(this.#violation, expected);
      const found = look();
      if (found !== undefined) return found;
      if (this.error !== undefined) throw this.#reported(expected);
      if (this.#outputEnded) {
        const end = await this.#explainEnd();
        if (end === undefined) throw this.fail("it ended its output", expected);
        throw new CheckError("fail", `it ${end}`, this.evidence(expected), `crash: ${end}`);
      }
      if (!await this.#options.within(this.#changed.wait())) {
        const text = textOn(this.#session.rest);
        if (text !== undefined) throw this.fail(textInstead(text), expected, text);
        throw this.#stuck(verb, expected);
      }
    }
  }

  /** Ends the UDF's input. */
  async endInput(): Promise<void> {
    if (this.#inputEnded) return;
    this.#inputEnded = true;
    this.#sent.add("the end of input");
    await this.#options.within(this.#session.endInput());
  }

  /** Ends the UDF's input, and sees to it that the UDF sends the rest in order and ends with status 0. */
  async finish(): Promise<void> {
    const expected = "the rest of its output, then its end with status 0";
    await this.endInput();
    await this.#waitForEnd(expected);
    if (this.error !== undefined) throw this.#reported(expected);
    if (this.#batch !== undefined) throw this.fail("it ended inside a batch that it had begun", expected);
    if (this.#outputEnded) {
      const end = await this.ended(expected);
      const known = end !== undefined && statusOf(end) === this.#options.knownEnd;
      if (known) this.#options.onKnownEnd?.();
      else if (end !== undefined) throw new BadEnd(`it ${end}`, this.evidence(expected), statusOf(end));
    }
    if (this.#stoppedReading) throw this.fail("it stopped reading before the end of its input", expected);
    const [unasked] = this.#answers;
    if (unasked !== undefined) throw this.warn(`it answered ${unasked.kind}, which was not asked`, "no such answer");
  }

  /** Ends the UDF's input and waits for its end, whatever that is: what it was sent is nothing to be proud of. */
  async dismiss(): Promise<string | undefined> {
    await this.endInput();
    const look = () => this.#outputEnded || this.error !== undefined || undefined;
    const expected = "the end of the UDF at the end of its input";
    await this.#waitForEnd(expected, look);
    return this.#outputEnded || this.error !== undefined ? await this.ended(expected) : undefined;
  }

  /** Waits for the end of the output; where it is known that no end comes, only until the UDF falls silent. */
  async #waitForEnd(expected: string, look = () => this.#outputEnded || undefined): Promise<void> {
    if (this.#options.knownEnd === NEVER) {
      await this.quiet(REST_MS);
      if (this.#violation !== undefined) throw this.fail(this.#violation, expected);
      if (look() === undefined) return this.#options.onKnownEnd?.();
    }
    try {
      await this.until(look, expected, "end");
    } catch (error) {
      throw error instanceof Stuck ? new BadEnd(error.reason, error.evidence!, NEVER) : error;
    }
  }

  /** How the UDF ended: undefined where it ended well. Waits for that. */
  async ended(expected: string): Promise<string | undefined> {
    if (await this.#options.within(this.#udf.ended)) {
      const end = await this.#udf.ended;
      this.#came.add(end ?? "its end");
      return end;
    }
    throw this.#stuck("end", expected);
  }

  /** Starts to measure silence. */
  listen(): void {
    this.#lastReceived = performance.now();
    this.longestSilenceMs = 0;
  }

  #reported(expected: string): CheckError {
    return new CheckError(
      "fail",
      `it reported an error: ${this.error}`,
      this.evidence(expected),
      `error: ${this.error}`,
    );
  }

  /** A failure with what was sent and what came. */
  fail(reason: string, expected: string, came?: string): CheckError {
    return new CheckError("fail", reason, this.evidence(expected, came));
  }

  /** A warning with what was sent and what came. */
  warn(reason: string, expected: string, came?: string): CheckError {
    return new CheckError("warn", reason, this.evidence(expected, came));
  }

  /** Both sides of the conversation. */
  evidence(expected: string, came?: string): Evidence {
    const stderr = this.#options.stderr();
    const sides = { sent: this.#sent.toString(), came: came ?? this.#came.toString(), expected };
    return stderr.length === 0 ? sides : { ...sides, stderr };
  }

  /** Ends the UDF, by force where it is still there. Does not fail. */
  async close(): Promise<void> {
    try {
      this.#session.kill();
    } catch {
      // It has gone.
    }
    // A handler in this process cannot be killed; it ends once its call does.
    await settlesWithin(EXIT_GRACE_MS, this.#udf.close().catch(() => {}));
  }

  async #write(bytes: Uint8Array): Promise<void> {
    if (this.#violation !== undefined) throw this.fail(this.#violation, "responses that the protocol allows");
    const writing = this.#session.write(bytes).catch(() => {
      // The UDF goes away; why is known once all that it sent is read.
      this.#stoppedReading = true;
    });
    if (await this.#options.within(writing)) return;
    throw this.#stuck("read its input", "a UDF that reads its input");
  }

  #stuck(verb: string, expected: string): CheckError {
    const waited = `within ${this.#options.timeoutMs / 1000} s`;
    this.#came.add(`no ${verb === "read its input" ? "reading" : verb} ${waited}`);
    return new Stuck(`it did not ${verb} ${waited}`, this.evidence(expected));
  }

  async #read(): Promise<void> {
    const session = this.#session;
    try {
      for (let event; (event = await session.event()) !== undefined;) {
        if (event !== "responses") continue;
        this.#received();
        while (session.next()) this.#take(session.response(), session.frame);
        this.#notify();
      }
    } catch (error) {
      this.#violation ??= this.#describeGarbage(error);
      this.#came.add(this.#violation);
      void session.drain();
    }
    this.#outputEnded = true;
    this.#notify();
  }

  #take(response: Response, frame: Uint8Array): void {
    this.#came.add(describeResponse(response));
    if (++this.#responses > MAX_RESPONSES) throw new Error(`more than ${MAX_RESPONSES} responses`);
    if (this.#session.invalidStrings > 0 && !this.toleratesInvalidUtf8) {
      this.#violation ??= "it sent a string that is not UTF-8, which Kapacitor refuses";
    }
    if (this.inspect !== undefined && this.#session.invalidStrings === 0) {
      const { bytes, start, end } = this.#session.current;
      this.inspect(response, bytes.subarray(start, end));
    }
    switch (response.kind) {
      case "keepalive":
        this.keepalives.push(response.time);
        return;
      case "error":
        this.error ??= response.error;
        return;
      case "empty":
        this.#violation ??= `it sent an empty or unknown response, on which Kapacitor crashes: ${previewBytes(frame)}`;
        return;
      case "begin":
      case "point":
      case "end":
        this.#data++;
        try {
          this.#takeData(response);
        } catch (error) {
          this.#violation ??= messageOf(error).replace("the UDF", "it");
        }
        return;
      default:
        if (!this.#dataBefore.has(response.kind)) this.#dataBefore.set(response.kind, this.#data);
        this.#answers.push(response);
    }
  }

  #takeData(response: Extract<Response, { kind: "begin" | "point" | "end" }>): void {
    if (response.kind === "begin") {
      this.#guard.begin(response.begin);
      this.#batch = { begin: response.begin, points: [] };
    } else if (response.kind === "end") {
      this.#guard.end(response.end);
      this.outputs.push({ kind: "batch", batch: { ...this.#batch!, end: response.end } });
      this.#batch = undefined;
    } else {
      this.#guard.point();
      if (this.#batch === undefined) this.outputs.push(response);
      else this.#batch.points.push(response.point);
    }
  }

  /** What is wrong with bytes that are no response. */
  #describeGarbage(error: unknown): string {
    const text = textOn(this.#session.rest) ?? textOn(this.#session.frame);
    return text === undefined ? `it sent what is no response: ${messageOf(error)}` : textInstead(text);
  }

  async #explainEnd(): Promise<string | undefined> {
    if (!await this.#options.within(this.#udf.ended, EXIT_GRACE_MS)) return undefined;
    const end = await this.#udf.ended;
    if (end !== undefined) this.#came.add(end);
    else this.#came.add("the end of its output");
    return end;
  }

  #received(): void {
    this.#options.onSign();
    const now = performance.now();
    this.longestSilenceMs = Math.max(this.longestSilenceMs, now - this.#lastReceived);
    this.#lastReceived = now;
  }

  #notify(): void {
    this.#changed.notify();
  }
}

/** How a process ended, without the reason that it gave. */
function statusOf(end: string): string {
  return /^(?:exited with status \d+|was ended by \w+)/.exec(end)?.[0] ?? end;
}

function textInstead(text: string): string {
  return `it sent text where only frames belong (it should print to stderr instead): ${text}`;
}
