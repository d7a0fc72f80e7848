import { testIdText } from "../../result/names.ts";
import { messageOf } from "../../base/errors.ts";
import { nearest } from "../../base/nearest.ts";
import { UsageError } from "../errors.ts";
import { escape } from "../terminal.ts";

/** Ids that the message has where no test is selected; the others are counted. */
const MAX_IDS = 10;

/**
 * Returns the tests that `--test NAME=REGEXP` selects, in the order of the plan; all where it is not given.
 *
 * A test is selected if its id has a value of that name in which the expression matches somewhere, as in grep; `^` and
 * `$` stand for the ends of the value. Of several expressions with the same name one must match; of different names,
 * one for each.
 *
 * @param tests the tests of the plan
 * @param given the values of `--test`
 * @throws {UsageError} for what is no NAME=REGEXP, a name that no test has, and where no test is selected
 *
 * @example
 * ```ts
 * import { selectTests } from "./test_selection.ts";
 * const tests = [{ id: { name: "fct", cca: "cubic" } }, { id: { name: "fct", cca: "bbr" } }];
 * console.assert(selectTests(tests, ["cca=^b"])[0].id.cca === "bbr");
 * ```
 */
export function selectTests<T extends { readonly id: Readonly<Record<string, string>> }>(
  tests: readonly T[],
  given: readonly string[],
): T[] {
  const wanted = parsePatterns(given);
  checkNames(tests, wanted.keys());
  const selected = tests.filter(({ id }) => matches(id, wanted));
  if (selected.length === 0 && given.length > 0) throw new UsageError(nothingSelected(tests, given));
  return selected;
}

/**
 * Returns what selects tests by their ids, for tests that are not known yet.
 *
 * @param given the values of `--test`
 * @throws {UsageError} for what is no NAME=REGEXP
 */
export function testSelector(given: readonly string[]): (id: Readonly<Record<string, string>>) => boolean {
  const wanted = parsePatterns(given);
  return (id) => matches(id, wanted);
}

function matches(id: Readonly<Record<string, string>>, wanted: ReadonlyMap<string, readonly RegExp[]>): boolean {
  return wanted.entries().every(([name, patterns]) =>
    Object.hasOwn(id, name) && patterns.some((pattern) => pattern.test(id[name]))
  );
}

function parsePatterns(given: readonly string[]): Map<string, RegExp[]> {
  const wanted = new Map<string, RegExp[]>();
  for (const text of given) {
    const { name, pattern } = parsePattern(text);
    wanted.set(name, [...wanted.get(name) ?? [], pattern]);
  }
  return wanted;
}

function parsePattern(text: string): { name: string; pattern: RegExp } {
  const [, name, source] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (name === undefined) {
    throw new UsageError(`--test expects NAME=REGEXP such as name=hello, not "${escape(text)}"`);
  }
  try {
    return { name, pattern: new RegExp(source) };
  } catch (cause) {
    const reason = messageOf(cause).replace(/^.*\/: /s, "").toLowerCase();
    throw new UsageError(`--test ${escape(text)}: "${escape(source)}" is no regular expression: ${escape(reason)}`, {
      cause,
    });
  }
}

function checkNames(tests: readonly { readonly id: object }[], wanted: Iterable<string>): void {
  const known = new Set(tests.flatMap(({ id }) => Object.keys(id)));
  for (const name of wanted) {
    if (known.has(name)) continue;
    const guess = nearest(name, known);
    const remedy = known.size === 0
      ? "the plan has no tests"
      : guess === undefined
      ? `names in their ids are ${[...known].slice(0, MAX_IDS).join(", ")}`
      : `did you mean ${guess}?`;
    throw new UsageError(`--test ${escape(name)}=...: no test has an id with the name ${escape(name)}, ${remedy}`);
  }
}

function nothingSelected(
  tests: readonly { readonly id: Readonly<Record<string, string>> }[],
  given: readonly string[],
): string {
  const ids = tests.slice(0, MAX_IDS).map(({ id }) => `"${testIdText(id)}"`).join("; ");
  const hidden = tests.length > MAX_IDS ? `; and ${tests.length - MAX_IDS} more` : "";
  return `no test is selected by ${given.map((text) => `--test ${escape(text)}`).join(" ")}, ids are ${ids}${hidden}`;
}
