import type { BeginBatch, EndBatch } from "../messages.ts";
import type { Point } from "../point.ts";
import { terminalText } from "../../base/terminal_text.ts";

/** A line that could not be read. */
export interface BadLine {
  kind: "bad";
  /** Where it starts, the first line being 1. */
  line: number;
  /** What is wrong with it, safe to print. */
  reason: string;
  /** Its start, safe to print. */
  text: string;
}

/** Points with the same shape have the same name, and fields of the same names and types. */
export interface PointShape {
  readonly hash: number;
}

/** One thing read from input, with the number of the line it starts at. */
export type InputItem =
  | { kind: "point"; line: number; point: Point; shape?: PointShape }
  /** Points that are encoded already, as Requests with their lengths; only where they are asked for. */
  | { kind: "frames"; line: number; frames: Uint8Array; points: number }
  /** A blank line. */
  | { kind: "boundary"; line: number }
  | { kind: "begin"; line: number; begin: BeginBatch }
  | { kind: "end"; line: number; end: EndBatch }
  | BadLine;

/** Values for points that lack them. */
export interface PointDefaults {
  /** ns of one unit of time */
  unit: bigint;
  /** The measurement; undefined: input has to name it. */
  measurement: string | undefined;
  database: string;
  retentionPolicy: string;
  /** The time of points without one, ns since the epoch. */
  now: () => bigint;
}

const PREVIEW = 80;

/** Makes a BadLine of what stands in `text[from, to)`. */
export function badLine(line: number, reason: string, text: string, from = 0, to = text.length): BadLine {
  const cut = to - from > PREVIEW;
  const preview = text.slice(from, cut ? from + PREVIEW : to);
  return {
    kind: "bad",
    line,
    reason: terminalText(reason),
    text: terminalText(preview.replace(/[\r\n]+$/, "")) + (cut ? "..." : ""),
  };
}

/** A part of input as it stands in a reason: quoted and of bounded length. */
export function quoted(text: string): string {
  return `"${text.length > 40 ? text.slice(0, 40) + "..." : text}"`;
}

/**
 * The fields of a point while it is read, by type. A name that comes again replaces the earlier field, also one of
 * another type, as in InfluxDB and Telegraf.
 */
export class FieldMaps {
  fieldsDouble: Map<string, number> | undefined = undefined;
  fieldsInt: Map<string, bigint> | undefined = undefined;
  fieldsString: Map<string, string> | undefined = undefined;
  fieldsBool: Map<string, boolean> | undefined = undefined;

  /** Whether there is no field. */
  get isEmpty(): boolean {
    return !this.fieldsDouble?.size && !this.fieldsInt?.size && !this.fieldsString?.size && !this.fieldsBool?.size;
  }

  setDouble(name: string, value: number): void {
    this.delete(name);
    (this.fieldsDouble ??= new Map()).set(name, value);
  }

  setInt(name: string, value: bigint): void {
    this.delete(name);
    (this.fieldsInt ??= new Map()).set(name, value);
  }

  setString(name: string, value: string): void {
    this.delete(name);
    (this.fieldsString ??= new Map()).set(name, value);
  }

  setBool(name: string, value: boolean): void {
    this.delete(name);
    (this.fieldsBool ??= new Map()).set(name, value);
  }

  delete(name: string): void {
    this.fieldsDouble?.delete(name);
    this.fieldsInt?.delete(name);
    this.fieldsString?.delete(name);
    this.fieldsBool?.delete(name);
  }
}
