import { ByteReader } from "../wire/byte_reader.ts";
import type { Connection } from "../wire/connection.ts";
import { messageOf, TineError, WireError } from "../base/errors.ts";
import { FrameReader } from "../wire/frame_reader.ts";
import { FrameWriter } from "../wire/frame_writer.ts";
import { AgentOutput } from "./agent_output.ts";
import { BatchGuard } from "./batch_guard.ts";
import { type CallProgress, CallWatch } from "./call_watch.ts";
import { decodeRequest, enterPoint } from "./codec.ts";
import {
  type Awaitable,
  checkHandler,
  checkMethods,
  type CreateHandler,
  type FrameTaker,
  type Handler,
  infoResponse,
  takesFrames,
} from "./handler.ts";
import type { InfoResponse, InitRequest, Outcome, Request } from "./messages.ts";
import { Point } from "./point.ts";
import { defaultFrameLimit } from "./snapshot_limit.ts";

/** How an agent behaves; each has a default. */
export interface AgentOptions {
  /** The largest frame that is accepted, in bytes; default 64 MiB, and for snapshots what memory allows. */
  maxFrameBytes?: number;
  /**
   * Without `maxFrameBytes`: the largest snapshot, in bytes, where this thread may not ask how much memory there is.
   */
  maxSnapshotBytes?: number;
  /** How long one asynchronous call of the handler may take, in ms; default 60,000; 0: for ever. */
  handlerTimeoutMs?: number;
  /** Gets notice of each call of the handler, for a watch in another thread. */
  progress?: CallProgress;
  /** What an ErrorResponse holds about an error of the handler; default: its message. */
  describeError?: (error: unknown) => string;
}

/** How long output is held after init is answered, for a restore that may follow. Kapacitor sends that at once. */
const RESTORE_WAIT_MS = 1_000;

/** What went through an agent. */
export interface AgentCounts {
  /** Points that came in. */
  pointsIn: number;
  /** Points that the handler wrote and that went out. */
  pointsOut: number;
  /** Points that the handler wrote and that were dropped: the host never came to the point where it takes data. */
  pointsDropped: number;
  /** Strings that came in and were not valid UTF-8; each was mended with U+FFFD. */
  invalidStrings: number;
}

/**
 * Runs a handler for one host: reads requests, calls the handler, writes its responses.
 *
 * It answers keepalives itself, also unasked while a call of the handler goes on; a wrong batch does not leave it; an
 * error of the handler goes to the host as an ErrorResponse. The end of the input always ends it.
 *
 * What the handler writes goes out once the host takes data: after an init that succeeds, and the restore that may
 * follow within a second. Until then it is held. Kapacitor stops a task whose UDF sends data earlier, and does not
 * start while a UDF sends data that it asks for its info only; so the output of a connection without a successful init
 * is dropped.
 *
 * @example
 * ```ts
 * import { Agent } from "./agent.ts";
 * import { createHandler } from "./handlers/mirror.ts";
 * import { pipe } from "../wire/pipe.ts";
 * const [udf, host] = pipe();
 * const running = new Agent(udf, createHandler).run();
 * await host.closeWrite();
 * await running;
 * ```
 */
export class Agent {
  readonly #connection: Connection;
  readonly #createHandler: CreateHandler;
  readonly #frames: FrameReader;
  readonly #cursor = new ByteReader();
  readonly #writer: FrameWriter;
  readonly #output: AgentOutput;
  readonly #watch: CallWatch;
  readonly #progress: CallProgress | undefined;
  readonly #describeError: (error: unknown) => string;
  readonly #incoming = new BatchGuard("the host", { sizeIsHint: true });
  #handler: Handler | undefined;
  #info: InfoResponse | undefined;
  #initialized = false;
  /** Opens the output. */
  #opening: ReturnType<typeof setTimeout> | undefined;
  #stopping = false;
  #pointsIn = 0;

  /**
   * @param connection to the host; the agent ends it
   * @param createHandler makes the handler, once
   */
  constructor(connection: Connection, createHandler: CreateHandler, options: AgentOptions = {}) {
    this.#connection = connection;
    this.#createHandler = createHandler;
    this.#frames = new FrameReader(connection, options.maxFrameBytes ?? defaultFrameLimit(options.maxSnapshotBytes));
    this.#writer = new FrameWriter(connection);
    this.#output = new AgentOutput(this.#writer);
    this.#progress = options.progress;
    this.#describeError = options.describeError ?? messageOf;
    this.#watch = new CallWatch(this.#output, options.handlerTimeoutMs ?? 60_000);
  }

