import { messageOf, TineError } from "../../base/errors.ts";
import { SCHEMA_CONTEXT } from "../../base/schema.ts";
import type { BatcherOptions } from "../batcher.ts";
import type { OptionValues } from "../option_values.ts";
import type { Precision } from "../format/timestamp.ts";
import { CaseDocument, type CaseFileProblem, type CasePath } from "./document.ts";
import {
  ANY_TIME,
  type CaseItem,
  type CasePoints,
  isJsonLines,
  jsonOf,
  parsePoints,
  type PointText,
} from "./points.ts";
import {
  type CaseConfig,
  type CaseFileConfig,
  caseFileSchema,
  type CaseUdf,
  type ExpectationConfig,
  type PointFileConfig,
} from "./schema.ts";

/** A test of a UDF, ready to run. */
export interface UdfCase {
  readonly name: string;
  /** Where it stands in its file, from 1. */
  readonly line: number;
  /** Why it is left out. */
  readonly skip?: string;
  /** How the UDF is reached; undefined where the file does not say. */
  readonly udf?: CaseUdf;
  readonly options: OptionValues;
  readonly groupBy: readonly string[];
  readonly precision: Precision;
  readonly tolerance: NumberTolerance;
  readonly batches: BatcherOptions;
  /** How long the UDF may be silent, in ms; 0: for ever; undefined: as for all. */
  readonly timeoutMs?: number;
  /** How long the case may take, in ms. */
  readonly limitMs: number;
  readonly maxPoints: number;
  /** A snapshot that the UDF is given at the start. */
  readonly restore?: CaseConfig["restore"];
  readonly steps: readonly CaseStep[];
}

/** Input, and what is expected for it. */
export interface CaseStep {
  readonly line: number;
  readonly input?: CasePoints;
  readonly expect?: Expectation;
}

/** What is expected to come back. */
export interface Expectation extends Omit<ExpectationConfig, "points"> {
  readonly line: number;
  readonly points?: CasePoints;
}

/** How far numbers of fields may differ: by the larger of both. */
export interface NumberTolerance {
  readonly absolute: number;
  /** Of the larger magnitude of the two. */
  readonly relative: number;
}

/** A file of cases that has been read. */
export interface CaseFile {
  /** Its path, as it was given. */
  readonly path: string;
  readonly text: string;
  readonly cases: readonly UdfCase[];
  /** What it was read from, for edits. */
  readonly document: CaseDocument;
}

/** A file of cases that cannot be used, with what is wrong with it. */
export class CaseFileError extends TineError {
  override name = "CaseFileError";

  /** @param problems at least one, in order */
  constructor(readonly path: string, readonly problems: readonly CaseFileProblem[]) {
    const [{ line, message }] = problems;
    const rest = problems.length - 1;
    super("bad-cases", `${path}:${line}: ${message}${rest > 0 ? ` (and ${rest} more)` : ""}`);
  }
}

/** Problems that are reported. */
const MAX_PROBLEMS = 20;
const DEFAULT_LIMIT_MS = 60_000;
const DEFAULT_MAX_POINTS = 100_000;

/**
 * Reads a file of cases.
 *
 * @param path what it is called in messages
 * @throws {CaseFileError} with all that is wrong, up to 20 problems
 *
 * @example
 * ```ts
 * import { parseCaseFile } from "./case_file.ts";
 * const text = "cases:\n  - name: one\n    input: cpu v=1 1\n    expect: none\n";
 * const { cases: [one] } = await parseCaseFile(text, "cases.yaml");
 * console.assert(one.line === 2 && one.steps.length === 1);
 * ```
 */
