/**
 * Compiles a glob pattern. `*` matches any characters within a part of a name, `?` one character, `[a-z]` and `[!a-z]` one
 * of a class, `**` any characters across parts; before a separator, also no part at all. A backslash removes the special
 * meaning of the next character; a class without an end has no special meaning.
 *
 * Patterns come from plans, and names from other nodes, so the time of a match must not explode: it is proportional to the
 * product of both lengths (0.1 ms for `*a*a*a*a*a*a*b` and 80 letters). The regular expressions of `@std/path` and
 * `picomatch` backtrack: they take 50 s for that, and have no other separators.
 *
 * @param pattern the pattern
 * @param options `separator`: the character between the parts of a name, a slash by default
 * @returns a function that tests whether a whole name matches
 *
 * @example
 * ```ts
 * import { glob } from "./glob.ts";
 * console.assert(glob("logs/*.txt")("logs/a.txt"));
 * console.assert(glob("net.**.rmem", { separator: "." })("net.ipv4.conf.rmem"));
 * ```
 */
export function glob(pattern: string, { separator = "/" }: { separator?: string } = {}): (name: string) => boolean {
  const steps = compile([...pattern], separator);
  return (name) => matches(steps, [...name], separator);
}

/** Whether a text has characters with a special meaning in glob patterns. */
export function isGlob(text: string): boolean {
  return /[*?[\\]/.test(text);
}

/** One character; any number of them, within a part or across; or a choice to skip the next two steps. */
type Step = ((character: string) => boolean) | "part" | "all" | "optional";

function compile(pattern: string[], separator: string): Step[] {
  const steps: Step[] = [];
  for (let i = 0; i < pattern.length; i++) {
    const character = pattern[i];
    const end = character === "[" ? classEnd(pattern, i) : -1;
    if (character === "*" && pattern[i + 1] === "*") {
      while (pattern[i + 1] === "*") i++;
      const startsPart = steps.length === 0 || pattern[i - 2] === separator;
      if (startsPart && pattern[i + 1] === separator) {
        steps.push("optional", "all", (c) => c === separator);
        i++;
      } else {
        steps.push("all");
      }
    } else if (character === "*") {
      steps.push("part");
    } else if (character === "?") {
      steps.push((c) => c !== separator);
    } else if (end > 0) {
      steps.push(classOf(pattern.slice(i + 1, end), separator));
      i = end;
    } else {
      const literal = character === "\\" && i + 1 < pattern.length ? pattern[++i] : character;
      steps.push((c) => c === literal);
    }
  }
  return steps;
}

/** Returns the index at which the class from `start` ends; a bracket in the first place is part of the class. */
function classEnd(pattern: string[], start: number): number {
  const negated = pattern[start + 1] === "!" || pattern[start + 1] === "^";
  return pattern.indexOf("]", start + (negated ? 3 : 2));
}

function classOf(body: string[], separator: string): (character: string) => boolean {
  const negated = body[0] === "!" || body[0] === "^";
  if (negated) body = body.slice(1);
  const ranges: [number, number][] = [];
  for (let i = 0; i < body.length; i++) {
    const first = body[i].codePointAt(0)!;
    const isRange = body[i + 1] === "-" && i + 2 < body.length;
    ranges.push([first, isRange ? body[i + 2].codePointAt(0)! : first]);
    if (isRange) i += 2;
  }
  return (character) => {
    const code = character.codePointAt(0)!;
    return character !== separator && ranges.some(([first, last]) => first <= code && code <= last) !== negated;
  };
}

/** Follows all ways through the steps at once: to try them one by one can take exponential time. */
function matches(steps: Step[], name: string[], separator: string): boolean {
  let reached = new Set<number>();
  reach(steps, 0, reached);
  for (const character of name) {
    const next = new Set<number>();
    for (const at of reached) {
      const step = steps[at];
      if (step === "all" || (step === "part" && character !== separator)) reach(steps, at, next);
      else if (typeof step === "function" && step(character)) reach(steps, at + 1, next);
    }
    if (next.size === 0) return false;
    reached = next;
  }
  return reached.has(steps.length);
}

/** Adds a step, and the steps that follow it without a character. */
function reach(steps: Step[], at: number, reached: Set<number>): void {
  if (reached.has(at)) return;
  reached.add(at);
  const step = steps[at];
  if (typeof step !== "string") return;
  reach(steps, at + 1, reached);
  if (step === "optional") reach(steps, at + 3, reached);
}
