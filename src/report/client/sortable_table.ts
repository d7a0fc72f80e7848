/// <reference lib="dom" />

/** How a table is sorted: by a column, up or down, or as it was. */
type Order = "ascending" | "descending" | "none";

const NEXT: Readonly<Record<Order, Order>> = { none: "ascending", ascending: "descending", descending: "none" };

/**
 * Makes the heads of a table's columns buttons that sort its rows: up, down, and as they were. Figures are sorted by the
 * values that programs read, texts as people do; what is absent comes last.
 */
export function makeSortable(table: HTMLTableElement): void {
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const heads = [...table.tHead!.rows[table.tHead!.rows.length - 1].cells];
  for (const [column, head] of heads.entries()) {
    if (head.textContent?.trim() === "") continue;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sort";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const order = NEXT[(head.ariaSort ?? "none") as Order];
      for (const other of heads) other.removeAttribute("aria-sort");
      if (order !== "none") head.ariaSort = order;
      body.append(...(order === "none" ? rows : sorted(rows, column, order === "ascending" ? 1 : -1)));
    });
  }
}

function sorted(rows: readonly HTMLTableRowElement[], column: number, sign: number): HTMLTableRowElement[] {
  const keys = new Map(rows.map((row) => [row, keyOf(row.cells[column])]));
  return rows.toSorted((a, b) => compare(keys.get(a), keys.get(b), sign));
}

/** What a cell is sorted by; undefined where it has nothing. */
function keyOf(cell: HTMLTableCellElement | undefined): number | string | undefined {
  const value = cell?.querySelector("data")?.value;
  if (value !== undefined && !Number.isNaN(Number(value))) return Number(value);
  const text = cell?.textContent?.trim() ?? "";
  return text === "" || text === "–" ? undefined : text;
}

function compare(a: number | string | undefined, b: number | string | undefined, sign: number): number {
  if (a === undefined || b === undefined) return (a === undefined ? 1 : 0) - (b === undefined ? 1 : 0);
  if (typeof a === "number" && typeof b === "number") return sign * (a - b);
  return sign * String(a).localeCompare(String(b), "en", { numeric: true });
}
