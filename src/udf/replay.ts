import { messageOf, TineError } from "../base/errors.ts";
import { startLongTimer } from "../base/time.ts";
import { ByteReader } from "../wire/byte_reader.ts";
import { decodeRequest, decodeResponse } from "./codec.ts";
import type { Request } from "./messages.ts";
import { isQuestion } from "./questions.ts";
import { type ComparisonCounts, type Difference, ResponseComparison } from "./recording/comparison.ts";
import type { RecordedEvent, Recording } from "./recording/recording.ts";
import type { RunningUdf } from "./running_udf.ts";
import { Session } from "./session.ts";

/** How long a UDF that is given up may take to end, in ms: what it would still send is not compared. */
const KILL_AFTER_MS = 2000;

/** Ends of a replay that are its own doing, not the UDF's. */
const GIVEN_UP = ["keepalive-timeout", "drain-timeout", "not-as-recorded", "interrupted"];

/** How a recording is replayed; each has a default. */
export interface ReplayOptions {
  /** Requests keep the distances in time that they had; default false: as fast as the UDF takes them. */
  pace?: boolean;
  /** How far numbers of fields may differ, absolutely or relatively; default 0. */
  tolerance?: number;
  /** Snapshots are not compared; default false. */
  ignoreSnapshots?: boolean;
  /** A UDF that sends nothing for this long, in ms, is given up; default 10,000; 0: never. */
  timeoutMs?: number;
  /** How long the UDF may take to end after the last request, in ms; default 60,000; 0: for ever. */
  drainTimeoutMs?: number;
  /** The largest frame that is accepted from the UDF, in bytes; default 64 MiB. */
  maxFrameBytes?: number;
  /** Gets sentences about what is odd and not an error. */
  log?: (message: string) => void;
  /** Gives up. */
  signal?: AbortSignal;
}

/** What came of a replay. */
export interface ReplayReport extends ComparisonCounts {
  /** Messages that were sent, keepalives aside. */
  requests: number;
  /** Whether the recording was cut: its host or agent did not come to its end. */
  cut: boolean;
  /** The UDF that was recorded ended before its input did. */
  endedEarly: boolean;
  /** Why the replay could not go to its end; what had come until then was compared. */
  failure?: Error;
}

/**
 * Sends the requests of a recording to a UDF again, and compares what it answers with what was recorded.
 *
 * Keepalives are not part of it, on either side. A recorded UDF that ended early, by an error for instance, may do so
 * again.
 *
 * @param recording read to its end
 * @param udf the UDF; it is ended and closed
 * @param onDifference gets what differs, as it is found
 * @throws {TineError} `bad-recording`, `cannot-read`
 *
 * @example
 * ```ts ignore
 * import { createHandler } from "./handlers/mirror.ts";
 * import { startInProcess } from "./running_udf.ts";
 * import { openRecording } from "./recording/recording.ts";
 * import { replay } from "./replay.ts";
 * using recording = await openRecording("run.rec");
 * const report = await replay(recording, startInProcess("mirror", createHandler), console.log);
 * console.log(report.changed + report.missing + report.extra === 0 ? "same" : "differs");
 * ```
 */
export async function replay(
  recording: Recording,
  udf: RunningUdf,
  onDifference: (difference: Difference) => void,
  options: ReplayOptions = {},
): Promise<ReplayReport> {
  return await new Replay(recording, udf, onDifference, options).run();
}

class Replay {
  readonly #recording: Recording;
  readonly #udf: RunningUdf;
  readonly #options: ReplayOptions;
  readonly #comparison: ResponseComparison;
  readonly #session: Session;
  /** Aborted once nothing more is to be sent: the UDF has ended, reported an error, or was given up. */
  readonly #over = new AbortController();
  readonly #recordedCursor = new ByteReader();
  #requests = 0;
  #firstNs: number | undefined;
  #started = 0;
  #recordedEnds = { request: false, response: false };
  #recordedError = false;
  #endedEarly = false;
  /** Whether the UDF has reported an error: it may end early then. */
  #error = false;

