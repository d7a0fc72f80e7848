import { defaultFrameLimit } from "./snapshot_limit.ts";
import { ByteReader } from "../wire/byte_reader.ts";
import { messageOf, TineError } from "../base/errors.ts";
import { FrameReader } from "../wire/frame_reader.ts";
import { FrameWriter } from "../wire/frame_writer.ts";
import { startLongTimer } from "../base/time.ts";
import { decodeRequest, decodeResponse, encodeRequest } from "./codec.ts";
import { EXIT_GRACE_MS, failureOf, withinMs } from "./end_reason.ts";
import { KeepaliveMonitor } from "./keepalive_monitor.ts";
import type { Request } from "./messages.ts";
import type { RunningUdf } from "./running_udf.ts";
import { Comparison, type ComparisonCounts, type Difference } from "./recording/comparison.ts";
import type { RecordedEvent, Recording } from "./recording/recording.ts";

/** How a recording is replayed; each has a default. */
export interface ReplayOptions {
  /** Requests keep the distances in time that they had; default false: as fast as the UDF takes them. */
  pace?: boolean;
  /** How far numbers of fields may differ, absolutely or relatively; default 0. */
  tolerance?: number;
  /** Snapshots are not compared; default false. */
  ignoreSnapshots?: boolean;
  /** A UDF that says nothing for so long, in ms, is given up; default 10,000; 0: never. */
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
 * Keepalives are not part of it, on either side. A recorded UDF that ended early, by an error for instance, may do so again.
 *
 * @param recording read to its end
 * @param peer the UDF; it is ended and closed
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
  peer: RunningUdf,
  onDifference: (difference: Difference) => void,
  options: ReplayOptions = {},
): Promise<ReplayReport> {
  return await new Replay(recording, peer, onDifference, options).run();
}

class Replay {
  readonly #recording: Recording;
  readonly #peer: RunningUdf;
  readonly #options: ReplayOptions;
  readonly #comparison: Comparison;
  readonly #frames: FrameReader;
  readonly #writer: FrameWriter;
  readonly #lifeline: KeepaliveMonitor;
  /** Aborted once nothing more is to be sent: the UDF has ended, reported an error, or was given up. */
  readonly #over = new AbortController();
  readonly #recordedCursor = new ByteReader();
  #requests = 0;
  #firstNs: number | undefined;
  #started = 0;
  #recordedEnds = { request: false, response: false };
  #recordedError = false;
  #endedEarly = false;
  #error = false;
  #inputEnded = false;
  #gaveUp = false;
  #failure: Error | undefined;
  #lastAsked: string | undefined;

