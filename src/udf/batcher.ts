import { TineError } from "../base/errors.ts";
import { groupTags } from "./group.ts";
import type { BeginBatch, EndBatch } from "./messages.ts";
import { Point } from "./point.ts";

/** A whole batch as a host sends it. */
export interface Batch {
  begin: BeginBatch;
  points: Point[];
  end: EndBatch;
}

/** A point of a stream, or a whole batch. */
export type PointOrBatch = { kind: "point"; point: Point } | { kind: "batch"; batch: Batch };

/** When a batch is complete; neither size nor window: at a boundary. */
export interface BatcherOptions {
  /** Points in a batch of a group. */
  size?: number;
  /** ns that a batch of a group spans, aligned to the epoch. */
  windowNs?: bigint;
  /** The maximum number of points that wait for the end of their batches, of all groups together; default 1,000,000. */
  maxPoints?: number;
}

const DEFAULT_MAX_POINTS = 1_000_000;

/**
 * Collects points into batches, one group and one measurement each.
 *
 * - By size: a batch ends when it is full; tmax is the latest time in it.
 * - By window: a window spans [n * window, (n + 1) * window) of the points' own time, and tmax is its end. It closes
 *   when
 *   a point of the same group at or beyond its end comes; other groups do not close it, so that input may be sorted
 *   by group. A point before the open window is late: dropped and counted.
 * - Neither: {@linkcode Batcher.boundary} ends the batches of all groups, in the order in which they began.
 *
 * A batch that input spells out by begin and end is taken as it is, whatever the mode. Points must have their group
 * assigned ({@linkcode assignGroup}); in a batch they keep time, group, tags and fields only, as Kapacitor sends them.
 *
 * @example
 * ```ts
 * import { Batcher } from "./batcher.ts";
 * import { Point } from "./point.ts";
 * const batcher = new Batcher({ size: 2 });
 * console.assert(batcher.point(new Point({ name: "cpu", time: 1n })).length === 0);
 * const [batch] = batcher.point(new Point({ name: "cpu", time: 2n }));
 * console.assert(batch.begin.size === 2n && batch.end.tmax === 2n);
 * ```
 */
export class Batcher {
  readonly #size: number;
  readonly #window: bigint | undefined;
  readonly #byBoundary: boolean;
  readonly #maxPoints: number;
  readonly #open = new Map<string, OpenBatch>();
  #spelled: OpenBatch | undefined;
  #held = 0;

  /** The number of points that came after their window had closed, and were dropped. */
  late = 0;

  /** @throws {TineError} `usage` if size, window or limit is not positive, or both size and window are given */
  constructor({ size, windowNs, maxPoints = DEFAULT_MAX_POINTS }: BatcherOptions = {}) {
    if (size !== undefined && windowNs !== undefined) {
      throw new TineError("usage", "batches end by size or by window, not by both");
    }
    if (size !== undefined && !(Number.isInteger(size) && size > 0)) {
      throw new TineError("usage", `the size of batches must be a positive integer, not ${size}`);
    }
    if (windowNs !== undefined && windowNs <= 0n) {
      throw new TineError("usage", `the window of batches must be longer than 0, not ${windowNs} ns`);
    }
    if (!(maxPoints > 0)) {
      throw new TineError("usage", `the number of points held for batches must be positive, not ${maxPoints}`);
    }
    this.#size = size ?? Infinity;
    this.#window = windowNs;
    this.#byBoundary = size === undefined && windowNs === undefined;
    this.#maxPoints = maxPoints;
  }

  /** The number of points that wait for the end of their batches. */
  get held(): number {
    return this.#held;
  }

  /**
   * Takes a point, and returns the batches that are complete with it.
   *
   * @throws {TineError} `too-many-points` if more points would wait than the limit
   */
  point(point: Point): Batch[] {
    if (this.#spelled !== undefined) {
      this.#add(this.#spelled, point);
      return [];
    }
    const complete: Batch[] = [];
    const key = `${point.name.length}:${point.name}${point.group}`;
    const time = point.time;
    let open = this.#open.get(key);
    if (this.#window !== undefined && open?.windowEnd !== undefined) {
      if (time < open.windowEnd - this.#window) {
        this.late++;
        return complete;
      }
      if (time >= open.windowEnd) {
        complete.push(this.#close(key, open));
        open = undefined;
      }
    }
    if (open === undefined) {
      open = new OpenBatch({
        name: point.name,
        group: point.group,
        tags: groupTags(point),
        size: 0n,
        byName: point.byName,
      });
      if (this.#window !== undefined) open.windowEnd = windowEnd(time, this.#window);
      this.#open.set(key, open);
    }
    this.#add(open, point);
    if (open.points.length >= this.#size) complete.push(this.#close(key, open));
    return complete;
  }

  /** Ends the batches of all groups where neither size nor window does. */
  boundary(): Batch[] {
    return this.#byBoundary ? this.#closeAll() : [];
  }

  /** Begins a batch that input spells out; returns one that was begun before and has no end. */
  begin(begin: BeginBatch): Batch[] {
    const complete = this.#endSpelled();
    this.#spelled = new OpenBatch(begin);
    return complete;
  }

  /** Ends a batch that input spells out. An end without a begin is ignored. */
  end(end: EndBatch): Batch[] {
    return this.#endSpelled(end);
  }

  /** Ends all batches: the end of input. */
  flush(): Batch[] {
    return [...this.#endSpelled(), ...this.#closeAll()];
  }

  #closeAll(): Batch[] {
    const complete: Batch[] = [];
    for (const [key, open] of this.#open) complete.push(this.#close(key, open));
    return complete;
  }

  #close(key: string, open: OpenBatch): Batch {
    this.#open.delete(key);
    this.#held -= open.points.length;
    return open.batch();
  }

  #endSpelled(end?: EndBatch): Batch[] {
    const open = this.#spelled;
    if (open === undefined) return [];
    this.#spelled = undefined;
    this.#held -= open.points.length;
    const batch = open.batch();
    return [end === undefined ? batch : { ...batch, end }];
  }

  #add(open: OpenBatch, point: Point): void {
    if (this.#held >= this.#maxPoints) {
      throw new TineError(
        "too-many-points",
        `${this.#maxPoints} points wait for the end of their batches: make batches smaller, or raise the limit`,
      );
    }
    this.#held++;
    open.add(point, point.group || open.begin.group);
  }
}

class OpenBatch {
  readonly points: Point[] = [];
  /** Where the window ends, ns since the epoch; undefined where batches do not end by time. */
  windowEnd: bigint | undefined;
  #latest = 0n;

  constructor(readonly begin: BeginBatch) {}

  add(point: Point, group: string): void {
    const time = point.time;
    if (this.points.length === 0 || time > this.#latest) this.#latest = time;
    this.points.push(
      new Point({
        time,
        group,
        tags: point.tags,
        fieldsDouble: point.fieldsDouble,
        fieldsInt: point.fieldsInt,
        fieldsString: point.fieldsString,
        fieldsBool: point.fieldsBool,
      }),
    );
  }

  batch(): Batch {
    const { name, group, tags, byName } = this.begin;
    const end = this.windowEnd ?? this.#latest;
    const tmax = end > MAX_TIME ? MAX_TIME : end;
    return {
      begin: { ...this.begin, size: BigInt(this.points.length) },
      points: this.points,
      end: { name, group, tmax, tags, byName },
    };
  }
}

const MAX_TIME = 2n ** 63n - 1n;

/** The end of the window that holds the time. */
function windowEnd(time: bigint, window: bigint): bigint {
  const offset = time % window;
  return time - (offset < 0n ? offset + window : offset) + window;
}
