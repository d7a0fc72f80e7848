/**
 * Formats a table: the first column to the left, others to the right, at least two blanks between columns.
 *
 * @param rows of the same length; plain ASCII
 * @param widths the minimum widths of the columns, for tables that are printed row by row
 *
 * @example
 * ```ts
 * import { tableLines } from "./text_table.ts";
 * console.assert(tableLines([["flow", "lost"], ["up", "3"]])[1] === "up       3");
 * ```
 */
export function tableLines(rows: readonly (readonly string[])[], widths: readonly number[] = []): string[] {
  const columns = rows[0]?.length ?? 0;
  const wide = Array.from(
    { length: columns },
    (_, i) => Math.max(widths[i] ?? 0, ...rows.map((row) => row[i].length)),
  );
  return rows.map((row) =>
    row.map((cell, i) => i === 0 ? cell.padEnd(wide[i]) : cell.padStart(wide[i])).join("  ").trimEnd()
  );
}
