import { Condition } from "../../base/condition.ts";
import type { ByteWriter } from "../../wire/byte_writer.ts";
import { type DataLane, Lane } from "./frame.ts";
import { Spill } from "./spill.ts";
import { Fifo } from "../../base/fifo.ts";

/** A write that holds more takes too long: urgent frames wait behind it. With one frame on top it stays below 256 KiB. */
const WRITE_BYTES = 128 * 1024;
/** After so many bytes of records, files that wait have their turn for a frame. */
const RECORDS_PER_FILE_BYTES = 512 * 1024;

/** What an outbox needs. */
export interface OutboxOptions {
  /** Bytes of frames of this node that wait in memory, in each lane; more go to the file. */
  readonly memory: number;
  /** Takes the frames out that this node keeps back in the record lane, until it is their turn. */
  rest(): readonly Uint8Array[];
  /** Opens the file for what does not fit into memory. */
  openSpill(): Deno.FsFile;
  /** Is told of a failure of that file that no call can throw. */
  spillFailed(error: Error): void;
}

/**
 * The frames that wait to be sent over one connection, and which of them is next: urgent ones first, then records, with a
 * file now and then, as far as the other side has allowed.
 */
export class Outbox implements Disposable {
  readonly #urgent = new Source();
  readonly #lanes: Readonly<Record<DataLane, OutgoingLane>>;
  readonly #spill: Spill;
  readonly #rest: OutboxOptions["rest"];
  /** What was taken by {@linkcode fill} and is not written yet. */
  #batch: [Source, Waiting][] = [];
  #recordBytes = 0;
  #flushes: Flush[] = [];

