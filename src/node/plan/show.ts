/** A value of a plan in a message: short, and recognizable. */
export function show(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  if (typeof value === "object") return "an object";
  const text = typeof value === "string" ? JSON.stringify(value) : String(value);
  return text.length > 60 ? text.slice(0, 57) + "..." : text;
}

/** What was expected and what came, in one sentence. */
export function expected(what: string, value: unknown): string {
  return value === undefined ? `missing, expected ${what}` : `expected ${what}, not ${show(value)}`;
}
