import { TineError } from "../../base/errors.ts";
import { isGlob } from "../../base/glob.ts";
import { nearest } from "../../base/nearest.ts";
import { parseDuration, parseRate, parseSize } from "../../base/units.ts";
import type { FigureUnit } from "../../flow/analysis/mod.ts";
import { figureNamed, type FlowFigure } from "../compare/mod.ts";

/** How a figure is compared with its limit. */
export type GateOperator = "<" | "<=" | ">" | ">=" | "within";

/** What flows of a gate are put together to: each by itself, their sum, their mean, or the worst of them. */
export type GateOver = "each" | "sum" | "mean" | "worst";

/** What a figure is compared with. */
export type GateTarget =
  /** A value, in the unit of the figure. */
  | { readonly of: "value"; readonly value: number }
  /** The same figure of another flow of the test, times a factor. */
  | { readonly of: "flow"; readonly flow: string; readonly factor: number }
  /** The same figure of the same flow in the baseline, times a factor. */
  | { readonly of: "baseline"; readonly factor: number };

/** A condition that figures of flows are to meet. */
export interface Gate {
  /** As it is written. */
  readonly text: string;
  /** A glob pattern for the ids of flows. */
  readonly flows: string;
  readonly figure: FlowFigure;
  readonly operator: GateOperator;
  readonly target: GateTarget;
  /** With `within`: the share of the target that the figure may be off by; 0.05 for 5%. */
  readonly share?: number;
  readonly over: GateOver;
}

/** A gate that cannot be understood. */
export class GateError extends TineError {
  override name = "GateError";

  /**
   * @param text the gate
   * @param column where in it, from 1
   * @param problem what was expected there
   */
  constructor(readonly text: string, readonly column: number, readonly problem: string, options?: ErrorOptions) {
    super("bad-gate", `${JSON.stringify(text)}: column ${column}: ${problem}`, options);
  }
}

/** How gates are written, for messages. */
export const GATE_FORM = "FLOWS FIGURE OP VALUE, such as voip.* rttP99 < 30ms";

const OPERATORS = ["<", "<=", ">", ">=", "within"] as const satisfies readonly GateOperator[];
const OVERS = ["each", "sum", "mean", "worst"] as const satisfies readonly GateOver[];
const WORDS = /<=|>=|[<>]|[^\s<>]+/g;

/**
 * Reads a gate: `FLOWS FIGURE OP VALUE [over each|sum|mean|worst]`, where the value may also be `3x FLOW` or
 * `3x baseline`, and the operator `within 5% of`.
 *
 * @throws {GateError} with the column, and nearest names
 *
 * @example
 * ```ts
 * import { parseGate } from "./gate.ts";
 * const { figure, target } = parseGate("voip.beside rttP99 < 3x voip.alone");
 * console.assert(figure.name === "rttP99Micros" && target.of === "flow" && target.factor === 3);
 * ```
 */
export function parseGate(text: string): Gate {
  const words = new Words(text);
  const flows = words.take(`the id of a flow, or a pattern: ${GATE_FORM}`);
  const figure = figureAt(words);
  const operator = oneOf(words, OPERATORS, "<, <=, >, >= or within");
  const share = operator === "within" ? shareAt(words) : undefined;
  const target = targetAt(words, figure);
  const over = overAt(words);
  words.end();
  if (target.of === "baseline" && over !== "each") {
    throw words.error(words.count - 1, `a baseline is compared flow by flow, not over ${over}`);
  }
  return { text, flows, figure, operator, target, ...(share === undefined ? {} : { share }), over };
}

/** The words of a gate, with their places. */
class Words {
  readonly #words: readonly RegExpExecArray[];
  #next = 0;

  constructor(readonly text: string) {
    this.#words = [...text.matchAll(WORDS)];
  }

  /** How many have been taken. */
  get count(): number {
    return this.#next;
  }

  /** The next word, which stays; undefined at the end. */
  get next(): string | undefined {
    return this.#words[this.#next]?.[0];
  }

