import type { ByteWriter } from "../../wire/byte_writer.ts";
import { Condition } from "../../base/condition.ts";
import { Fifo } from "../../base/fifo.ts";
import { SpilledQueue, SpillFile, type Waiting } from "../../wire/spilled_queue.ts";
import { type DataLane, Lane } from "../protocol/frame.ts";

/** Urgent frames wait for the end of a write; with one frame on top, a write stays below 256 KiB. */
const WRITE_BYTES = 128 * 1024;
/** After this many bytes of records, a file that waits sends a frame. */
const RECORDS_PER_FILE_BYTES = 512 * 1024;
/** A producer that can wait does so while more bytes than this wait, until half of it is left. */
const HIGH_WATER_BYTES = 1024 * 1024;
/** The bytes that a source sends before it is the turn of the next one. */
const TURN_BYTES = 64 * 1024;

/** What a send queue needs. */
export interface SendQueueOptions {
  /** Bytes of frames of this node that wait in memory, in each lane; more go to the file. */
  readonly memory: number;
  /** Takes the frames that this node delays in the record lane until it is their turn. */
  delayed(): readonly Uint8Array[];
  /** Opens the file for what does not fit into memory. */
  openSpill?(): Deno.FsFile;
  /** Receives a failure of that file that no call can throw. */
  spillFailed(error: Error): void;
}

/**
 * The frames that wait to be sent over one connection, and their order: urgent ones first, then records, with a file now
 * and then, as far as the credit of the other side goes.
 */
export class SendQueue implements Disposable {
  readonly #urgent = new Fifo<WaitingFrame>();
  readonly #record: SendLane;
  readonly #bulk: SendLane;
  readonly #file: SpillFile;
  readonly #delayed: SendQueueOptions["delayed"];
  /** Frames of children that {@linkcode fill} took and that are not written yet. */
  #writing: WaitingFrame[] = [];
  #recordBytes = 0;

