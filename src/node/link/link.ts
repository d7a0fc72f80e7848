import { Condition } from "../../base/condition.ts";
import { ByteReader } from "../../wire/byte_reader.ts";
import { ByteWriter } from "../../wire/byte_writer.ts";
import { type Connection, writeAll } from "../../wire/connection.ts";
import { messageOf, TineError, WireError } from "../../base/errors.ts";
import { FrameReader } from "../../wire/frame_reader.ts";
import { decodeCredit, ReceiveWindow } from "./flow_control.ts";
import { Heartbeat } from "./heartbeat.ts";
import { type Frame, isResult, Kind, Lane, MAX_FRAME_BYTES, type Message, readFrame } from "../protocol/frame.ts";
import { FrameCutter } from "../protocol/framing.ts";
import { laneOf } from "../protocol/kinds.ts";
import { SendQueue } from "./send_queue.ts";

/** What a link needs, and its limits. */
export interface LinkOptions {
  /** The other end, in errors: `node left`, `the parent`. */
  readonly peer: string;
  /**
   * Receives a frame other than heartbeats and credits. `bytes` is the whole encoded frame, for forwarding; it and the
   * payload are views that do not change.
   *
   * Reading goes on meanwhile: the credit of the lane limits what comes, and is given back when the promise resolves. An
   * error ends the link, and `closed` rejects with it.
   */
  receive(frame: Frame, bytes: Uint8Array): void | Promise<void>;
  /** Opens the file for what does not fit into memory. Default: a temporary file without a name. */
  spillFile?(): Deno.FsFile;
  /** The interval of heartbeats, in ms. Default: 1000 */
  readonly heartbeatMs?: number;
  /** The longest silence of the other side, in ms. Default: 10000 */
  readonly silenceMs?: number;
  /** Bytes of data of this node that wait in memory, in each lane; more go to the file. Default: 16 MiB */
  readonly memory?: number;
  /** The receive window of each lane, in bytes. Default: 1 MiB */
  readonly windowBytes?: number;
}

/**
 * One end of the connection between a node and its parent: sends messages in frames, urgent ones first; receives frames;
 * and watches that the other side is alive.
 *
 * @example
 * ```ts
 * import { pipe } from "../../wire/pipe.ts";
 * import { Kind } from "../protocol/frame.ts";
 * import { Link } from "./link.ts";
 * const [up, down] = pipe();
 * const child = new Link(up, { peer: "the parent", receive() {} });
 * const parent = new Link(down, { peer: "node left", receive: (frame) => console.log(frame.kind) });
 * child.send({ kind: Kind.ready, origin: "left", name: "", payload: new Uint8Array() });
 * await Promise.all([child.close(), parent.close()]);
 * await Promise.all([child.closed, parent.closed]);
 * ```
 */
export class Link {
  readonly #connection: Connection;
  readonly #options: LinkOptions;
  readonly #frames: FrameReader;
  readonly #reader = new ByteReader();
  readonly #cutter = new FrameCutter();
  readonly #queue: SendQueue;
  readonly #window: ReceiveWindow;
  readonly #heartbeat: Heartbeat;
  readonly #closed = Promise.withResolvers<void>();
  /** Resolves when the last frame is written. */
  readonly #written = Promise.withResolvers<void>();

  /** Why the link has ended at once. */
  #failure: { error: unknown } | undefined;
  /** Why nothing can be sent any more. What comes is still read to its end. */
  #writeFailure: TineError | undefined;
  /** No more messages of others will be queued. */
  #closing = false;
  /** A message to send when all else is written. */
  #last: Message | undefined;
  /** The last frame is queued, or nothing can be sent any more. */
  #ended = false;
  /** The last frame is written, or no frame can be written any more. */
  #finished = false;
  /** The incoming stream has ended. */
  #receivedEnd = false;
  /** Wakes the writer. */
  readonly #news = new Condition();
  /** Bytes were written since the last heartbeat. */
  #sent = false;
  #sending = false;

