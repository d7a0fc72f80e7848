/**
 * A measured time for people, with two or three digits: `0.35s`, `1.2s`, `42s`, `2m05s`, `3h07m`.
 *
 * @param ms milliseconds
 */
export function elapsed(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 0.995) return `${seconds.toFixed(2)}s`;
  if (seconds < 9.95) return `${seconds.toFixed(1)}s`;
  return wholeSeconds(Math.round(seconds) * 1000);
}

/**
 * A time that goes on, in whole seconds, as clocks count: `0s`, `42s`, `2m05s`, `3h07m`.
 *
 * @param ms milliseconds
 */
export function wholeSeconds(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m${twoDigits(seconds % 60)}s`;
  return `${Math.floor(minutes / 60)}h${twoDigits(minutes % 60)}m`;
}

function twoDigits(n: number): string {
  return String(n).padStart(2, "0");
}