  constructor({ memory, delayed, openSpill, spillFailed }: SendQueueOptions) {
    this.#delayed = delayed;
    this.#file = new SpillFile(openSpill);
    const lane = () => new SendLane(new SpilledQueue(this.#file, memory, spillFailed));
    this.#record = lane();
    this.#bulk = lane();
  }

  /** Whether no frame waits. */
  get empty(): boolean {
    return this.#urgent.length === 0 && this.#record.empty && this.#bulk.empty;
  }

  /**
   * Adds a frame of this node.
   *
   * @throws {TineError} `spill-failed`
   */
  push(lane: Lane, bytes: Uint8Array): void {
    if (lane === Lane.urgent) this.#urgent.push({ bytes });
    else this.#lane(lane).push({ bytes });
  }

  /** Adds a frame of a child. Resolves when it is written. */
  forward(lane: Lane, child: string, bytes: Uint8Array): Promise<void> {
    const written = Promise.withResolvers<void>();
    if (lane === Lane.urgent) this.#urgent.push({ bytes, written });
    else this.#lane(lane).forward(child, { bytes, written });
    return written.promise;
  }

  /** Adds credit: bytes of records and of files that the other side takes. */
  allow(record: number, bulk: number): void {
    this.#record.credit += record;
    this.#bulk.credit += bulk;
  }

  /** Returns what to wait for before more of this node is added to a lane, if anything. */
  room(lane: Lane): Promise<void> | undefined {
    return lane === Lane.urgent ? undefined : this.#lane(lane).room();
  }

  /**
   * Appends the next frames to `writer`, as far as frames can be sent now. Call {@linkcode wrote} when they are written.
   *
   * @throws {TineError} `spill-failed`
   */
  fill(writer: ByteWriter): void {
    while (writer.position < WRITE_BYTES) {
      const next = this.#next();
      if (next === undefined) break;
      const { bytes, written } = next;
      writer.uint32(bytes.length);
      writer.raw(bytes);
      if (written !== undefined) this.#writing.push(next);
    }
  }

  /**
   * Marks what the last {@linkcode fill} took as written.
   *
   * @throws {TineError} `spill-failed`
   */
  wrote(): void {
    for (const { written } of this.#writing) written?.resolve();
    this.#writing = [];
    if (!this.#record.busy && !this.#bulk.busy) this.#file.clear();
  }

  /** Drops what waits: rejects all promises with the error, and ends all waits for room. */
  abandon(error: unknown): void {
    const waiting = [...this.#writing, ...this.#urgent.takeAll(), ...this.#record.drop(), ...this.#bulk.drop()];
    for (const { written } of waiting) written?.reject(error);
    this.#writing = [];
    this[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]();
  }

  #lane(lane: DataLane): SendLane {
    return lane === Lane.record ? this.#record : this.#bulk;
  }

  #next(): WaitingFrame | undefined {
    const urgent = this.#urgent.shift();
    if (urgent !== undefined) return urgent;
    // While others wait, more can join the frames that are delayed.
    if (!this.#record.busy) {
      for (const bytes of this.#delayed()) this.#record.push({ bytes });
    }
    const recordsReady = this.#record.ready;
    if ((!recordsReady || this.#recordBytes >= RECORDS_PER_FILE_BYTES) && this.#bulk.ready) {
      this.#recordBytes = 0;
      return this.#bulk.take();
    }
    if (!recordsReady) return undefined;
    const next = this.#record.take();
    this.#recordBytes += next.bytes.length;
    return next;
  }
}

/** An encoded frame that waits to be sent. */
interface WaitingFrame extends Waiting {
  /** Settled when a frame of a child is written, or never will be. */
  readonly written?: PromiseWithResolvers<void>;
}

/** Where frames come from: this node, or a child. Its frames keep their order. */
interface Source<Frames = SpilledQueue | Fifo<WaitingFrame>> {
  readonly frames: Frames;
  /** Bytes that are left of its turn. */
  turn: number;
}

/**
 * The frames of a data lane that wait: of this node, of which many may be in a file, and of its children. Sources take
 * turns by bytes: one with large frames gets no more than one with small ones.
 */
class SendLane {
  readonly #own: Source<SpilledQueue>;
  readonly #children = new Map<string, Source<Fifo<WaitingFrame>>>();
  /** The sources with frames, in the order of their turns. */
  readonly #turns = new Fifo<Source>();
  readonly #room = new Condition();
  /** Bytes that may be sent; Infinity: there is no limit any more. */
  credit = 0;

  /** @param own the frames of this node */
  constructor(own: SpilledQueue) {
    this.#own = { frames: own, turn: TURN_BYTES };
  }

  get empty(): boolean {
    return this.#turns.length === 0;
  }

  /** Whether frames of this node wait. */
  get busy(): boolean {
    return this.#own.frames.length > 0;
  }

  /**
   * Whether the next frame may be sent now.
   *
   * @throws {TineError} `spill-failed`
   */
  get ready(): boolean {
    const next = this.#turns.first?.frames.first;
    return next !== undefined && next.bytes.length <= this.credit;
  }

  /**
   * Adds a frame of this node.
   *
   * @throws {TineError} `spill-failed`
   */
  push(frame: Waiting): void {
    this.#own.frames.push(frame);
    if (this.#own.frames.length === 1) this.#turns.push(this.#own);
  }

  /** Adds a frame of a child. */
  forward(child: string, frame: WaitingFrame): void {
    let source = this.#children.get(child);
    if (source === undefined) this.#children.set(child, source = { frames: new Fifo(), turn: TURN_BYTES });
    source.frames.push(frame);
    if (source.frames.length === 1) this.#turns.push(source);
  }

  /** Takes the next frame, after {@linkcode ready}. */
  take(): WaitingFrame {
    const source = this.#turns.first!;
    const frame: WaitingFrame = source.frames.shift()!;
    const { length } = frame.bytes;
    this.credit -= length;
    source.turn -= length;
    const empty = source.frames.length === 0;
    if (empty || source.turn <= 0) {
      this.#turns.shift();
      source.turn = TURN_BYTES;
      if (!empty) this.#turns.push(source);
    }
    if (this.#room.awaited && this.#own.frames.bytes <= HIGH_WATER_BYTES / 2) this.#room.notify();
    return frame;
  }

  /** Returns what to wait for before more of this node is added, if anything. */
  room(): Promise<void> | undefined {
    if (!this.#room.awaited && this.#own.frames.bytes <= HIGH_WATER_BYTES) return undefined;
    return this.#room.wait();
  }

  /** Drops what waits, and ends all waits for {@linkcode room}. Returns the frames of children. */
  drop(): WaitingFrame[] {
    this.#turns.takeAll();
    this.#room.notify();
    this.#own.frames.clear();
    return [...this.#children.values()].flatMap(({ frames }) => frames.takeAll());
  }
}