  /** What has gone through so far. */
  get counts(): AgentCounts {
    return {
      pointsIn: this.#pointsIn,
      pointsOut: this.#output.points,
      pointsDropped: this.#output.heldPoints,
      invalidStrings: this.#cursor.strings.invalid,
    };
  }

  /**
   * Serves the host until its input ends, {@linkcode stop} is called, or something fails; ends the connection.
   *
   * @throws the error that was sent to the host, or that of the connection
   */
  async run(): Promise<void> {
    let failure: { error: unknown } | undefined;
    try {
      this.#progress?.begin("create", 0);
      this.#handler = checkHandler(await this.#call("createHandler", () => this.#createHandler(this.#output)));
      this.#progress?.end();
      await this.#serve(this.#handler);
      if (this.#initialized) this.#output.open();
    } catch (error) {
      failure = { error: nameLimit(error) };
      this.#output.fail(failure.error, this.#describeError);
    }
    clearTimeout(this.#opening);
    this.#writer.release();
    try {
      this.#progress?.begin("stop", 0);
      if (this.#handler?.stop !== undefined && !isTimeout(failure?.error)) {
        await this.#call("stop", () => this.#handler!.stop!());
      }
      this.#progress?.end();
      // Where the batch that came in was cut off, the batch that goes out cannot be whole.
      const whole = !this.#stopping && this.#incoming.open === undefined;
      if (failure === undefined && whole) this.#output.checkEnd();
    } catch (error) {
      if (failure === undefined) this.#output.fail(error, this.#describeError);
      failure ??= { error };
    }
    this.#output.end();
    try {
      await this.#writer.finish();
      await this.#connection.closeWrite();
      if (failure !== undefined) await this.#linger();
    } catch (error) {
      failure ??= { error };
    } finally {
      this.#connection.close();
    }
    if (failure !== undefined) throw failure.error;
  }

  /**
   * Stops reading, lets the current call finish, stops the handler and sends what it wrote; {@linkcode run} then ends.
   */
  stop(): void {
    this.#stopping = true;
    this.#frames.stop();
  }

  async #serve(handler: Handler): Promise<void> {
    const frames = this.#frames;
    const cursor = this.#cursor;
    const writer = this.#writer;
    const progress = this.#progress;
    const relay = takesFrames(handler) ? handler : undefined;
    for (;;) {
      // What a chunk of input produces goes out in one write, while the next chunk is being read.
      frames.readAhead();
      writer.hold();
      while (!this.#stopping && frames.next()) {
        cursor.reset(frames.bytes, frames.start, frames.end);
        let call: Promise<void> | void;
        if (enterPoint(cursor)) {
          // The UDF behind a relay judges what the host sends.
          if (relay !== undefined) {
            call = this.#handOn(relay);
          } else {
            const point = Point.decode(cursor);
            progress?.begin("point", frames.offset);
            call = this.#point(handler, point);
          }
        } else {
          const request = decodeRequest(cursor);
          progress?.begin(request.kind, frames.offset);
          call = this.#dispatch(handler, request);
        }
        if (call === undefined) {
          progress?.end();
        } else {
          writer.release();
          await call;
          progress?.end();
          writer.hold();
        }
        if (writer.full) await writer.drained();
      }
      writer.release();
      if (writer.failure !== undefined) throw writer.failure;
      if (this.#stopping || !await frames.fill()) return;
    }
  }

  #handOn(relay: FrameTaker): Promise<void> | void {
    this.#pointsIn++;
    this.#incoming.point();
    this.#output.open();
    const { bytes, start, end } = this.#frames;
    const result = relay.pointFrame(bytes, start, end);
    if (result !== undefined) return this.#watch.over("point", result);
  }

  #point(handler: Handler, point: Point): Promise<void> | void {
    this.#pointsIn++;
    this.#incoming.point();
    this.#output.open(); // a host that sends data takes data
    if (handler.point === undefined) throw new TineError("no-method", "the handler has no method point()");
    const result = handler.point(point);
    if (isPromiseLike(result)) return this.#watch.over("point", result, point);
  }

