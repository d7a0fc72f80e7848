/**
 * Makes the tests that run of those that a plan has: one for each combination of a matrix, and one for each repeat.
 *
 * @module
 */
import type { output, ZodObject } from "zod";
import { REPEAT_KEY } from "../../base/limits.ts";
import { nearest } from "../../base/nearest.ts";
import { show } from "../../base/schema.ts";
import { at, MAX_PROBLEMS, type Place, placeText, type Problem } from "./place.ts";
import type { variationFields } from "./schema.ts";
import type { Run, Test, TestFields } from "./types.ts";

/** The most tests that a plan may stand for. */
export const MAX_TESTS = 100_000;

/** A value of a matrix. */
type Scalar = string | number | boolean;
/** A value for each key of a matrix. */
type Combination = Readonly<Record<string, Scalar>>;
type Variation = Partial<output<ZodObject<typeof variationFields>>>;

/** A plan whose tests have no matrix any more. */
export interface ExpandedPlan {
  readonly value: unknown;
  /** For each test, the index of the test that was written. */
  readonly sources: readonly number[];
  readonly problems: readonly Problem[];
}

/**
 * Makes a test for each combination of a `matrix`, without those of `exclude`; the last key changes fastest. The values
 * go into the id, and stand for `${key}` in all texts of the test. A text that is nothing but `${key}` becomes the value
 * itself, a number or a truth value too. Other texts in braces stay, since shells have them.
 *
 * @param value the plan as it was parsed, with an end to its levels
 * @param check reads `matrix` and `exclude` of a test, and adds what is wrong with them; undefined in that case
 *
 * @example
 * ```ts
 * import { expandMatrices } from "./expand.ts";
 * const test = { id: { name: "x" }, matrix: { n: [1, 2] }, sleep: "${n}s" };
 * const { value } = expandMatrices({ tests: [test] }, ({ matrix }) => ({ matrix }) as never);
 * console.assert(JSON.stringify(value) ===
 *   '{"tests":[{"id":{"name":"x","n":"1"},"sleep":"1s"},{"id":{"name":"x","n":"2"},"sleep":"2s"}]}');
 * ```
 */
export function expandMatrices(
  value: unknown,
  check: (test: Readonly<Record<string, unknown>>, place: Place, problems: Problem[]) => Variation | undefined,
): ExpandedPlan {
  const written = isObject(value) && Array.isArray(value.tests) ? value.tests as readonly unknown[] : [];
  const problems: Problem[] = [], tests: unknown[] = [], sources: number[] = [];
  for (const [i, test] of written.entries()) {
    const varied = isObject(test) && (test.matrix !== undefined || test.exclude !== undefined);
    const made = varied ? variants(test, at(undefined, "tests", i)!, problems, check) : [test];
    for (const variant of made) {
      tests.push(variant);
      sources.push(i);
    }
    if (tests.length > MAX_TESTS) {
      problems.push({ place: "tests", message: tooMany(tests.length) });
      break;
    }
  }
  return { value: isObject(value) && written.length > 0 ? { ...value, tests } : value, sources, problems };
}

/** Returns the tests that one with a matrix stands for; itself where something is wrong with it. */
function variants(
  test: Readonly<Record<string, unknown>>,
  place: Place,
  problems: Problem[],
  check: Parameters<typeof expandMatrices>[1],
): unknown[] {
  const before = problems.length;
  const { matrix, exclude = [] } = check(test, place, problems) ?? {};
  if (problems.length > before) return [];
  const { matrix: _, exclude: __, ...rest } = test;
  const add = (place: Place | undefined, message: string) => void problems.push({ place: placeText(place), message });
  if (matrix === undefined) {
    add(at(place, "exclude"), "leaves out combinations of a matrix, but the test has no matrix");
    return [];
  }
  const count = Object.values(matrix).reduce((product, { length }) => product * length, 1);
  if (count > MAX_TESTS) {
    add(at(place, "matrix"), tooMany(count));
    return [];
  }
  checkKeys(test, matrix, exclude, place, add);
  if (problems.length > before) return [];
  const wanted = combinations(matrix).filter((combination) => !exclude.some((one) => isPart(one, combination)));
  if (wanted.length === 0) add(at(place, "exclude"), "leaves out all combinations of the matrix");
  return wanted.map((combination) => {
    const filled = fill(rest, combination) as Record<string, unknown>;
    const added = Object.fromEntries(Object.entries(combination).map(([key, value]) => [key, idText(value)]));
    return { ...filled, id: isObject(filled.id) ? { ...filled.id, ...added } : filled.id };
  });
}

