import type { Quantiles } from "../../flow/analysis/mod.ts";

const MARK = "+";
const UNKNOWN = "-";

/**
 * The median of samples; where there is only one, that one with a mark, see {@linkcode lastLines}.
 *
 * @param write writes a value
 */
export function medianOrLast(
  quantiles: Quantiles | undefined,
  last: number | undefined,
  write: (value: number) => string,
): string {
  if (quantiles !== undefined) return write(quantiles.median);
  return last === undefined ? UNKNOWN : write(last) + MARK;
}

/** What is said below a table that has such marks. */
export function lastLines(rows: readonly (readonly string[])[]): string[] {
  const marked = rows.some((row) => row.some((cell) => cell.endsWith(MARK)));
  return marked ? [`${MARK} at the end: the only sample, and so no median`] : [];
}