  #dispatch(handler: Handler, request: Request): Promise<void> | void {
    switch (request.kind) {
      case "point":
        return this.#point(handler, request.point);
      case "begin":
        this.#incoming.begin(request.begin);
        this.#output.open();
        if (handler.beginBatch === undefined) {
          throw new TineError("no-method", "the UDF takes single points, the host sent a batch");
        }
        return this.#watched("beginBatch", handler.beginBatch(request.begin));
      case "end":
        this.#incoming.end(request.end);
        if (handler.endBatch === undefined) throw new TineError("no-method", "the handler has no method endBatch()");
        return this.#watched("endBatch", handler.endBatch(request.end));
      case "keepalive":
        return this.#output.respond(request);
      case "info":
        return this.#answerInfo();
      case "init":
        return this.#answerInit(handler, request.init);
      case "snapshot":
        return this.#answerSnapshot(handler);
      case "restore":
        return this.#answerRestore(handler, request.snapshot);
      case "empty":
    }
  }

  #watched(name: string, result: Awaitable<void>): Promise<void> | void {
    if (isPromiseLike(result)) return this.#watch.over(name, result);
  }

  /** Calls a method that may be asynchronous, and watches over it. */
  async #call<T>(name: string, call: () => Awaitable<T>): Promise<T> {
    const result = call();
    return isPromiseLike(result) ? await this.#watch.over(name, result) : result;
  }

  async #learnInfo(): Promise<InfoResponse> {
    const info = infoResponse(await this.#call("info", () => this.#handler!.info()));
    checkMethods(this.#handler!, info.wants);
    // What a relay hands on, its host has taken as Kapacitor would.
    if (!takesFrames(this.#handler!)) {
      this.#incoming.edge = info.wants;
      this.#output.edge = info.provides;
    }
    return this.#info = info;
  }

  async #answerInfo(): Promise<void> {
    const info = await this.#learnInfo();
    this.#output.respond({ kind: "info", info });
  }

  async #answerInit(handler: Handler, init: InitRequest): Promise<void> {
    // Kapacitor does not ask a task's UDF for its info, but what leaves is checked against it.
    if (this.#info === undefined) await this.#learnInfo();
    clearTimeout(this.#opening);
    const outcome = checkOutcome("init", await this.#call("init", () => handler.init(init)));
    this.#output.respond({ kind: "init", outcome });
    this.#initialized = outcome.success;
    if (outcome.success) this.#openSoon();
  }

  /** Opens the output, unless a restore comes first. */
  #openSoon(): void {
    this.#opening = setTimeout(() => this.#output.open(), RESTORE_WAIT_MS);
  }

  async #answerSnapshot(handler: Handler): Promise<void> {
    if (this.#initialized) this.#output.open();
    const snapshot = await this.#call("snapshot", () => handler.snapshot?.());
    if (snapshot !== undefined && !(snapshot instanceof Uint8Array)) {
      throw new TypeError(`snapshot() must return a Uint8Array or nothing, got ${typeof snapshot}`);
    }
    this.#output.respond({ kind: "snapshot", snapshot: snapshot ?? new Uint8Array() });
  }

  async #answerRestore(handler: Handler, snapshot: Uint8Array): Promise<void> {
    clearTimeout(this.#opening);
    const answer = handler.restore === undefined
      ? { success: false, error: "this UDF has no state to restore" }
      : await this.#call("restore", () => handler.restore!(snapshot));
    const outcome = checkOutcome("restore", answer);
    this.#output.respond({ kind: "restore", outcome });
    if (!this.#initialized) return;
    if (outcome.success) this.#output.open();
    else this.#openSoon();
  }

  /**
   * Reads what the host still sends, for a second at most: closing a socket with unread input may destroy the
   * ErrorResponse on its way.
   */
  async #linger(): Promise<void> {
    const timer = setTimeout(() => this.#frames.stop(), 1000);
    try {
      await this.#frames.drain();
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Names the flag that allows larger messages, where one was too large; other errors stay as they are. */
function nameLimit(error: unknown): unknown {
  if (!(error instanceof WireError) || error.code !== "frame-too-large") return error;
  const message = `the host sent too large a message (--max-frame allows more): ${error.message}`;
  return new TineError(error.code, message, { cause: error });
}

/** A call that has taken too long still goes on, and methods are never called concurrently. */
function isTimeout(error: unknown): boolean {
  return error instanceof TineError && error.code === "handler-timeout";
}

function checkOutcome(call: string, outcome: Outcome | void): Outcome {
  if (outcome === undefined) return { success: true, error: "" };
  if (typeof outcome !== "object" || outcome === null || typeof outcome.success !== "boolean") {
    throw new TypeError(`${call}() must return { success, error } or nothing, got ${JSON.stringify(outcome)}`);
  }
  return { success: outcome.success, error: String(outcome.error ?? "") };
}

function isPromiseLike<T>(value: Awaitable<T>): value is PromiseLike<T> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}
