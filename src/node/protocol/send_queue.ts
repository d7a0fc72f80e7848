import type { ByteWriter } from "../../wire/byte_writer.ts";
import { Condition } from "../../base/condition.ts";
import { Fifo } from "../../base/fifo.ts";
import { type DataLane, Lane } from "./frame.ts";
import { Spill } from "./spill.ts";

/** Urgent frames wait for the end of a write; with one frame on top, a write stays below 256 KiB. */
const WRITE_BYTES = 128 * 1024;
/** After this many bytes of records, a file that waits sends a frame. */
const RECORDS_PER_FILE_BYTES = 512 * 1024;
/** Spilled frames are read back when fewer bytes than this wait in memory. */
const READ_BACK_BYTES = 128 * 1024;
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
  openSpill(): Deno.FsFile;
  /** Receives a failure of that file that no call can throw. */
  spillFailed(error: Error): void;
}

/**
 * The frames that wait to be sent over one connection, and their order: urgent ones first, then records, with a file now
 * and then, as far as the credit of the other side goes.
 */
export class SendQueue implements Disposable {
  readonly #urgent = new Source();
  readonly #record: SendLane;
  readonly #bulk: SendLane;
  readonly #spill: Spill;
  readonly #delayed: SendQueueOptions["delayed"];
  /** What {@linkcode fill} took and is not written yet. */
  #batch: [Source, WaitingFrame][] = [];
  #recordBytes = 0;
  #flushes: Flush[] = [];

  constructor({ memory, delayed, openSpill, spillFailed }: SendQueueOptions) {
    this.#delayed = delayed;
    this.#spill = new Spill(openSpill, spillFailed);
    this.#record = new SendLane(Lane.record, memory, this.#spill);
    this.#bulk = new SendLane(Lane.bulk, memory, this.#spill);
  }

  /**
   * Adds a frame of this node.
   *
   * @throws {TineError} `spill-failed`
   */
  push(lane: Lane, bytes: Uint8Array): void {
    if (lane === Lane.urgent) this.#urgent.add({ bytes });
    else this.#lane(lane).push(bytes);
  }

  /** Adds a frame of a child. Resolves when it is written. */
  forward(lane: Lane, child: string, bytes: Uint8Array): Promise<void> {
    const written = Promise.withResolvers<void>();
    if (lane === Lane.urgent) this.#urgent.add({ bytes, written });
    else this.#lane(lane).forward(child, { bytes, written });
    return written.promise;
  }

  /**
   * Adds the frames that this node delays.
   *
   * @throws {TineError} `spill-failed`
   */
  addDelayed(): void {
    for (const frame of this.#delayed()) this.#record.push(frame);
  }

  /** Forgets a child that has ended, when all of its frames are written. */
  forget(child: string): void {
    this.#record.forget(child);
    this.#bulk.forget(child);
  }

  /** Adds credit: bytes of records and of files that the other side takes. */
  allow(record: number, bulk: number): void {
    this.#record.allow(record);
    this.#bulk.allow(bulk);
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
      const { bytes } = next[1];
      writer.uint32(bytes.length);
      writer.raw(bytes);
      this.#batch.push(next);
    }
  }