  constructor(
    recording: Recording,
    udf: RunningUdf,
    onDifference: (difference: Difference) => void,
    options: ReplayOptions,
  ) {
    this.#recording = recording;
    this.#udf = udf;
    this.#options = options;
    const { tolerance = 0, ignoreSnapshots = false, timeoutMs, maxFrameBytes } = options;
    this.#comparison = new ResponseComparison({ tolerance, ignoreSnapshots }, onDifference);
    this.#session = new Session(udf, {
      timeoutMs,
      maxFrameBytes,
      killAfterMs: KILL_AFTER_MS,
      judgesSilentEnd: true,
      onAbort: () => this.#over.abort(),
    });
  }

  async run(): Promise<ReplayReport> {
    const { signal, drainTimeoutMs = 60_000 } = this.#options;
    const onAbort = () => this.#session.abort(new TineError("interrupted", "the replay was interrupted"), 0);
    signal?.addEventListener("abort", onAbort, { once: true });
    if (signal?.aborted) onAbort();
    this.#session.start(() => this.#read());
    try {
      for await (const event of this.#recording.events()) {
        await this.#take(event);
        if (this.#gaveUp) break;
      }
    } catch (error) {
      this.#session.kill();
      throw error;
    } finally {
      // What it throws is the failure of the session.
      await this.#session.finish(drainTimeoutMs).catch(() => {});
      signal?.removeEventListener("abort", onAbort);
    }
    return this.#report();
  }

  /** Whether the replay has given up the UDF, however the UDF would have ended. */
  get #gaveUp(): boolean {
    const { failure } = this.#session;
    return failure instanceof TineError && GIVEN_UP.includes(failure.code);
  }

  #report(): ReplayReport {
    // A recording that knows the end of the UDF's output knows all of it.
    const cut = !this.#recordedEnds.response;
    const early = this.#endedEarly || this.#recordedError;
    let { failure } = this.#session;
    // After an error that it reported itself a UDF may end as it likes; and as early as it did when it was recorded.
    if (this.#error && !this.#gaveUp || early && hasEnded(failure)) failure = undefined;
    this.#comparison.end(failure !== undefined ? "actual" : cut ? "expected" : undefined);
    return { ...this.#comparison.counts, requests: this.#requests, cut, endedEarly: early, failure };
  }

  /** Handles what was recorded: sends requests, expects responses. */
  async #take(event: RecordedEvent): Promise<void> {
    const { direction, timeNs } = event;
    if (event.kind === "garbage") {
      this.#options.log?.(`the recording holds ${direction}s that are no frames, from there on: ${event.reason}`);
    } else if (event.kind === "end") {
      this.#recordedEnds[direction] = true;
      if (direction === "response" && !this.#recordedEnds.request) this.#endedEarly = true;
    } else if (direction === "request") {
      await this.#send(event.payload, timeNs);
    } else {
      this.#expect(event.payload);
    }
  }

  #expect(payload: Uint8Array): void {
    try {
      const response = decodeResponse(this.#recordedCursor.reset(payload));
      if (response.kind === "error") this.#recordedError = true;
      this.#comparison.expected(response, payload);
    } catch (error) {
      if (error instanceof TineError && error.code === "not-as-recorded") return this.#session.abort(error);
      this.#options.log?.(`a recorded response is left out, it cannot be read: ${messageOf(error)}`);
    }
  }

  async #send(payload: Uint8Array, timeNs: number): Promise<void> {
    const kind = this.#kindOf(payload);
    if (kind === "keepalive" || this.#over.signal.aborted) return;
    if (this.#options.pace) await this.#wait(timeNs);
    if (this.#over.signal.aborted) return;
    this.#requests++;
    const full = this.#session.sendFrame(payload, 0, payload.length);
    if (isQuestion(kind)) this.#session.expect(kind).catch(() => {}); // the session keeps the reason
    // A UDF that reads no more is going away; why is known once all that it sent is read.
    if (full !== undefined) await this.#unlessOver(full.catch(() => this.#over.abort()));
  }

  /** Waits for the time at which a request was recorded. */
  async #wait(timeNs: number): Promise<void> {
    if (this.#firstNs === undefined) {
      this.#firstNs = timeNs;
      this.#started = performance.now();
    }
    const ms = this.#started + (timeNs - this.#firstNs) / 1e6 - performance.now();
    if (ms <= 0) return;
    const due = Promise.withResolvers<void>();
    using _timer = startLongTimer(ms, due.resolve);
    await this.#unlessOver(due.promise);
  }

  /** Waits for a promise, at most until nothing more is to be sent. */
  async #unlessOver(promise: Promise<void>): Promise<void> {
    const { signal } = this.#over;
    const over = Promise.withResolvers<void>();
    const onOver = () => over.resolve();
    if (signal.aborted) onOver();
    signal.addEventListener("abort", onOver, { once: true });
    await Promise.race([promise, over.promise]);
    signal.removeEventListener("abort", onOver);
  }

  #kindOf(payload: Uint8Array): Request["kind"] | "invalid" {
    try {
      return decodeRequest(this.#recordedCursor.reset(payload)).kind;
    } catch {
      return "invalid"; // sent as it is
    }
  }

  async #read(): Promise<void> {
    const session = this.#session;
    try {
      for (let event; (event = await session.event()) !== undefined;) {
        if (event === "held back") {
          this.#options.log?.(`${this.#udf.name} holds back its output until a keepalive makes it flush`);
        }
        while (event === "responses" && session.next()) this.#compare();
      }
    } finally {
      this.#over.abort();
    }
  }

  #compare(): void {
    const session = this.#session;
    const response = session.response();
    if (response.kind === "keepalive") return;
    session.answer(response);
    const { bytes, start, end } = session.current;
    this.#comparison.actual(response, bytes.subarray(start, end));
    if (response.kind !== "error") return;
    this.#error = true;
    session.expectEnd();
    this.#over.abort();
  }
}

/** Whether it was the UDF that ended, early or not well. */
function hasEnded(failure: Error | undefined): boolean {
  return failure instanceof TineError && ["udf-ended", "bad-exit", "connection-broke"].includes(failure.code);
}
