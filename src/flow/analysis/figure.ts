import { bitsPerSecond } from "../../base/units.ts";
import type { Spread } from "./packet_path.ts";

/**
 * The version of all figures that are made from records. It is raised with each change of their keys or values, so that
 * figures that were kept by another version are made anew.
 */
export const FIGURES_VERSION = 5;

/**
 * Units of figures. Times are seconds (`s`) where people think in seconds, and microseconds (`us`) else; a `flag` is
 * true or false.
 */
export type FigureUnit =
  | "bit/s"
  | "byte"
  | "s"
  | "us"
  | "%"
  | "packet"
  | "segment"
  | "sample"
  | "transaction"
  | "1/s"
  | "1/minute"
  | "flag";

/** The values of a distribution that are figures, in the order of tables. */
export const SPREAD_PARTS = ["min", "mean", "median", "p99", "p999", "max"] as const;

/** A value of a distribution that is a figure; `p90` is one of times of transactions alone. */
export type SpreadPart = typeof SPREAD_PARTS[number] | "p90";

/** Returns the name of a value of a distribution for people: `p99.9`. */
export function partTitle(part: SpreadPart): string {
  return part === "p999" ? "p99.9" : part;
}

/** What a figure is, for people. */
export interface FigureDefinition {
  /** A word or two, as tables head it. */
  readonly title: string;
  readonly unit: FigureUnit;
  /** One sentence or a few, with the source of the formula where it has one. */
  readonly definition: string;
  /** Whether it is better to have more of it or less; absent where neither is. */
  readonly better?: "more" | "less";
  /** The values that JSON and tables have of a distribution; absent if the figure is one value. */
  readonly parts?: readonly SpreadPart[];
}

/**
 * A figure: one value, or a distribution.
 *
 * @typeParam T what it is taken from
 */
export interface Figure<T> extends FigureDefinition {
  /**
   * Returns the value in its unit; undefined where it is not known.
   *
   * @param part of a distribution: which of its values; the median by default
   */
  value(of: T, part?: SpreadPart): number | boolean | undefined;
}

/**
 * Figures by name. The name of a figure of one value is its key in JSON, which carries the unit; that of a distribution
 * is what its keys begin with.
 *
 * @typeParam T what they are taken from
 */
export type Figures<T> = Readonly<Record<string, Figure<T>>>;

/**
 * A column for a figure, or for a part of one that is a distribution.
 *
 * @typeParam T what a row is made from
 */
export interface FigureColumn<T> extends Omit<Figure<T>, "parts"> {
  /** The key in JSON: `goodputBitsPerSecond`, `rttP99Micros`. */
  readonly key: string;
}

/**
 * Returns the columns of figures, in order; distributions have one for each part.
 *
 * @example
 * ```ts
 * import { figureColumns } from "./figure.ts";
 * import { STREAM_INTERVAL_FIGURES } from "./stream_figures.ts";
 * const [{ key, value }] = figureColumns(STREAM_INTERVAL_FIGURES);
 * console.assert(key === "bytes" && value({ durationMs: 1000, bytes: 125 }) === 125);
 * ```
 */
export function figureColumns<T>(figures: Figures<T>): FigureColumn<T>[] {
  return Object.entries(figures).flatMap(([name, figure]) => {
    const { title, unit, definition, better, parts } = figure;
    if (parts === undefined) return [{ key: name, ...figure }];
    return parts.map((part) => ({
      key: keyOf(name, part, unit),
      title: `${title} ${partTitle(part)}`,
      unit,
      definition,
      ...(better === undefined ? {} : { better }),
      value: (of: T) => figure.value(of, part),
    }));
  });
}

/**
 * Returns figures under their keys, as JSON objects have them; those that are not known are left out.
 *
 * Values are rounded to what was measured: times to the nanosecond, rates and shares to ten digits.
 *
 * @example
 * ```ts
 * import { figuresOf } from "./figure.ts";
 * import { STREAM_INTERVAL_FIGURES } from "./stream_figures.ts";
 * const { goodputBitsPerSecond } = figuresOf(STREAM_INTERVAL_FIGURES, { durationMs: 3000, bytes: 125 });
 * console.assert(goodputBitsPerSecond === 333.3333333);
 * ```
 */
export function figuresOf<T>(figures: Figures<T>, of: T): Record<string, number | boolean> {
  const values: Record<string, number | boolean> = {};
  const add = (key: string, unit: FigureUnit, known: number | boolean | undefined) => {
    if (known !== undefined) values[key] = typeof known === "number" ? rounded(known, unit) : known;
  };
  // Columns would be made anew for each of a thousand flows.
  for (const [name, figure] of Object.entries(figures)) {
    const { unit, parts } = figure;
    if (parts === undefined) add(name, unit, figure.value(of));
    else for (const part of parts) add(keyOf(name, part, unit), unit, figure.value(of, part));
  }
  return values;
}

/** Returns the key of a part of a distribution. */
function keyOf(name: string, part: SpreadPart, unit: FigureUnit): string {
  return `${name}${part[0].toUpperCase()}${part.slice(1)}${unit === "us" ? "Micros" : "Bytes"}`;
}

/** Rounds a value to what was measured; see {@linkcode figuresOf}. */
export function rounded(value: number, unit: FigureUnit): number {
  switch (unit) {
    case "us":
      return Math.round(value * 1000) / 1000;
    case "bit/s":
    case "%":
    case "1/minute":
    case "1/s":
      return Number(value.toPrecision(10));
    default:
      return value;
  }
}

/** Declares a figure that is a distribution of times, which `spread` returns in nanoseconds. */
export function times<T>(
  title: string,
  definition: string,
  spread: (of: T) => Spread | undefined,
  better?: FigureDefinition["better"],
) {
  return {
    title,
    unit: "us",
    definition,
    ...(better === undefined ? {} : { better }),
    parts: SPREAD_PARTS,
    value: (of: T, part: SpreadPart = "median") => toMicros(spread(of)?.[part]),
  } satisfies Figure<T>;
}

/** Converts nanoseconds into microseconds. */
export function toMicros(nanos: number | undefined): number | undefined {
  return nanos === undefined ? undefined : nanos / 1000;
}

/** Converts nanoseconds into seconds. */
export function toSeconds(nanos: number | undefined): number | undefined {
  return nanos === undefined ? undefined : nanos / 1e9;
}

/** Converts a share, 0 to 1, into percent. */
export function toPercent(share: number | undefined): number | undefined {
  return share === undefined ? undefined : share * 100;
}

/** Returns a mean rate in bits a second; 0 where no time has passed. */
export function meanRate(bytes: number | undefined, durationMs: number): number | undefined {
  return bytes === undefined ? undefined : bitsPerSecond(bytes, durationMs * 1e6);
}

/** What flows are measured as: transfers over TCP, packets over UDP, or requests and responses over either. */
export type FlowProtocol = "tcp" | "udp" | "rr";

/** Figures of one kind of measurement, as the manual lists them. */
export interface FigureList {
  readonly protocol: FlowProtocol;
  /** What is measured: `TCP flows`. */
  readonly title: string;
  /** The key under which JSON objects have them, where that is an object of its own: `toServer`. */
  readonly within?: readonly string[];
  /** By name, see {@linkcode Figures}. */
  readonly figures: Readonly<Record<string, FigureDefinition>>;
}
