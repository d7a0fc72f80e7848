/** Figures for people, with three or four digits and their unit. @module */

const RATES = ["bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s"];

/** A rate: `941 Mbit/s`. */
export function bitRate(bitsPerSecond: number): string {
  let unit = 0;
  let amount = bitsPerSecond;
  for (; amount >= 999.5 && unit < RATES.length - 1; unit++) amount /= 1000;
  return `${digits(amount)} ${RATES[unit]}`;
}

/** A time in milliseconds, as tables have it: `0.061`, `12.3`, `1204`. */
export function milliseconds(nanos: number): string {
  const ms = nanos / 1e6;
  const size = Math.abs(ms);
  return ms.toFixed(size < 9.9995 ? 3 : size < 99.995 ? 2 : size < 999.95 ? 1 : 0);
}

/** A time in seconds: `0.00751`, `0.512`, `12.30`; short ones have three digits, too. */
export function seconds(nanos: number): string {
  const s = nanos / 1e9;
  return s >= 0.9995 || s <= 0 ? s.toFixed(2) : s.toFixed(Math.min(9, 2 - Math.floor(Math.log10(s))));
}

/** A share: `0.12%`. */
export function percent(part: number, whole: number): string {
  if (whole === 0) return "-";
  const value = part / whole * 100;
  return `${value === 0 || value >= 99.995 ? value.toFixed(0) : value.toPrecision(2)}%`;
}

/** A span of time in seconds: `0.0-1.0`. */
export function span(fromMs: number, toMs: number): string {
  // Short intervals need more digits to be told apart.
  const places = toMs - fromMs < 100 ? 3 : toMs - fromMs < 1000 ? 2 : 1;
  return `${(fromMs / 1000).toFixed(places)}-${(toMs / 1000).toFixed(places)}`;
}

function digits(amount: number): string {
  if (amount >= 99.95 || amount === 0) return amount.toFixed(0);
  return amount.toFixed(amount >= 9.995 ? 1 : 2);
}