  /** @throws {GateError} at the end, where `what` is expected */
  take(what: string): string {
    const word = this.next;
    if (word === undefined) throw this.error(this.#next, `it ends, expected ${what}`);
    this.#next++;
    return word;
  }

  end(): void {
    if (this.next === undefined) return;
    throw this.error(this.#next, `expected over each, sum, mean or worst, or the end, not "${this.next}"`);
  }

  /** An error at a word. */
  error(i: number, problem: string, options?: ErrorOptions): GateError {
    const place = this.#words[i]?.index ?? this.text.trimEnd().length;
    return new GateError(this.text, place + 1, problem, options);
  }
}

function figureAt(words: Words): FlowFigure {
  const name = words.take("a figure, such as rttP99 or goodput");
  try {
    return figureNamed(name);
  } catch (error) {
    if (!(error instanceof TineError)) throw error;
    throw words.error(words.count - 1, error.message, { cause: error });
  }
}

function oneOf<T extends string>(words: Words, known: readonly T[], expected: string): T {
  const word = words.take(expected);
  const found = known.find((one) => one === word);
  if (found !== undefined) return found;
  const near = nearest(word, known.filter((one) => /\w/.test(one)));
  throw words.error(
    words.count - 1,
    `expected ${expected}, not "${word}"${near === undefined ? "" : `: did you mean ${near}?`}`,
  );
}

function shareAt(words: Words): number {
  const form = "within 5% of baseline";
  const word = words.take(`a share: ${form}`);
  const percent = /^(\d{1,9}(?:\.\d{1,9})?)%$/.exec(word);
  if (percent === null) throw words.error(words.count - 1, `expected a share in percent, not "${word}": ${form}`);
  oneOf(words, ["of"], `of: ${form}`);
  return Number(percent[1]) / 100;
}

function targetAt(words: Words, figure: FlowFigure): GateTarget {
  const form = formOf(figure.unit);
  const word = words.take(`${form}, 3x FLOW, or baseline`);
  const i = words.count - 1;
  const factor = /^(\d{1,9}(?:\.\d{1,9})?)x$/.exec(word);
  if (factor !== null) {
    return referred(words, words.take("a flow, or baseline, behind the factor"), Number(factor[1]));
  }
  if (!/^[-+.]?\d/.test(word)) return referred(words, word, 1);
  // A blank before the unit, as tine prints it.
  const unit = words.next !== undefined && words.next !== "over" && /^[-+.\d]+$/.test(word) ? words.take("") : "";
  const value = valueOf(word + unit, figure.unit);
  if (value !== undefined) return { of: "value", value };
  const bare = /^[-+.\d]+$/.test(word + unit) && exampleUnit(figure.unit);
  throw words.error(
    i,
    `expected ${form} for ${figure.shortName}, not "${word}${unit && ` ${unit}`}"${
      bare ? `; a unit is missing: ${word}${bare}?` : ""
    }`,
  );
}

function referred(words: Words, name: string, factor: number): GateTarget {
  if (name === "baseline") return { of: "baseline", factor };
  if (isGlob(name)) throw words.error(words.count - 1, `expected the id of one flow, not the pattern "${name}"`);
  return { of: "flow", flow: name, factor };
}

function overAt(words: Words): GateOver {
  if (words.next === undefined) return "each";
  if (words.next !== "over") words.end();
  words.take("over");
  return oneOf(words, OVERS, "each, sum, mean or worst");
}

/** Returns a value with its unit in the unit of a figure; undefined where it is no such value. */
function valueOf(text: string, unit: FigureUnit): number | undefined {
  const [, sign, amount] = /^([-+]?)(.*)$/s.exec(text)!;
  const size = amountOf(amount, unit);
  return size === undefined ? undefined : sign === "-" ? -size : size;
}

function amountOf(text: string, unit: FigureUnit): number | undefined {
  switch (unit) {
    case "us":
    case "s": {
      const ms = parseDuration(text, { longest: Infinity });
      return ms === undefined ? undefined : unit === "us" ? ms * 1000 : ms / 1000;
    }
    case "bit/s": {
      if (text === "0") return 0;
      // As tine prints rates, too.
      const rate = parseRate(text.replace(/bit\/s$/, "bps"));
      return typeof rate === "object" && "bitsPerSecond" in rate ? rate.bitsPerSecond : undefined;
    }
    case "byte":
      return parseSize(text);
    case "%":
      return plain(text.replace(/%$/, ""));
    default:
      return plain(text);
  }
}

function plain(text: string): number | undefined {
  return /^(?:\d{1,15}(?:\.\d{1,15})?|\.\d{1,15})$/.test(text) ? Number(text) : undefined;
}

/** What a value of a unit looks like. */
function formOf(unit: FigureUnit): string {
  switch (unit) {
    case "us":
    case "s":
      return "a time such as 30ms";
    case "bit/s":
      return "a rate such as 18Mbps";
    case "byte":
      return "a size such as 64KiB";
    case "%":
      return "a share such as 0.1%";
    default:
      return "a number such as 5";
  }
}

/** The unit that a bare number most likely is meant in. */
function exampleUnit(unit: FigureUnit): string | undefined {
  switch (unit) {
    case "us":
      return "ms";
    case "s":
      return "s";
    case "bit/s":
      return "Mbps";
    case "byte":
      return "B";
    default:
      return undefined;
  }
}