  constructor(
    recording: Recording,
    peer: RunningUdf,
    onDifference: (difference: Difference) => void,
    options: ReplayOptions,
  ) {
    this.#recording = recording;
    this.#peer = peer;
    this.#options = options;
    const { tolerance = 0, ignoreSnapshots = false } = options;
    this.#comparison = new Comparison({ tolerance, ignoreSnapshots }, onDifference);
    this.#frames = new FrameReader(peer.connection, options.maxFrameBytes ?? defaultFrameLimit());
    this.#writer = new FrameWriter(peer.connection);
    this.#lifeline = new KeepaliveMonitor({
      timeoutMs: options.timeoutMs ?? 10_000,
      keepalive: (time) => this.#keepalive(time),
      waiting: () => this.#writer.pending > 0,
      rest: () => this.#frames.rest(),
      onSilence: (error) => this.#giveUp(error),
      onHeldBack: () => options.log?.(`${peer.name} holds back its output until a keepalive makes it flush`),
    });
  }

  async run(): Promise<ReplayReport> {
    const { signal, drainTimeoutMs = 60_000 } = this.#options;
    const onAbort = () => this.#giveUp(new TineError("interrupted", "the replay was interrupted"));
    signal?.addEventListener("abort", onAbort, { once: true });
    if (signal?.aborted) onAbort();
    const reading = this.#read();
    this.#lifeline.start();
    let timer: Disposable | undefined;
    try {
      for await (const event of this.#recording.events()) {
        await this.#take(event);
        if (this.#gaveUp) break;
      }
      this.#lifeline.probe();
      await this.#unlessOver(this.#writer.finish().catch(() => this.#over.abort()));
      this.#inputEnded = true;
      await this.#peer.connection.closeWrite().catch(() => {});
      if (drainTimeoutMs > 0) {
        const message = `the UDF did not end within ${drainTimeoutMs / 1000} s after the last request`;
        timer = startLongTimer(drainTimeoutMs, () => this.#giveUp(new TineError("drain-timeout", message)));
      }
      await reading;
      const ended = await this.#peer.ended;
      if (ended !== undefined) {
        this.#udfEnded(new TineError("udf-ended", `the UDF ${ended}`));
      }
      return this.#report();
    } catch (error) {
      this.#peer.kill();
      throw error;
    } finally {
      timer?.[Symbol.dispose]();
      signal?.removeEventListener("abort", onAbort);
      this.#lifeline.stop();
      this.#frames.stop();
      await reading.catch(() => {});
      await this.#peer.close();
    }
  }

  #report(): ReplayReport {
    // A recording that knows the end of the UDF's output knows all of it.
    const cut = !this.#recordedEnds.response;
    const early = this.#endedEarly || this.#recordedError;
    // A UDF that ended early when it was recorded may do so again.
    const failure = early && !this.#gaveUp && hasEnded(this.#failure) ? undefined : this.#failure;
    this.#comparison.end(failure !== undefined ? "actual" : cut ? "expected" : undefined);
    return {
      ...this.#comparison.counts,
      requests: this.#requests,
      cut,
      endedEarly: early,
      failure,
    };
  }

  /** Handles what was recorded: sends requests, expects responses. */
  async #take(event: RecordedEvent): Promise<void> {
    const { direction, timeNs } = event;
    if (event.kind === "garbage") {
      this.#options.log?.(
        `the recording holds ${direction}s that are no frames, from there on: ${event.reason}`,
      );
    } else if (event.kind === "end") {
      this.#recordedEnds[direction] = true;
      if (direction === "response" && !this.#recordedEnds.request) {
        this.#endedEarly = true;
      }
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
      if (error instanceof TineError && error.code === "not-as-recorded") {
        return this.#giveUp(error);
      }
      this.#options.log?.(`a recorded response is left out, it is none: ${messageOf(error)}`);
    }
  }

  async #send(payload: Uint8Array, timeNs: number): Promise<void> {
    const kind = this.#kindOf(payload);
    if (kind === "keepalive" || this.#over.signal.aborted) return;
    if (this.#options.pace) await this.#wait(timeNs);
    if (this.#over.signal.aborted) return;
    const writer = this.#writer;
    writer.open().raw(payload);
    writer.close();
    this.#requests++;
    if (
      kind === "info" || kind === "init" || kind === "snapshot" ||
      kind === "restore"
    ) this.#lastAsked = kind;
    this.#lifeline.sent(kind);
    if (writer.full) {
      await this.#unlessOver(writer.drained().catch(() => this.#over.abort()));
    }
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

  #keepalive(time: bigint): void {
    if (this.#over.signal.aborted || this.#inputEnded) return;
    const request: Request = { kind: "keepalive", time };
    encodeRequest(this.#writer.open(), request);
    this.#writer.close();
  }

  async #read(): Promise<void> {
    const frames = this.#frames;
    const cursor = new ByteReader();
    try {
      while (await frames.fill()) {
        this.#lifeline.heard();
        while (frames.next()) {
          if (this.#failure !== undefined) continue;
          const response = decodeResponse(cursor.reset(frames.bytes, frames.start, frames.end));
          if (response.kind === "keepalive") {
            this.#lifeline.answered();
            continue;
          }
          if (response.kind === "point" || response.kind === "end") this.#lifeline.data();
          else this.#lifeline.replied();
          if (response.kind === "error") this.#error = true;
          if (response.kind === this.#lastAsked) this.#lastAsked = undefined;
          this.#comparison.actual(response, frames.bytes.subarray(frames.start, frames.end));
          if (this.#error) this.#over.abort();
        }
        this.#lifeline.handled();
      }
      if (!this.#inputEnded) {
        this.#udfEnded(await failureOf({ peer: this.#peer, asked: this.#lastAsked }));
      }
    } catch (error) {
      const { bytes, start, end } = frames;
      const frame = bytes.subarray(Math.max(0, start - 1), end);
      this.#udfEnded(
        await failureOf({ peer: this.#peer, error, rest: frames.rest(), frame }),
      );
      await frames.drain().catch(() => {});
    } finally {
      this.#lifeline.stop();
      this.#over.abort();
    }
  }

  /** The UDF has ended before its input did, or not well. After an error that it reported itself, that is its good right. */
  #udfEnded(failure: Error): void {
    this.#over.abort();
    if (!this.#error) this.#failure ??= failure;
  }

  /** Ends a UDF that goes nowhere. */
  #giveUp(failure: Error): void {
    if (this.#gaveUp) return;
    this.#gaveUp = true;
    this.#failure ??= failure;
    this.#over.abort();
    void this.#peer.connection.closeWrite().catch(() => {});
    void withinMs(
      failure instanceof TineError && failure.code === "interrupted" ? 0 : EXIT_GRACE_MS,
      this.#peer.ended,
    )
      .then(() => {
        this.#peer.kill();
        this.#frames.stop();
      });
  }
}

function hasEnded(failure: Error | undefined): boolean {
  return failure instanceof TineError &&
    (failure.code === "udf-ended" || failure.code === "connection-broke");
}