export async function parseCaseFile(text: string, path: string): Promise<CaseFile> {
  const document = new CaseDocument(text);
  if (document.problems.length > 0) throw new CaseFileError(path, document.problems.slice(0, MAX_PROBLEMS));
  const problems: CaseFileProblem[] = [];
  let raw: unknown;
  try {
    raw = withoutExtensions(document.value());
  } catch (error) {
    throw new CaseFileError(path, [{ line: 1, message: messageOf(error) }]); // too many aliases, or a wrong merge
  }
  const { data, error } = caseFileSchema.safeParse(writtenOut(raw), SCHEMA_CONTEXT);
  for (const issue of error?.issues ?? []) {
    const keys = issue.path as (string | number)[];
    problems.push({ line: document.lineAt(keys), message: `${pathText(keys)}${issue.message}` });
  }
  const cases: UdfCase[] = [];
  if (data !== undefined) {
    const reader = new CaseReader(data, raw as CaseFileConfig, document, problems);
    for (let index = 0; index < data.cases.length; index++) cases.push(await reader.read(index));
  }
  problems.sort((a, b) => a.line - b.line);
  if (problems.length > 0) throw new CaseFileError(path, problems.slice(0, MAX_PROBLEMS));
  return { path, text, cases, document };
}

/** Makes the cases of a file that fits the schema. */
class CaseReader {
  readonly #file: CaseFileConfig;
  /** The same with whole numbers as bigint. */
  readonly #raw: CaseFileConfig;
  readonly #document: CaseDocument;
  readonly #problems: CaseFileProblem[];
  readonly #names = new Map<string, number>();

  constructor(file: CaseFileConfig, raw: CaseFileConfig, document: CaseDocument, problems: CaseFileProblem[]) {
    this.#file = file;
    this.#raw = raw;
    this.#document = document;
    this.#problems = problems;
  }

  async read(index: number): Promise<UdfCase> {
    const path: CasePath = ["cases", index];
    const own = this.#file.cases[index];
    const line = this.#document.lineAt(path);
    const before = this.#names.get(own.name);
    if (before !== undefined) {
      const message = `the name ${JSON.stringify(own.name)} stands on line ${before} too`;
      this.#problems.push({ line: this.#document.lineAt([...path, "name"]), message });
    }
    this.#names.set(own.name, line);
    const { udf, groupBy = [], precision = "ns", tolerance = 0, timeout, limit, maxPoints } = {
      ...this.#file,
      ...own,
    };
    // A case that has one of both does not get the other from the file.
    const { batchSize: size, batchWindow } = own.batchSize ?? own.batchWindow ? own : this.#file;
    return {
      name: own.name,
      line,
      skip: own.skip,
      udf,
      // Options of the file are for the UDF of the file.
      options: { ...own.udf === undefined && this.#raw.options, ...this.#raw.cases[index].options },
      groupBy,
      precision: precision as Precision,
      tolerance: typeof tolerance === "number"
        ? { absolute: tolerance, relative: tolerance }
        : { absolute: tolerance.absolute ?? 0, relative: tolerance.relative ?? 0 },
      batches: {
        size,
        windowNs: batchWindow === undefined ? undefined : BigInt(Math.round(batchWindow * 1e6)),
      },
      timeoutMs: timeout,
      limitMs: limit ?? DEFAULT_LIMIT_MS,
      maxPoints: maxPoints ?? DEFAULT_MAX_POINTS,
      restore: own.restore,
      steps: await this.#steps(path, own, precision as Precision),
    };
  }

  async #steps(path: CasePath, own: CaseConfig, precision: Precision): Promise<CaseStep[]> {
    const given = own.steps?.map((step, i) => ({ step, path: [...path, "steps", i] })) ?? [{ step: own, path }];
    const steps: CaseStep[] = [];
    let seconds = 0n;
    const now = () => seconds++ * 1_000_000_000n;
    for (const [i, { step, path }] of given.entries()) {
      const { input, expect } = step;
      const expectPath = [...path, "expect"];
      const line = this.#document.lineAt(expectPath);
      if (expect?.error !== undefined && i < given.length - 1) {
        this.#problems.push({ line, message: "only the last step can end in an error: nothing comes after it" });
      }
      steps.push({
        line: this.#document.lineAt(path),
        input: input === undefined ? undefined : await this.#points(input, [...path, "input"], precision, now),
        expect: expect === undefined ? undefined : {
          ...expect,
          line,
          points: expect.points === undefined
            ? undefined
            : await this.#points(expect.points, this.#pointsPath(expectPath), precision, () => ANY_TIME),
        },
      });
    }
    return steps;
  }