function checkKeys(
  { id, ...test }: Readonly<Record<string, unknown>>,
  matrix: Readonly<Record<string, readonly Scalar[]>>,
  exclude: readonly Combination[],
  place: Place,
  add: (place: Place | undefined, message: string) => void,
): void {
  const { matrix: _, exclude: __, ...body } = test;
  const texts = JSON.stringify([id, body]);
  for (const [key, values] of Object.entries(matrix)) {
    const here = at(place, "matrix", key);
    if (isObject(id) && Object.hasOwn(id, key)) {
      add(here, `${key} is a name in the id of the test too; give one of them another name`);
    }
    if (!texts.includes(`\${${key}}`)) {
      add(here, `\${${key}} stands nowhere in the test, so that its values would make no difference`);
    }
    const seen = new Set<string>();
    for (const [i, value] of values.entries()) {
      const text = idText(value);
      if (seen.has(text)) add(at(here, i), `${show(value)} is ${text} in the id of the test, as a value before it is`);
      seen.add(text);
    }
  }
  const keys = Object.keys(matrix);
  for (const [i, combination] of exclude.entries()) {
    for (const [key, value] of Object.entries(combination)) {
      const here = at(place, "exclude", i, key);
      const values = Object.hasOwn(matrix, key) ? matrix[key] : undefined;
      if (values === undefined) {
        const guess = nearest(key, keys);
        add(here, `is no key of the matrix, ` + (guess ? `did you mean ${guess}?` : `which has ${keys.join(", ")}`));
      } else if (!values.includes(value)) {
        add(here, `${show(value)} is no value of matrix.${key}, which has ${values.map(show).join(", ")}`);
      }
    }
  }
}

function tooMany(count: number): string {
  return `stands for ${count} tests, more than ${MAX_TESTS}; divide it into several plans`;
}

function combinations(matrix: Readonly<Record<string, readonly Scalar[]>>): Combination[] {
  return Object.entries(matrix).reduce<Combination[]>(
    (made, [key, values]) => made.flatMap((combination) => values.map((value) => ({ ...combination, [key]: value }))),
    [{}],
  );
}

function isPart(part: Combination, whole: Combination): boolean {
  return Object.entries(part).every(([key, value]) => whole[key] === value);
}

/** Returns a value of a matrix as ids take it: what they do not take becomes a minus sign. */
function idText(value: Scalar): string {
  const text = String(value).replaceAll(/[^\w.+\-@%=,]+/g, "-").replace(/^[^A-Za-z0-9]+/, "").slice(0, 64);
  return text === "" ? "none" : text;
}

/** Returns a value with its texts filled in. */
function fill(value: unknown, combination: Combination): unknown {
  if (typeof value === "string") return fillText(value, combination);
  if (Array.isArray(value)) return value.map((inner) => fill(inner, combination));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, fill(inner, combination)]));
}

function fillText(text: string, combination: Combination): unknown {
  const whole = /^\$\{([A-Za-z]\w*)\}$/.exec(text)?.[1];
  if (whole !== undefined && Object.hasOwn(combination, whole)) return combination[whole];
  return text.replaceAll(
    /\$\{([A-Za-z]\w*)\}/g,
    (all, key) => Object.hasOwn(combination, key) ? String(combination[key]) : all,
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A test that was validated, and that may be repeated. */
export type RepeatedTest = Run & TestFields & { readonly repeat?: number };

/**
 * Makes the tests that run: each as often as its `repeat` says, in rounds, so that what changes on the machine meanwhile
 * changes all tests alike. The id of a test that runs more than once has the number of its round, from 1, as `repeat`.
 *
 * @param tests as they were validated
 * @param sources for each test, the index of the test that was written
 * @param repeat how often each test runs, whatever it says
 *
 * @example
 * ```ts
 * import { expandRepeats } from "./expand.ts";
 * const [a, b] = ["a", "b"].map((name) => ({ id: { name }, timeout: 0, repeat: 2 }));
 * const { tests } = expandRepeats([a, b], [0, 1]);
 * console.assert(tests.map(({ id }) => id.name + id.repeat).join() === "a1,b1,a2,b2");
 * ```
 */
export function expandRepeats(
  tests: readonly RepeatedTest[],
  sources: readonly number[],
  repeat?: number,
): { readonly tests: Test[]; readonly written?: ReadonlyMap<Test, Place>; readonly problems: readonly Problem[] } {
  const problems: Problem[] = [];
  const times = tests.map((test) => repeat ?? test.repeat ?? 1);
  const sum = times.reduce((sum, times) => sum + times, 0);
  if (sum > MAX_TESTS) problems.push({ place: "tests", message: tooMany(sum) });
  for (const [i, { id }] of tests.entries()) {
    if (times[i] === 1 || !Object.hasOwn(id, REPEAT_KEY) || problems.length === MAX_PROBLEMS) continue;
    const place = placeText(at(undefined, "tests", sources[i], "id", REPEAT_KEY));
    problems.push({ place, message: "is the name of the round of a test that is repeated; give it another name" });
  }
  const made: Test[] = [], written = new Map<Test, Place>();
  const rounds = problems.length > 0 ? 0 : Math.max(0, ...times);
  for (let round = 1; round <= rounds; round++) {
    for (const [i, { repeat: _, ...test }] of tests.entries()) {
      if (times[i] < round) continue;
      const repeated = times[i] === 1 ? test : { ...test, id: { ...test.id, [REPEAT_KEY]: String(round) } };
      made.push(repeated);
      written.set(repeated, at(undefined, "tests", sources[i])!);
    }
  }
  const asWritten = rounds <= 1 && sources.every((source, i) => source === i);
  return { tests: made, ...!asWritten && { written }, problems };
}
