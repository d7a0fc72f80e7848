/** Figures as text, for people: with three or four digits and their unit. @module */

import { byteAmount, grouped } from "../../base/units.ts";
import type { FigureUnit } from "./figure.ts";

/** What stands for a figure that is not known. */
export const UNKNOWN = "-";

/**
 * Returns a value as tables have it, times in milliseconds; {@linkcode UNKNOWN} for undefined.
 *
 * @param value in the unit
 */
export function figureText(value: number | boolean | undefined, unit: FigureUnit): string {
  if (typeof value !== "number") return value === undefined ? UNKNOWN : value ? "yes" : "no";
  switch (unit) {
    case "bit/s":
      return bitRate(value);
    case "byte":
      return byteAmount(Math.round(value));
    case "us":
      return milliseconds(value);
    case "s":
      return seconds(value);
    case "%":
      return percent(value);
    default:
      return value < 100 ? String(Number(value.toFixed(2))) : grouped(Math.round(value));
  }
}

const RATES = ["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"];

/** Returns a rate as text: `941 Mbit/s`. */
export function bitRate(bitsPerSecond: number): string {
  let unit = 0;
  let amount = bitsPerSecond;
  for (; amount >= 999.5 && unit < RATES.length - 1; unit++) amount /= 1000;
  return `${digits(amount)} ${RATES[unit]}`;
}

/** Returns a time in milliseconds, as tables have it: `0.061`, `12.3`, `1204`. */
export function milliseconds(micros: number): string {
  const ms = micros / 1000;
  const size = Math.abs(ms);
  return ms.toFixed(size < 9.9995 ? 3 : size < 99.995 ? 2 : size < 999.95 ? 1 : 0);
}

/** Returns a time in seconds: `0.00751`, `0.512`, `12.30`; short ones have three digits, too. */
export function seconds(s: number): string {
  return s >= 0.9995 || s <= 0 ? s.toFixed(2) : s.toFixed(Math.min(9, 2 - Math.floor(Math.log10(s))));
}

/** Returns a share in percent: `0.12%`. */
export function percent(value: number): string {
  return `${value === 0 || value >= 99.995 ? value.toFixed(0) : value.toPrecision(2)}%`;
}

function digits(amount: number): string {
  if (amount >= 99.95 || amount === 0) return amount.toFixed(0);
  return amount.toFixed(amount >= 9.995 ? 1 : 2);
}