  constructor({ memory, rest, openSpill, spillFailed }: OutboxOptions) {
    this.#rest = rest;
    this.#spill = new Spill(openSpill, spillFailed);
    this.#lanes = {
      [Lane.record]: new OutgoingLane(Lane.record, memory, this.#spill),
      [Lane.bulk]: new OutgoingLane(Lane.bulk, memory, this.#spill),
    };
  }

  /**
   * Adds a frame of this node.
   *
   * @throws {TineError} `spill-failed`
   */
  push(lane: Lane, frame: Uint8Array): void {
    if (lane === Lane.urgent) this.#pushUrgent({ bytes: frame });
    else this.#lanes[lane].push(frame);
  }

  /**
   * Adds a frame of a child.
   *
   * @returns a promise of its being written
   */
  forward(lane: Lane, child: string, frame: Uint8Array): Promise<void> {
    const written = Promise.withResolvers<void>();
    if (lane === Lane.urgent) this.#pushUrgent({ bytes: frame, written });
    else this.#lanes[lane].forward(child, { bytes: frame, written });
    return written.promise;
  }

  /**
   * Adds what this node keeps back.
   *
   * @throws {TineError} `spill-failed`
   */
  addRest(): void {
    for (const frame of this.#rest()) this.#lanes[Lane.record].push(frame);
  }

  /** A child has ended, and all of its frames are written. */
  forget(child: string): void {
    for (const lane of Object.values(this.#lanes)) lane.forget(child);
  }

  /** The other side takes more bytes of records and of files. */
  allow(record: number, bulk: number): void {
    this.#lanes[Lane.record].allow(record);
    this.#lanes[Lane.bulk].allow(bulk);
  }

  /** Resolves when there is room for more of this node in a lane; undefined: there is. */
  room(lane: Lane): Promise<void> | undefined {
    return lane === Lane.urgent ? undefined : this.#lanes[lane].room();
  }

  /**
   * Puts what is to be written next into `writer`; nothing, if nothing can be sent now. Then call {@linkcode wrote}.
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
   * What the last {@linkcode fill} took has been written.
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
    if (!this.#lanes[Lane.record].busy && !this.#lanes[Lane.bulk].busy) this.#spill.clear();
  }

  /** Resolves when all that waits now is written. */
  flushed(): Promise<void> {
    const sources = [this.#urgent, ...this.#lanes[Lane.record].sources(), ...this.#lanes[Lane.bulk].sources()];
    const targets = sources.filter((source) => source.written < source.added)
      .map((source): [Source, number] => [source, source.added]);
    if (targets.length === 0) return Promise.resolve();
    const done = Promise.withResolvers<void>();
    this.#flushes.push({ targets, done });
    return done.promise;
  }

  /** Nothing of what waits will be written: tells all who wait why. */
  abandon(error: unknown): void {
    const urgent = function* (source: Source) {
      for (let frame; (frame = source.waiting.shift()) !== undefined;) yield frame;
    };
    const lanes = Object.values(this.#lanes);
    const waiting = [this.#batch.map(([, frame]) => frame), urgent(this.#urgent), ...lanes.map((lane) => lane.drop())];
    for (const frames of waiting) {
      for (const { written } of frames) written?.reject(error);
    }
    for (const { done } of this.#flushes) done.reject(error);
    for (const lane of lanes) lane.makeRoom();
    this.#batch = [];
    this.#flushes = [];
    this[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.#spill[Symbol.dispose]();
  }

  #pushUrgent(frame: Waiting): void {
    this.#urgent.added++;
    this.#urgent.waiting.push(frame);
  }

  #next(): [Source, Waiting] | undefined {
    const urgent = this.#urgent.waiting.shift();
    if (urgent !== undefined) return [this.#urgent, urgent];
    const record = this.#lanes[Lane.record];
    const bulk = this.#lanes[Lane.bulk];
    // As long as others wait, more can come to it.
    if (!record.busy) this.addRest();
    const recordsReady = record.ready();
    if ((!recordsReady || this.#recordBytes >= RECORDS_PER_FILE_BYTES) && bulk.ready()) {
      this.#recordBytes = 0;
      return bulk.take();
    }
    if (!recordsReady) return undefined;
    const next = record.take();
    this.#recordBytes += next[1].bytes.length;
    return next;
  }
}

interface Flush {
  /** How many frames of a source must be written. */
  readonly targets: readonly [Source, number][];
  readonly done: PromiseWithResolvers<void>;
}

/** Frames that were put aside are read back when fewer bytes than this wait in memory. */
const READ_BACK_BYTES = 128 * 1024;
/** A producer that can wait should wait while more bytes than this wait, and may go on when half of it is left. */
const ROOMY_BYTES = 1024 * 1024;

/** What waits in a data lane to be sent: frames of this node, of which many may be in the spill file, and of its children. */
export class OutgoingLane {
  readonly #lane: DataLane;
  readonly #memory: number;
  readonly #spill: Spill;
  readonly #queue = new LaneQueue();
  readonly #own = new Source();
  readonly #children = new Map<string, Source>();
  #credit = 0;
  readonly #room = new Condition();

  constructor(lane: DataLane, memory: number, spill: Spill) {
    this.#lane = lane;
    this.#memory = memory;
    this.#spill = spill;
  }

  /** The other side takes this many bytes more; Infinity: it never says so again. */
  allow(bytes: number): void {
    this.#credit += bytes;
  }

  /**
   * Adds a frame of this node.
   *
   * @throws {TineError} `spill-failed`
   */
  push(frame: Uint8Array): void {
    this.#own.added++;
    const aside = this.#spill.bytes(this.#lane) > 0 || this.#own.bytes + frame.length > this.#memory;
    if (aside) this.#spill.add(this.#lane, frame);
    else this.#queue.push(this.#own, { bytes: frame });
  }

  /** Adds a frame of a child. */
  forward(child: string, frame: Waiting): void {
    let source = this.#children.get(child);
    if (source === undefined) this.#children.set(child, source = new Source());
    source.added++;
    this.#queue.push(source, frame);
  }

  /** A child has ended, and all of its frames are written. */
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
      for (const bytes of this.#spill.take(this.#lane)) this.#queue.push(this.#own, { bytes });
    }
    const { first } = this.#queue;
    return first !== undefined && first.bytes.length <= this.#credit;
  }

  /** Takes the next frame and whose it is, after {@linkcode ready}. */
  take(): [Source, Waiting] {
    const source = this.#queue.source!;
    const frame = this.#queue.shift()!;
    this.#credit -= frame.bytes.length;
    if (this.#room.awaited && this.#waiting <= ROOMY_BYTES / 2) this.makeRoom();
    return [source, frame];
  }

  /** Resolves when there is room for more of this node; undefined: there is. */
  room(): Promise<void> | undefined {
    if (!this.#room.awaited && this.#waiting <= ROOMY_BYTES) return undefined;
    return this.#room.wait();
  }

  /** Lets all who wait for {@linkcode room} go on. */
  makeRoom(): void {
    this.#room.notify();
  }

  /** Whether frames of this node wait. */
  get busy(): boolean {
    return this.#waiting > 0;
  }

  /** All sources that the lane has had. */
  sources(): Source[] {
    return [this.#own, ...this.#children.values()];
  }

  /** Takes all that waits in memory out, sent or not. */
  *drop(): Generator<Waiting> {
    for (let frame; (frame = this.#queue.shift()) !== undefined;) yield frame;
  }

  /** Bytes of this node that wait. */
  get #waiting(): number {
    return this.#own.bytes + this.#spill.bytes(this.#lane);
  }
}

/** What a source sends before it is the turn of the next one, in bytes. */
const TURN_BYTES = 64 * 1024;

/** An encoded frame that waits to be sent. */
export interface Waiting {
  readonly bytes: Uint8Array;
  /** Settled once it is written, for whoever waits for it. */
  readonly written?: PromiseWithResolvers<void>;
}

/** Where frames come from: this node, or a child. Its frames keep their order. */
export class Source {
  readonly waiting = new Fifo<Waiting>();
  /** Of the frames that wait in memory. */
  bytes = 0;
  /** How many frames it ever had to send. */
  added = 0;
  /** How many of them are written. */
  written = 0;
  /** Bytes that are left of its turn. */
  turn = TURN_BYTES;
}

/** The frames of one lane. Its sources take turns, by bytes: one with large frames gets no more than one with small ones. */
export class LaneQueue {
  readonly #turns = new Fifo<Source>();

  /** Adds a frame of a source. */
  push(source: Source, frame: Waiting): void {
    if (source.waiting.length === 0) this.#turns.push(source);
    source.waiting.push(frame);
    source.bytes += frame.bytes.length;
  }

  /** The frame that is next. */
  get first(): Waiting | undefined {
    return this.#turns.first?.waiting.first;
  }

  /** The source whose turn it is. */
  get source(): Source | undefined {
    return this.#turns.first;
  }

  /** Takes the frame that is next. */
  shift(): Waiting | undefined {
    const source = this.#turns.first;
    const frame = source?.waiting.shift();
    if (source === undefined || frame === undefined) return undefined;
    const { length } = frame.bytes;
    source.bytes -= length;
    source.turn -= length;
    const empty = source.waiting.length === 0;
    if (empty || source.turn <= 0) {
      this.#turns.shift();
      source.turn = TURN_BYTES;
      if (!empty) this.#turns.push(source);
    }
    return frame;
  }
}