  /** Where expected points stand: with `points:` before them, or without. */
  #pointsPath(path: CasePath): CasePath {
    return this.#document.find([...path, "points"]) === undefined ? path : [...path, "points"];
  }

  async #points(
    given: NonNullable<CaseConfig["input"]>,
    path: CasePath,
    precision: Precision,
    now: () => bigint,
  ): Promise<CasePoints> {
    if (typeof given === "object" && !Array.isArray(given)) return { file: given as PointFileConfig };
    const onBad = (line: number, message: string) => this.#problems.push({ line, message: `a bad point: ${message}` });
    const texts = typeof given === "string" ? [this.#document.textAt(path, given)] : this.#listed(given, path);
    const items: CaseItem[] = [];
    for (const text of texts) items.push(...await parsePoints(text, { precision, now, onBad }));
    return { items };
  }

  /** A list of lines and objects, as texts of one format each. */
  #listed(given: readonly unknown[], path: CasePath): PointText[] {
    const raw = valueAt(this.#raw, path);
    const texts: { isJson: boolean; lines: { text: string; line: number }[] }[] = [];
    for (const [i, item] of (Array.isArray(raw) ? raw : given).entries()) {
      const text = typeof item === "string" ? item : jsonOf(item);
      const { lineOf } = this.#document.textAt([...path, i], text);
      const isJson = isJsonLines(text);
      if (texts.at(-1)?.isJson !== isJson) texts.push({ isJson, lines: [] });
      for (const [j, part] of text.replace(/\n$/, "").split("\n").entries()) {
        texts.at(-1)!.lines.push({ text: part, line: lineOf(j + 1) });
      }
    }
    return texts.map(({ lines }) => ({
      text: lines.map(({ text }) => text).join("\n"),
      lineOf: (line) => lines[Math.min(line, lines.length) - 1].line,
    }));
  }
}

function valueAt(value: unknown, path: CasePath): unknown {
  return path.reduce<unknown>((inner, key) => (inner as Record<string | number, unknown> | undefined)?.[key], value);
}

/** Leaves out keys such as `x-common`, which hold the values of anchors. */
function withoutExtensions(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([key]) => !key.startsWith("x-")));
}

/** Writes out what may be written in a shorter form, and makes whole numbers numbers. */
function writtenOut(value: unknown, key?: string, above?: string): unknown {
  if (key === "expect") {
    if (typeof value === "string") return { points: value.trim() === "none" ? [] : value };
    if (Array.isArray(value) || typeof value === "object" && value !== null && "file" in value) {
      return { points: value };
    }
  }
  if (typeof value === "bigint") {
    const isRange = above === "expect" && (key === "count" || key === "batches");
    return isRange ? exactly(value) : Number(value);
  }
  if (Array.isArray(value)) return value.map((inner) => writtenOut(inner));
  if (typeof value !== "object" || value === null) return value;
  // An expectation that is still to be written says nothing.
  const entries = Object.entries(value).filter(([inner, value]) => inner !== "expect" || value !== null);
  return Object.fromEntries(entries.map(([inner, value]) => [inner, writtenOut(value, inner, key)]));
}

function exactly(value: bigint): { min: number; max: number } {
  return { min: Number(value), max: Number(value) };
}

/** Writes a place as people look for it: `cases[2].expect.count: `; empty for the whole file. */
function pathText(path: CasePath): string {
  if (path.length === 0) return "";
  const text = path.map((key) => typeof key === "number" ? `[${key}]` : `.${key}`).join("");
  return `${text.replace(/^\./, "")}: `;
}