  constructor(connection: Connection, options: LinkOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#frames = new FrameReader(connection, MAX_FRAME_BYTES);
    this.#queue = new SendQueue({
      memory: options.memory ?? 16 * 1024 * 1024,
      delayed: () => this.#cutter.rest(),
      openSpill: options.spillFile,
      spillFailed: (error) => this.#fail(error),
    });
    this.#window = new ReceiveWindow(options.windowBytes ?? 1024 * 1024);
    this.#heartbeat = new Heartbeat({
      intervalMs: options.heartbeatMs ?? 1000,
      silenceMs: options.silenceMs ?? 10_000,
      beat: () => this.#beat(),
      silent: () => this.#silent(),
    });
    // Both are optional.
    this.#closed.promise.catch(() => {});
    this.#written.promise.catch(() => {});
    this.#heartbeat.start();
    this.#allow();
    this.#write();
    this.#read();
  }

  /**
   * Resolves when the other side has ended its stream after a whole frame, and the receiver is done with all frames. The
   * death of the other side may look the same: the messages show whether the end was intended.
   *
   * Rejects with a TineError: `node-silent`, `connection-failed`, `spill-failed`; with a WireError, if the other side broke
   * the protocol; with what `receive` threw; with the reason of {@linkcode abort}.
   */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /**
   * Queues a message of this node. In the data lanes, its origin must be this node, since frames are numbered by origin.
   * Urgent messages overtake data that waits.
   *
   * Drops the message after {@linkcode close}, and after a failure, which `closed` and `close` report.
   *
   * @throws {TineError} `message-too-large`, `chunk-too-large`
   */
  send(message: Message): void {
    if (this.#mute || this.#closing) return;
    const frames = this.#cutter.cut(message);
    try {
      this.#push(laneOf(message.kind), frames);
    } catch (error) {
      this.#fail(error);
    }
  }

  /**
   * Returns what a producer that can wait should wait for, while more than 1 MiB of this node waits in the lane. The promise
   * resolves when there is room, or nothing can be sent any more.
   */
  room(lane: Lane): Promise<void> | undefined {
    return this.#mute ? undefined : this.#queue.room(lane);
  }

  /**
   * Forwards a frame of a child as it is. Children and this node take turns within a lane.
   *
   * @param bytes the whole encoded frame; it must not change
   * @param source the child that it came from
   * @returns a promise that resolves when it is written
   * @throws {TineError} (rejects) `connection-failed`, `link-closed`, or why the link has failed
   */
  forward(frame: Frame, bytes: Uint8Array, source: string): Promise<void> {
    if (this.#mute) return Promise.reject(this.#failure?.error ?? this.#writeFailure);
    if (this.#closing) {
      return Promise.reject(new TineError("link-closed", `the connection to ${this.#options.peer} is closed`));
    }
    const written = this.#queue.forward(frame.lane, source, bytes);
    this.#wake();
    return written;
  }

  /**
   * Ends the outgoing stream when all that is queued is written. Frames are received until the other side ends, see `closed`.
   *
   * @param last a message to send after all of that
   * @throws {TineError} (rejects) `connection-failed`, or why the link has failed
   */
  close(last?: Message): Promise<void> {
    if (!this.#closing) {
      this.#closing = true;
      this.#last = last;
      this.#wake();
    }
    return this.#written.promise;
  }

  /** Ends both directions at once. */
  abort(reason: unknown = new TineError("link-aborted", `the connection to ${this.#options.peer} was given up`)): void {
    this.#fail(reason);
  }

  /** Nothing can be sent any more. */
  get #mute(): boolean {
    return this.#failure !== undefined || this.#writeFailure !== undefined;
  }

  async #write(): Promise<void> {
    const writer = new ByteWriter(4096);
    try {
      // One write sends all that is queued in the same turn of the event loop.
      await undefined;
      while (!this.#mute) {
        this.#try(() => this.#queue.fill(writer));
        if (this.#mute) break;
        if (writer.position > 0) {
          this.#sent = this.#sending = true;
          await writeAll(this.#connection, writer.written());
          this.#sending = false;
          writer.position = 0;
          if (!this.#mute) this.#try(() => this.#queue.wrote());
        } else if (!this.#closing || !this.#queue.empty) {
          await this.#news.wait();
        } else if (this.#last !== undefined) {
          const last = this.#last;
          this.#last = undefined;
          this.#try(() => this.#push(laneOf(last.kind), this.#cutter.cut(last)));
        } else if (!this.#ended) {
          this.#sendControl(Kind.end);
          this.#ended = true;
        } else {
          await this.#connection.closeWrite();
          this.#finished = true;
          this.#written.resolve();
          this.#settle();
          return;
        }
      }
    } catch (error) {
      this.#writeFailed(error);
    }
  }

  /** Does work with the spill file; the link fails with it. */
  #try(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#fail(error);
    }
  }

  #wake(): void {
    this.#news.notify();
  }

  async #read(): Promise<void> {
    const frames = this.#frames;
    try {
      do {
        // A peer that sends but does not receive counts as silent.
        if (this.#writeFailure === undefined) this.#heartbeat.received();
        while (this.#failure === undefined && !this.#receivedEnd && frames.next()) {
          const wait = this.#take(frames.bytes, frames.start, frames.end);
          if (wait === undefined) continue;
          this.#heartbeat.pause();
          await wait;
          this.#heartbeat.resume();
        }
      } while (this.#failure === undefined && !this.#receivedEnd && await frames.fill());
      this.#receivedEnd = true;
      this.#heartbeat.pause();
      // No credit comes after the end, see node.proto.
      this.#queue.allow(Infinity, Infinity);
      this.#wake();
      this.#settle();
    } catch (error) {
      this.#readFailed(error);
    }
  }

  /** Handles a frame. Returns what to wait for before the next one, if anything. */
  #take(buffer: Uint8Array, start: number, end: number): Promise<void> | undefined {
    const frame = readFrame(this.#reader.reset(buffer, start, end));
    const { kind, lane } = frame;
    const length = end - start;
    if (!this.#ended) this.#window.use(lane, length);
    if (kind === Kind.credit) {
      const { record, bulk } = decodeCredit(frame.payload, this.#reader);
      this.#queue.allow(record, bulk);
      this.#wake();
      return undefined;
    }
    if (kind === Kind.end) this.#receivedEnd = true;
    const known = KNOWN.has(kind);
    if (known && lane !== laneOf(kind)) {
      throw new WireError("bad-lane", `a frame of kind ${kind} came in lane ${lane} instead of ${laneOf(kind)}`);
    }
    const wanted = known ? !HANDLED.has(kind) : isResult(kind);
    const working = wanted ? this.#options.receive(frame, buffer.subarray(start, end)) : undefined;
    this.#window.begin(lane, length);
    if (working === undefined) {
      this.#done(lane, length);
      return undefined;
    }
    const done = working.then(() => {
      this.#done(lane, length);
      this.#settle();
    }, (error) => this.#fail(error));
    // After the end of our stream no credit can be sent, so reading must wait.
    return this.#ended ? done : this.#window.room();
  }

  /** The receiver is done with a frame. */
  #done(lane: Lane, length: number): void {
    this.#window.end(lane, length);
    if (lane !== Lane.urgent) this.#allow();
  }

  #allow(): void {
    if (this.#ended || this.#mute) return;
    const credit = this.#window.take();
    if (credit !== undefined) this.#sendControl(Kind.credit, credit);
  }

  #sendControl(kind: Kind, payload: Uint8Array = new Uint8Array()): void {
    this.#push(Lane.urgent, this.#cutter.cut({ kind, origin: "", name: "", payload }));
  }

  /** @throws {TineError} `spill-failed` */
  #push(lane: Lane, frames: readonly Uint8Array[]): void {
    for (const frame of frames) this.#queue.push(lane, frame);
    this.#wake();
  }

  #beat(): void {
    if (this.#ended || this.#mute) return;
    if (!this.#sent) this.#sendControl(Kind.heartbeat);
    // A write that is under way is a sign of life, and a heartbeat could not overtake it.
    this.#sent = this.#sending;
  }

  #silent(): void {
    const { peer, silenceMs = 10_000 } = this.#options;
    this.#fail(
      this.#writeFailure ?? new TineError("node-silent", `${peer} gave no sign of life for ${silenceMs / 1000} s`),
    );
  }

  /** Reading goes on: what the other side sent before it went away counts. */
  #writeFailed(error: unknown): void {
    if (this.#mute) return;
    this.#ended = this.#finished = true;
    this.#writeFailure = this.#connectionError(error);
    this.#written.reject(this.#writeFailure);
    this.#queue.abandon(this.#writeFailure);
    this.#settle();
  }

  #readFailed(error: unknown): void {
    const { peer } = this.#options;
    if (error instanceof WireError) {
      this.#fail(new WireError(error.code, `${peer} broke the protocol: ${error.message}`, { cause: error }));
    } else {
      this.#fail(error instanceof TineError ? error : this.#connectionError(error));
    }
  }

  #connectionError(error: unknown): TineError {
    return new TineError("connection-failed", `the connection to ${this.#options.peer} failed: ${messageOf(error)}`, {
      cause: error,
    });
  }

  /** Resolves `closed` at the end of what comes, and closes the connection when both directions have ended. */
  #settle(): void {
    if (this.#failure !== undefined || !this.#receivedEnd) return;
    if (this.#window.empty) this.#closed.resolve();
    if (this.#finished) this.#release();
  }

  #release(): void {
    this.#heartbeat.stop();
    this.#queue[Symbol.dispose]();
    this.#connection.close();
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = { error };
    this.#closed.reject(error);
    this.#written.reject(error);
    this.#queue.abandon(error);
    this.#frames.stop();
    this.#window.release();
    this.#wake();
    this.#release();
  }
}

const KNOWN: ReadonlySet<number> = new Set(Object.values(Kind));
const HANDLED: ReadonlySet<number> = new Set([Kind.nothing, Kind.heartbeat, Kind.credit, Kind.end]);
