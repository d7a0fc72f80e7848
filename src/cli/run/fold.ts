/** A group of more blocks that repeats is not looked for. */
const MAX_GROUP = 8;

/**
 * Joins blocks of lines; one that repeats is shown once with how often, as in `sleep 1s  x 1000`, and so is a group of
 * up to eight that repeats.
 *
 * @param blocks each a line, and lines below it
 *
 * @example
 * ```ts
 * import { fold } from "./fold.ts";
 * console.assert(fold([["a"], ["a"], ["b"]]).join() === "a  x 2,b");
 * ```
 */
export function fold(blocks: readonly (readonly string[])[]): string[] {
  const numbers = new Map<string, number>();
  // Numbers are compared faster than texts.
  const kinds = blocks.map((block) => {
    const text = block.join("\n");
    if (!numbers.has(text)) numbers.set(text, numbers.size);
    return numbers.get(text)!;
  });
  const lines: string[] = [];
  for (let i = 0; i < blocks.length;) {
    const { length, times } = repetition(kinds, i);
    const group = blocks.slice(i, i + length);
    if (times === 1) { for (const line of group[0]) lines.push(line); }
    else if (length === 1) lines.push(`${group[0][0]}  x ${times}`, ...group[0].slice(1));
    else lines.push(`${times} times these ${length}`, ...fold(group).map((line) => `  ${line}`));
    i += length * times;
  }
  return lines;
}

/** The group from a place on whose repetitions cover most; the shortest of these. */
function repetition(kinds: readonly number[], from: number): { length: number; times: number } {
  let best = { length: 1, times: 1 };
  for (let length = 1; length <= MAX_GROUP; length++) {
    let end = from + length;
    while (end < kinds.length && kinds[end] === kinds[end - length]) end++;
    const times = Math.floor((end - from) / length);
    if (times > 1 && times * length > best.times * best.length) best = { length, times };
  }
  return best;
}
