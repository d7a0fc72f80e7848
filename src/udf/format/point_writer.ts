import { TineError } from "../../base/errors.ts";
import type { BeginBatch, EndBatch } from "../messages.ts";
import type { Point } from "../point.ts";
import { JsonLinesWriter } from "./json_lines_writer.ts";
import { LineProtocolWriter } from "./line_protocol_writer.ts";
import { TableWriter } from "./table_writer.ts";

/** What a format could not hold. */
export interface Losses {
  /** Points left out whole. */
  points: number;
  /** Fields left out of points that were written. */
  fields: number;
  /** Tags left out of points that were written. */
  tags: number;
}

/** Turns points and batches into text, in the order they come. Each call returns what can be printed now. */
export interface PointWriter {
  point(point: Point): string;
  begin(begin: BeginBatch): string;
  end(end: EndBatch): string;
  /** What is held back; also when nothing has come for a while, so that people see it. */
  flush(): string;
  /** What was left out so far. */
  readonly losses: Readonly<Losses>;
}

/** The formats points are written in. */
export type OutputFormat = "line" | "json" | "table";

/**
 * Makes the writer of a format.
 *
 * @throws {TineError} `usage` if there is no such format
 *
 * @example
 * ```ts
 * import { Point } from "../point.ts";
 * import { createPointWriter } from "./point_writer.ts";
 * const writer = createPointWriter("line");
 * const point = new Point({ name: "cpu", time: 5n, fieldsInt: new Map([["n", 1n]]) });
 * console.assert(writer.point(point) + writer.flush() === "cpu n=1i 5\n");
 * ```
 */
export function createPointWriter(format: OutputFormat): PointWriter {
  switch (format) {
    case "line":
      return new LineProtocolWriter();
    case "json":
      return new JsonLinesWriter();
    case "table":
      return new TableWriter();
    default:
      throw new TineError("usage", `${JSON.stringify(format)} is no output format: line, json or table`);
  }
}