  /**
   * Marks what the last {@linkcode fill} took as written.
   *
   * @throws {TineError} `spill-failed`
   */
  wrote(): void {
    const batch = this.#batch;
    this.#batch = [];
    for (const [source, frame] of batch) {
      source.written++;
      frame.written?.resolve();
    }
    this.#flushes = this.#flushes.filter(({ targets, done }) => {
      const open = targets.some(([source, count]) => source.written < count);
      if (!open) done.resolve();
      return open;
    });
    if (!this.#record.busy && !this.#bulk.busy) this.#spill.clear();
  }

  /** Resolves when all that waits now is written. */
  flushed(): Promise<void> {
    const targets = [this.#urgent, ...this.#record.sources(), ...this.#bulk.sources()]
      .filter((source) => source.written < source.added)
      .map((source): [Source, number] => [source, source.added]);
    if (targets.length === 0) return Promise.resolve();
    const done = Promise.withResolvers<void>();
    this.#flushes.push({ targets, done });
    return done.promise;
  }

  /** Drops what waits: rejects all promises with the error, and ends all waits for room. */
  abandon(error: unknown): void {
    const sources = [this.#urgent, ...this.#record.sources(), ...this.#bulk.sources()];
    const waiting = [...this.#batch.map(([, frame]) => frame), ...sources.flatMap((source) => source.drop())];
    for (const { written } of waiting) written?.reject(error);
    for (const { done } of this.#flushes) done.reject(error);
    this.#record.clear();
    this.#bulk.clear();
    this.#batch = [];
    this.#flushes = [];
    this[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.#spill[Symbol.dispose]();
  }

  #lane(lane: DataLane): SendLane {
    return lane === Lane.record ? this.#record : this.#bulk;
  }

  #next(): [Source, WaitingFrame] | undefined {
    const urgent = this.#urgent.take();
    if (urgent !== undefined) return [this.#urgent, urgent];
    // While others wait, more can join the frames that are delayed.
    if (!this.#record.busy) this.addDelayed();
    const recordsReady = this.#record.ready();
    if ((!recordsReady || this.#recordBytes >= RECORDS_PER_FILE_BYTES) && this.#bulk.ready()) {
      this.#recordBytes = 0;
      return this.#bulk.take();
    }
    if (!recordsReady) return undefined;
    const next = this.#record.take();
    this.#recordBytes += next[1].bytes.length;
    return next;
  }
}

/** A promise that resolves when each source has written as many frames as its target. */
interface Flush {
  readonly targets: readonly [Source, number][];
  readonly done: PromiseWithResolvers<void>;
}

/** An encoded frame that waits to be sent. */
interface WaitingFrame {
  readonly bytes: Uint8Array;
  /** Settled when it is written, or never will be. */
  readonly written?: PromiseWithResolvers<void>;
}

/** Where frames come from: this node, or a child. Its frames keep their order. */
class Source {
  readonly #waiting = new Fifo<WaitingFrame>();
  /** Bytes of the frames that wait in memory. */
  bytes = 0;
  /** The number of frames that it has had to send. */
  added = 0;
  /** The number of frames that are written. */
  written = 0;
  /** Bytes that are left of its turn. */
  turn = TURN_BYTES;

  get empty(): boolean {
    return this.#waiting.length === 0;
  }

  get first(): WaitingFrame | undefined {
    return this.#waiting.first;
  }

  /** Adds a new frame. */
  add(frame: WaitingFrame): void {
    this.added++;
    this.queue(frame);
  }

  /** Adds a frame that `added` counts already. */
  queue(frame: WaitingFrame): void {
    this.#waiting.push(frame);
    this.bytes += frame.bytes.length;
  }

  take(): WaitingFrame | undefined {
    const frame = this.#waiting.shift();
    if (frame !== undefined) this.bytes -= frame.bytes.length;
    return frame;
  }

  /** Takes all frames that wait in memory. */
  drop(): WaitingFrame[] {
    const frames: WaitingFrame[] = [];
    for (let frame; (frame = this.take()) !== undefined;) frames.push(frame);
    return frames;
  }
}

/**
 * The frames of a data lane that wait: of this node, of which many may be in the spill file, and of its children. Sources
 * take turns by bytes: one with large frames gets no more than one with small ones.
 */
class SendLane {
  readonly #lane: DataLane;
  readonly #memory: number;
  readonly #spill: Spill;
  readonly #own = new Source();
  readonly #children = new Map<string, Source>();
  /** The sources with frames in memory, in the order of their turns. */
  readonly #turns = new Fifo<Source>();
  #credit = 0;
  readonly #room = new Condition();

  constructor(lane: DataLane, memory: number, spill: Spill) {
    this.#lane = lane;
    this.#memory = memory;
    this.#spill = spill;
  }

  /** Adds credit; Infinity: no more is needed. */
  allow(bytes: number): void {
    this.#credit += bytes;
  }

  /**
   * Adds a frame of this node.
   *
   * @throws {TineError} `spill-failed`
   */
  push(bytes: Uint8Array): void {
    this.#own.added++;
    const spills = this.#spill.bytes(this.#lane) > 0 || this.#own.bytes + bytes.length > this.#memory;
    if (spills) this.#spill.add(this.#lane, bytes);
    else this.#queue(this.#own, { bytes });
  }

  /** Adds a frame of a child. */
  forward(child: string, frame: WaitingFrame): void {
    let source = this.#children.get(child);
    if (source === undefined) this.#children.set(child, source = new Source());
    source.added++;
    this.#queue(source, frame);
  }

  /** Forgets a child that has ended, when all of its frames are written. */
  forget(child: string): void {
    this.#children.delete(child);
  }

  /**
   * Whether the next frame may be sent now.
   *
   * @throws {TineError} `spill-failed`
   */
  ready(): boolean {
    if (this.#own.bytes < READ_BACK_BYTES && this.#spill.bytes(this.#lane) > 0) {
      for (const bytes of this.#spill.take(this.#lane)) this.#queue(this.#own, { bytes });
    }
    const next = this.#turns.first?.first;
    return next !== undefined && next.bytes.length <= this.#credit;
  }

  /** Takes the next frame with its source, after {@linkcode ready}. */
  take(): [Source, WaitingFrame] {
    const source = this.#turns.first!;
    const frame = source.take()!;
    const { length } = frame.bytes;
    this.#credit -= length;
    source.turn -= length;
    if (source.empty || source.turn <= 0) {
      this.#turns.shift();
      source.turn = TURN_BYTES;
      if (!source.empty) this.#turns.push(source);
    }
    if (this.#room.awaited && this.#waiting <= HIGH_WATER_BYTES / 2) this.#room.notify();
    return [source, frame];
  }

  /** Returns what to wait for before more of this node is added, if anything. */
  room(): Promise<void> | undefined {
    if (!this.#room.awaited && this.#waiting <= HIGH_WATER_BYTES) return undefined;
    return this.#room.wait();
  }

  /** Forgets the turns of sources that were dropped, and ends all waits for {@linkcode room}. */
  clear(): void {
    while (this.#turns.shift() !== undefined);
    this.#room.notify();
  }

  /** Whether frames of this node wait. */
  get busy(): boolean {
    return this.#waiting > 0;
  }

  /** Returns all sources that the lane has. */
  sources(): Source[] {
    return [this.#own, ...this.#children.values()];
  }

  #queue(source: Source, frame: WaitingFrame): void {
    if (source.empty) this.#turns.push(source);
    source.queue(frame);
  }

  /** Bytes of this node that wait. */
  get #waiting(): number {
    return this.#own.bytes + this.#spill.bytes(this.#lane);
  }
}
