import type { Axis, PlotUnit } from "../plot.ts";

/** A mark of an axis. */
export interface Tick {
  readonly value: number;
  readonly text: string;
}

/** An axis as it is drawn: where values are, and what is written along it. */
export interface DrawnAxis {
  /** The ends, in the unit of the axis. */
  readonly min: number;
  readonly max: number;
  /** What ticks are in, such as `ms`; empty where they have no unit. */
  readonly unit: string;
  readonly ticks: readonly Tick[];
  /** Returns the share of the axis at which a value is: 0 at its start, 1 at its end; less or more beyond. */
  place(value: number): number;
}

/** Units by what of the axis's own unit they are. */
const UNITS: Readonly<Record<PlotUnit, readonly (readonly [unit: string, factor: number])[]>> = {
  us: [["µs", 1], ["ms", 1e3], ["s", 1e6]],
  s: [["µs", 1e-6], ["ms", 1e-3], ["s", 1]],
  "bit/s": [["bit/s", 1], ["kbit/s", 1e3], ["Mbit/s", 1e6], ["Gbit/s", 1e9], ["Tbit/s", 1e12]],
  byte: [["B", 1], ["kB", 1e3], ["MB", 1e6], ["GB", 1e9], ["TB", 1e12]],
  packet: [["packets", 1]],
  segment: [["segments", 1]],
  share: [["%", 0.01]],
  "": [["", 1]],
};

/** A tail axis ends at 99.9999% at most. */
const MAX_NINES = 6;

/**
 * Lays out an axis.
 *
 * @param axis the axis
 * @param least and `greatest` of the values on it; Infinity and -Infinity where there are none
 * @param wanted about how many ticks it has room for
 *
 * @example
 * ```ts
 * import { layOutAxis } from "./axis.ts";
 * const axis = layOutAxis({ title: "RTT", unit: "us", scale: "linear", min: 0 }, 300, 9_500, 5);
 * console.assert(axis.unit === "ms" && axis.ticks.at(-1)?.text === "10" && axis.place(5_000) === 0.5);
 * ```
 */
export function layOutAxis(axis: Axis, least: number, greatest: number, wanted: number): DrawnAxis {
  const hasValues = least <= greatest;
  const low = axis.min ?? (hasValues ? least : 0);
  const high = axis.max ?? (hasValues ? greatest : 1);
  switch (axis.scale) {
    case "log":
      return logAxis(axis, low, high, wanted);
    case "tail":
      return tailAxis(low, high);
    default:
      return linearAxis(axis, low, high > low ? high : low + (Math.abs(low) || 1), wanted);
  }
}

/** Returns about how many ticks an x axis has room for, by its width in pixels: on a phone they are closer. */
export function ticksFor(width: number): number {
  return Math.max(2, Math.floor(width / 100), Math.min(4, Math.floor(width / 65)));
}

/**
 * Returns the unit in which values are written: the largest one that the greatest value has at least one of.
 *
 * @returns the unit, and how many of the axis's own it is
 */
export function unitFor(unit: PlotUnit, greatest: number): readonly [string, number] {
  return UNITS[unit].findLast(([, factor]) => greatest >= factor) ?? UNITS[unit][0];
}

function linearAxis(axis: Axis, low: number, high: number, wanted: number): DrawnAxis {
  const [unit, factor] = unitFor(axis.unit, Math.max(Math.abs(low), Math.abs(high)));
  const step = niceStep((high - low) / factor / wanted);
  // Ends that are given stay; others leave a little room.
  const min = axis.min ?? (low >= 0 && low < (high - low) * 0.3 ? 0 : low - (high - low) * 0.05);
  const max = axis.max ?? high + (high - min) * 0.05;
  const places = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const ticks: Tick[] = [];
  for (let i = Math.ceil(min / factor / step - 1e-9); i * step <= max / factor + step * 1e-9; i++) {
    ticks.push({ value: i * step * factor, text: (i * step).toFixed(places) });
  }
  return { min, max, unit, ticks, place: (value) => (value - min) / (max - min) };
}

/** Returns the step of 1, 2 or 5 times a power of ten that is next above. */
function niceStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  const digit = least / power;
  return (digit <= 1.0001 ? 1 : digit <= 2.0001 ? 2 : digit <= 5.0001 ? 5 : 10) * power;
}

function logAxis(axis: Axis, low: number, high: number, wanted: number): DrawnAxis {
  low = low > 0 ? low : high > 0 ? Math.min(1, high / 1000) : 1;
  high = high > low ? high : low * 10;
  const [unit, factor] = unitFor(axis.unit, high);
  // Steps of a decade that fit; a short axis gets those of 1, 2 and 5.
  const decades = Math.log10(high / low);
  const digits = decades * 3 <= wanted * 1.6 ? [1, 2, 5] : [1];
  const every = Math.max(1, Math.ceil(decades / (wanted * 1.5)));
  const all: number[] = [];
  for (let power = Math.floor(Math.log10(low / factor)) - 1; power <= Math.ceil(Math.log10(high / factor)); power++) {
    if (digits.length === 1 && power % every !== 0) continue;
    for (const digit of digits) all.push(Number(`${digit}e${power}`));
  }
  const min = axis.min ?? low * (low / high) ** 0.03;
  const max = axis.max ?? high * (high / low) ** 0.03;
  const ticks = all.filter((tick) => tick * factor >= min * 0.9999 && tick * factor <= max * 1.0001)
    .map((tick) => ({ value: tick * factor, text: String(tick) }));
  const span = Math.log(max / min);
  return { min, max, unit, ticks, place: (value) => Math.log(Math.max(value, min / 2) / min) / span };
}

function tailAxis(low: number, high: number): DrawnAxis {
  const nines = Math.min(MAX_NINES, Math.max(2, Math.ceil(-Math.log10(Math.max(1e-9, 1 - high)) - 1e-9)));
  const place = (share: number) => -Math.log10(Math.max(1 - share, 10 ** -nines)) / nines;
  const ticks: Tick[] = [{ value: 0, text: "0" }];
  if (nines <= 3) ticks.push({ value: 0.5, text: "50" });
  for (let i = 1; i <= nines; i++) {
    ticks.push({ value: 1 - 10 ** -i, text: (100 - 10 ** (2 - i)).toFixed(Math.max(0, i - 2)) });
  }
  return { min: Math.max(0, low), max: 1 - 10 ** -nines, unit: "%", ticks, place };
}
