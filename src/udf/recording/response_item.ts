import { groupOfBatch, groupOfPoint } from "../group.ts";
import type { Batch } from "../batcher.ts";
import type { BeginBatch, Response } from "../messages.ts";
import type { Point } from "../point.ts";

/** A response as it is compared: a batch is one. */
export type ResponseItem =
  | Exclude<Response, { kind: "keepalive" | "begin" | "end" | "point" }>
  /** `bytes`: the message as it came, where that is known; equal bytes are equal points. */
  | { kind: "point"; point: Point; bytes?: Uint8Array }
  | { kind: "batch"; batch: Batch }
  /** Beginning, points and end that do not fit each other. */
  | { kind: "broken batch"; reason: string; points: Point[] };

/** Puts the batches of one direction together. */
export class ResponseCollector {
  #begin: BeginBatch | undefined;
  #points: Point[] = [];

  /** What a response completes; keepalives complete nothing. */
  *add(response: Response, bytes?: Uint8Array): Generator<ResponseItem, void, void> {
    switch (response.kind) {
      case "keepalive":
        return;
      case "begin":
        yield* this.end();
        this.#begin = response.begin;
        return;
      case "point":
        if (this.#begin === undefined) yield { kind: "point", point: response.point, bytes };
        else this.#points.push(response.point);
        return;
      case "end": {
        const begin = this.#begin;
        const points = this.#points;
        this.#begin = undefined;
        this.#points = [];
        if (begin === undefined) yield { kind: "broken batch", reason: "an end without a beginning", points: [] };
        else yield { kind: "batch", batch: { begin, points, end: response.end } };
        return;
      }
      default:
        yield response;
    }
  }

  /** What is left at the end of the output: a batch that has no end. */
  *end(): Generator<ResponseItem, void, void> {
    if (this.#begin === undefined) return;
    const { name } = this.#begin;
    yield { kind: "broken batch", reason: `batch ${JSON.stringify(name)} without an end`, points: this.#points };
    this.#begin = undefined;
    this.#points = [];
  }
}

/** The group of a point or batch: the one that the UDF names, else the one that Kapacitor computes; undefined for answers. */
export function groupOfItem(item: ResponseItem): string | undefined {
  if (item.kind === "point") return item.point.group || groupOfPoint(item.point);
  if (item.kind === "batch") return item.batch.begin.group || groupOfBatch(item.batch.begin, item.batch.end);
}

/** What distinguishes an item from its neighbours, whatever its fields are: the time, name and tags of data. */
export function identityOf(item: ResponseItem): string {
  if (item.kind === "point") return pointIdentity(item.point);
  if (item.kind !== "batch") return item.kind;
  const { name, tmax, tags } = item.batch.end;
  return JSON.stringify([item.kind, name, String(tmax), sorted(tags)]);
}

/** As {@linkcode identityOf}, for a point. */
export function pointIdentity(point: Point): string {
  return JSON.stringify([point.name, String(point.time), sorted(point.tags)]);
}

function sorted(tags: Map<string, string>): [string, string][] {
  return [...tags].sort(([a], [b]) => a < b ? -1 : 1);
}
