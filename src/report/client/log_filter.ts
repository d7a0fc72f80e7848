/// <reference lib="dom" />

/** Puts a box above a table of logs: rows that have not what is typed into it are left out. */
export function makeFilterable(table: HTMLTableElement): void {
  const label = document.createElement("label"), input = document.createElement("input");
  const found = document.createElement("output");
  label.className = "filter";
  input.type = "search";
  label.append("Filter ", input, " ", found);
  const rows = [...table.tBodies[0].rows].map((row) => ({ row, text: (row.textContent ?? "").toLowerCase() }));
  input.addEventListener("input", () => {
    const wanted = input.value.trim().toLowerCase();
    let count = 0;
    for (const { row, text } of rows) {
      row.hidden = !text.includes(wanted);
      if (!row.hidden) count++;
    }
    found.textContent = wanted === "" ? "" : `${count} of ${rows.length}`;
  });
  (table.closest(".table") ?? table).before(label);
}
