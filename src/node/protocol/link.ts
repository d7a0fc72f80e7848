import { Condition } from "../../base/condition.ts";
import { ByteReader } from "../../wire/byte_reader.ts";
import { ByteWriter } from "../../wire/byte_writer.ts";
import { type Connection, writeAll } from "../../wire/connection.ts";
import { messageOf, TineError, WireError } from "../../base/errors.ts";
import { FrameReader } from "../../wire/frame_reader.ts";
import { Allowance, decodeCredit, encodeCredit } from "./credit.ts";
import { Backlog, Heartbeat } from "./heartbeat.ts";
import { type Frame, isResult, Kind, Lane, laneOf, MAX_FRAME_BYTES, type Message } from "./frame.ts";
import { FrameCutter, readFrame } from "./frame_codec.ts";
import { Outbox } from "./outbox.ts";
import { temporarySpill } from "./spill.ts";

/** What a link needs, and its limits. */
export interface LinkOptions {
  /** Who is at the other end, for messages: `node left`, `the parent`. */
  readonly peer: string;
  /**
   * A frame came in; heartbeats and credits are handled inside. `bytes` is the whole encoded frame, for forwarding; it and
   * the payload are views that stay as they are.
   *
   * Reading does not stop for it: what comes is bounded by the credit of its lane, which is given back when the promise has
   * resolved. What it throws ends the link, and `closed` rejects with it.
   */
  receive(frame: Frame, bytes: Uint8Array): void | Promise<void>;
  /** Opens the file for what does not fit into memory, when that happens first. Default: a temporary file without a name. */
  spillFile?(): Deno.FsFile;
  /** How often a sign of life is given, in ms. Default: 1000 */
  readonly heartbeatMs?: number;
  /** How long the other side may be silent, in ms. Default: 10000 */
  readonly silenceMs?: number;
  /** Bytes of data of this node that wait in memory, in each lane, before more goes to the file. Default: 16 MiB */
  readonly memory?: number;
  /** Bytes of data in each lane that the other side may send before some of it is worked off. Default: 1 MiB */
  readonly windowBytes?: number;
}

