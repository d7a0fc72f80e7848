import type { DataLane } from "./frame.ts";
import { LaneQueue, Source, type Waiting } from "./lane_queue.ts";
import type { Spill } from "./spill.ts";

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
  #room: PromiseWithResolvers<void> | undefined;

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
    if (this.#room !== undefined && this.#waiting <= ROOMY_BYTES / 2) this.makeRoom();
    return [source, frame];
  }

  /** Resolves when there is room for more of this node; undefined: there is. */
  room(): Promise<void> | undefined {
    if (this.#room === undefined && this.#waiting <= ROOMY_BYTES) return undefined;
    return (this.#room ??= Promise.withResolvers()).promise;
  }

  /** Lets all who wait for {@linkcode room} go on. */
  makeRoom(): void {
    this.#room?.resolve();
    this.#room = undefined;
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