/**
 * One end of the connection between a node and its parent: takes messages and sends them in frames, the urgent ones first;
 * receives frames; and watches that the other side is alive.
 *
 * @example
 * ```ts
 * import { pipe } from "../../wire/pipe.ts";
 * import { Kind } from "./frame.ts";
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
  readonly #outbox: Outbox;
  readonly #allowance: Allowance;
  readonly #backlog = new Backlog();
  readonly #heartbeat: Heartbeat;
  readonly #closed = Promise.withResolvers<void>();
  readonly #written: Promise<void>;

  /** Why the link has ended at once. */
  #failure: { error: unknown } | undefined;
  /** Why nothing can be sent any more; what comes is read to its end. */
  #writeFailure: TineError | undefined;
  #closing: Promise<void> | undefined;
  /** All is queued that will ever be. */
  #finishing = false;
  /** The last frame is queued, or nothing can be sent any more. */
  #ended = false;
  /** The last frame is written, or none will be. */
  #finished = false;
  /** The incoming stream has ended. */
  #heardEnd = false;
  /** Wakes the writer. */
  readonly #news = new Condition();
  /** Bytes were written since the last heartbeat, or are being written. */
  #spoken = false;
  #speaking = false;

  constructor(connection: Connection, options: LinkOptions) {
    this.#connection = connection;
    this.#options = options;
    this.#frames = new FrameReader(connection, MAX_FRAME_BYTES);
    this.#outbox = new Outbox({
      memory: options.memory ?? 16 * 1024 * 1024,
      rest: () => this.#cutter.rest(),
      openSpill: options.spillFile ?? temporarySpill,
      spillFailed: (error) => this.#fail(error),
    });
    this.#allowance = new Allowance(options.windowBytes ?? 1024 * 1024);
    this.#heartbeat = new Heartbeat({
      intervalMs: options.heartbeatMs ?? 1000,
      silenceMs: options.silenceMs ?? 10_000,
      beat: () => this.#beat(),
      silent: () => this.#silent(),
    });
    this.#closed.promise.catch(() => {}); // told to whoever asks
    this.#heartbeat.start();
    this.#allow();
    this.#written = this.#write();
    this.#read();
  }

  /**
   * Resolves when the other side has ended its stream, behind a whole frame, and all that came is worked off. That is also
   * what its death may look like: see the messages whether it was meant.
   *
   * Rejects with a TineError: `node-silent`, `connection-failed`, `spill-failed`; with a WireError, if the other side broke
   * the protocol; with what `receive` threw; with the reason of {@linkcode abort}.
   */
  get closed(): Promise<void> {
    return this.#closed.promise;
  }

  /**
   * Queues a message of this node. All that this node sends in the data lanes must have its id as origin, since it is
   * numbered. Urgent messages overtake data that waits: see {@linkcode flushed}.
   *
   * It goes nowhere after {@linkcode close}, and once the connection has failed; `closed`, `flushed` and `close` tell of that.
   *
   * @throws {TineError} `message-too-large`, `chunk-too-large`
   */
  send(message: Message): void {
    if (this.#mute || this.#closing !== undefined) return;
    const lane = laneOf(message.kind);
    const frames = this.#cutter.cut(message);
    try {
      for (const frame of frames) this.#outbox.push(lane, frame);
    } catch (error) {
      this.#fail(error);
    }
    this.#wake();
  }

  /**
   * For producers that can wait: a promise, where so much of this node waits in a lane (1 MiB) that they should. It resolves
   * when there is room, or nothing can be sent any more.
   */
  room(lane: Lane): Promise<void> | undefined {
    return this.#mute ? undefined : this.#outbox.room(lane);
  }

  /**
   * Hands on a frame from further down as it is. The sources and this node's own data take turns within a lane.
   *
   * @param bytes the whole encoded frame; it must stay as it is
   * @param source the child that it came from
   * @returns when it is written
   * @throws {TineError} (rejects) `connection-failed`, `link-closed`, or why the link has failed
   */
  forward(frame: Frame, bytes: Uint8Array, source: string): Promise<void> {
    if (this.#mute) return Promise.reject(this.#failure?.error ?? this.#writeFailure);
    if (this.#closing !== undefined) {
      return Promise.reject(new TineError("link-closed", `the connection to ${this.#options.peer} is closed`));
    }
    const written = this.#outbox.forward(frame.lane, source, bytes);
    this.#wake();
    return written;
  }

  /** A source has ended, and all of it is written. */
  forget(source: string): void {
    this.#outbox.forget(source);
  }

  /**
   * Resolves when all that was queued before, of this node and of its children, is written.
   *
   * @throws {TineError} (rejects) `connection-failed`, or why the link has failed
   */
  flushed(): Promise<void> {
    if (!this.#mute) this.#try(() => this.#outbox.addRest());
    if (this.#mute) return Promise.reject(this.#failure?.error ?? this.#writeFailure);
    return this.#outbox.flushed();
  }

  /**
   * Ends the outgoing stream once all that was queued is written. What comes in is received until its end, see `closed`.
   *
   * @throws {TineError} (rejects) `connection-failed`, or why the link has failed
   */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  /** Ends both directions at once. */
  abort(reason: unknown = new TineError("link-aborted", `the connection to ${this.#options.peer} was given up`)): void {
    this.#fail(reason);
  }

  async #close(): Promise<void> {
    await this.flushed();
    this.#finishing = true;
    this.#wake();
    await this.#written;
    if (this.#mute) throw this.#failure?.error ?? this.#writeFailure;
  }

  /** Nothing can be sent any more. */
  get #mute(): boolean {
    return this.#failure !== undefined || this.#writeFailure !== undefined;
  }

  async #write(): Promise<void> {
    const writer = new ByteWriter(4096);
    try {
      // What the same turn of the event loop queues goes into one write.
      await undefined;
      while (!this.#mute) {
        this.#try(() => this.#outbox.fill(writer));
        if (this.#mute) break;
        if (writer.position > 0) {
          this.#spoken = this.#speaking = true;
          await writeAll(this.#connection, writer.written());
          this.#speaking = false;
          writer.position = 0;
          if (!this.#mute) this.#try(() => this.#outbox.wrote());
        } else if (this.#finishing && !this.#ended) {
          this.#sendControl(Kind.end);
          this.#ended = true;
        } else if (this.#finishing) {
          await this.#connection.closeWrite();
          this.#finished = true;
          this.#settle();
          return;
        } else {
          await this.#news.wait();
        }
      }
    } catch (error) {
      this.#writeFailed(error);
    }
  }

  /** Without its spill file, the link has failed. */
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
        // Whoever speaks but does not listen is given up as if it were silent.
        if (this.#writeFailure === undefined) this.#heartbeat.heard();
        while (this.#failure === undefined && !this.#heardEnd && frames.next()) {
          const wait = this.#take(frames.bytes, frames.start, frames.end);
          if (wait === undefined) continue;
          this.#heartbeat.stopListening();
          await wait;
          this.#heartbeat.listen();
        }
      } while (this.#failure === undefined && !this.#heardEnd && await frames.fill());
      this.#heardEnd = true;
      this.#heartbeat.stopListening();
      // It will allow no more, see node.proto.
      this.#outbox.allow(Infinity, Infinity);
      this.#wake();
      this.#settle();
    } catch (error) {
      this.#readFailed(error);
    }
  }

  /** Takes a frame in; returns what to wait for before the next one. */
  #take(buffer: Uint8Array, start: number, end: number): Promise<void> | undefined {
    const frame = readFrame(this.#reader.reset(buffer, start, end));
    const { kind, lane } = frame;
    const length = end - start;
    if (lane !== Lane.urgent && !this.#ended) this.#allowance.use(lane, length);
    if (kind === Kind.credit) {
      const { record, bulk } = decodeCredit(frame.payload, this.#reader);
      this.#outbox.allow(record, bulk);
      this.#wake();
      return undefined;
    }
    if (kind === Kind.end) this.#heardEnd = true;
    const known = KNOWN.has(kind);
    if (known && lane !== laneOf(kind)) {
      throw new WireError("bad-lane", `a frame of kind ${kind} came in lane ${lane} instead of ${laneOf(kind)}`);
    }
    const wanted = known ? !HANDLED.has(kind) : isResult(kind);
    const working = wanted ? this.#options.receive(frame, buffer.subarray(start, end)) : undefined;
    if (working === undefined) {
      this.#workedOff(lane, length);
      return undefined;
    }
    this.#backlog.add(lane, length);
    const done = working.then(() => {
      this.#backlog.remove(lane, length);
      this.#workedOff(lane, length);
      this.#settle();
    }, (error) => this.#fail(error));
    // Once our stream has ended nothing can be allowed, so the stream itself must push back.
    return this.#ended ? done : this.#backlog.calm();
  }

  #workedOff(lane: Lane, length: number): void {
    if (lane === Lane.urgent) return;
    this.#allowance.workedOff(lane, length);
    this.#allow();
  }

  #allow(): void {
    if (this.#ended || this.#mute) return;
    const credit = this.#allowance.take();
    if (credit !== undefined) this.#sendControl(Kind.credit, encodeCredit(credit));
  }

  #sendControl(kind: Kind, payload: Uint8Array = new Uint8Array()): void {
    for (const frame of this.#cutter.cut({ kind, origin: "", name: "", payload })) {
      this.#outbox.push(Lane.urgent, frame);
    }
    this.#wake();
  }

  #beat(): void {
    if (this.#ended || this.#mute) return;
    if (!this.#spoken) this.#sendControl(Kind.heartbeat);
    // A write that is still under way is one sign of life, however long it takes: further ones could not overtake it.
    this.#spoken = this.#speaking;
  }

  #silent(): void {
    const { peer, silenceMs = 10_000 } = this.#options;
    this.#fail(
      this.#writeFailure ?? new TineError("node-silent", `${peer} gave no sign of life for ${silenceMs / 1000} s`),
    );
  }

  /** Reading goes on: what the other side said before it went away counts. */
  #writeFailed(error: unknown): void {
    if (this.#mute) return;
    this.#ended = this.#finished = true;
    this.#writeFailure = this.#connectionError(error);
    this.#outbox.abandon(this.#writeFailure);
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

  /** Tells of the end of what comes, and lets go of the connection once both directions have ended. */
  #settle(): void {
    if (this.#failure !== undefined || !this.#heardEnd) return;
    if (this.#backlog.empty) this.#closed.resolve();
    if (this.#finished) this.#release();
  }

  #release(): void {
    this.#heartbeat.stop();
    this.#outbox[Symbol.dispose]();
    this.#connection.close();
  }

  #fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = { error };
    this.#closed.reject(error);
    this.#outbox.abandon(error);
    this.#frames.stop();
    this.#backlog.release();
    this.#wake();
    this.#release();
  }
}

const KNOWN: ReadonlySet<number> = new Set(Object.values(Kind));
const HANDLED: ReadonlySet<number> = new Set([Kind.nothing, Kind.heartbeat, Kind.credit, Kind.end]);
