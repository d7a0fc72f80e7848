import { terminalText } from "../../base/terminal_text.ts";
import { type FieldMaps, quoted } from "./input_item.ts";
import { parseInt64 } from "./int64.ts";

/** What the values of a column are. */
export type FieldColumnType = "int" | "double" | "bool" | "string";

/** What a person may declare a field to be: of a type, a tag, or left out. */
export type GivenType = FieldColumnType | "tag" | "ignore";

/** The words for {@linkcode GivenType}. */
export const GIVEN_TYPES: readonly GivenType[] = ["double", "int", "bool", "string", "tag", "ignore"];

/** The first cell of a kind, and its line. */
interface Sight {
  line: number;
  cell: string;
}

const INTEGER = /^-?(?:0|[1-9]\d*)$/;
const DOUBLE = /^-?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;
const SPECIAL_DOUBLE = /^(?:nan|[+-]?inf(?:inity)?)$/i;
const BOOLEAN = /^(?:true|false)$/i;
const NULL = /^null$/i;

/** Numbers where the type is known: with a plus sign or leading zeros too. */
const ANY_NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
/** Integers as programs write them that know doubles only. */
const INTEGRAL = /^([+-]?\d+)(?:\.0*)?$/;
const TRUE = /^(?:true|t|yes|y|1)$/i;
const FALSE = /^(?:false|f|no|n|0)$/i;

/** The cell without the spaces around it; "" where it holds no value, which is an empty cell or `null`. */
export function trimmedCell(cell: string): string {
  const trimmed = cell.trim();
  return trimmed.length === 4 && NULL.test(trimmed) ? "" : trimmed;
}

/** What a cell is by itself, without spaces around it. */
function typeOfCell(cell: string): FieldColumnType {
  if (INTEGER.test(cell)) return "int";
  if (DOUBLE.test(cell) || SPECIAL_DOUBLE.test(cell)) return "double";
  return BOOLEAN.test(cell) ? "bool" : "string";
}

/**
 * Sets a field of a known type from a cell that has a value. Spaces around numbers and booleans do not count.
 *
 * @returns why the cell cannot be used, or ""
 */
export function setTyped(fields: FieldMaps, name: string, type: FieldColumnType, cell: string): string {
  if (type === "string") {
    fields.setString(name, cell);
    return "";
  }
  const text = cell.trim();
  if (type === "int") {
    const integral = INTEGRAL.exec(text);
    if (integral === null) return `the field ${quoted(name)} is no integer: ${quoted(text)}`;
    const value = parseInt64(integral[1]);
    if (value === undefined) return `the field ${quoted(name)} is out of the range of int64: ${quoted(text)}`;
    fields.setInt(name, value);
  } else if (type === "double") {
    const special = SPECIAL_DOUBLE.test(text);
    if (!special && !ANY_NUMBER.test(text)) return `the field ${quoted(name)} is no number: ${quoted(text)}`;
    const value = special ? specialDouble(text) : Number(text);
    if (!special && !Number.isFinite(value)) {
      return `the field ${quoted(name)} is out of the range of doubles: ${quoted(text)}`;
    }
    fields.setDouble(name, value);
  } else if (TRUE.test(text) || FALSE.test(text)) {
    fields.setBool(name, TRUE.test(text));
  } else {
    return `the field ${quoted(name)} is no boolean: ${quoted(text)}`;
  }
  return "";
}

/**
 * A column of fields, whose cells all have one type: a given one, or that of all cells it has seen before
 * {@linkcode decide}.
 *
 * Integers alone are int64, numbers doubles, `true` and `false` booleans, all else strings. Integers with leading zeros
 * are strings, since they are identifiers.
 */
export class FieldColumn {
  readonly #seen = new Map<FieldColumnType, Sight>();
  readonly #given: FieldColumnType | undefined;
  #type: FieldColumnType | undefined;

  /** @param given the type, where it is known; a cell of another type then cannot be used */
  constructor(readonly name: string, given?: FieldColumnType) {
    this.#given = given;
  }

  /** The type of all cells; undefined until it is known. */
  get type(): FieldColumnType | undefined {
    return this.#given ?? this.#type;
  }

  /** Whether a cell of this type has been seen. */
  hasSeen(type: FieldColumnType): boolean {
    return this.#seen.has(type);
  }

  /** Takes a cell that has a value into account. */
  see(cell: string, line: number): void {
    const type = typeOfCell(cell.trim());
    if (!this.#seen.has(type)) this.#seen.set(type, { line, cell });
  }

  /**
   * Decides the type by the cells seen so far.
   *
   * @returns what is odd about it, for a person
   */
  decide(): string | undefined {
    if (this.#given !== undefined) return;
    const numbers = this.#seen.has("int") || this.#seen.has("double");
    const odd = this.#seen.get("string") ?? this.#seen.get("bool");
    if (odd === undefined) {
      if (numbers) this.#type = this.#seen.has("double") ? "double" : "int";
      return;
    }
    const [first] = this.#seen.keys();
    this.#type = this.#seen.size === 1 ? first : "string";
    if (this.#seen.size === 1) return;
    return `line ${odd.line}: the field ${quoted(this.name)} is a string in every row, since its column holds ` +
      `${quoted(odd.cell)} beside ${numbers ? "numbers" : "booleans"}`;
  }

  /**
   * Sets the field from a cell that has a value. After the decision, a column of integers becomes one of doubles by its
   * first double; any other cell of another type is a string.
   *
   * @returns why the cell cannot be used, or ""
   */
  set(fields: FieldMaps, cell: string): string {
    if (this.#given !== undefined) return setTyped(fields, this.name, this.#given, cell);
    if (this.#type === "string") return setTyped(fields, this.name, "string", cell);
    const own = typeOfCell(cell.trim());
    this.#type ??= own;
    if (own === "double" && this.#type === "int") this.#type = "double";
    const fits = own === this.#type || own === "int" && this.#type === "double";
    return setTyped(fields, this.name, fits ? this.#type : "string", cell);
  }
}

/** Columns whose types are decided; input may invent any number of names. */
const MAX_COLUMNS = 10_000;

/** The columns of fields of an input with several measurements: the type of a field is that within its measurement. */
export class FieldColumns {
  readonly #types: ReadonlyMap<string, GivenType>;
  readonly #warn: (message: string) => void;
  readonly #columns = new Map<string, FieldColumn>();
  readonly #unseen: Set<string>;

  /**
   * @param types what is given about fields
   * @param warn gets a sentence for each field whose type differs from most of its values, and for each given one that
   * does not occur
   */
  constructor(types: ReadonlyMap<string, GivenType>, warn: (message: string) => void) {
    this.#types = types;
    this.#warn = warn;
    this.#unseen = new Set(types.keys());
  }

  /** What is given about a field, which occurs herewith. */
  given(field: string): GivenType | undefined {
    if (this.#unseen.size > 0) this.#unseen.delete(field);
    return this.#types.get(field);
  }

  /** The column of a field. */
  of(measurement: string, field: string): FieldColumn {
    const key = `${measurement.length}:${measurement}${field}`;
    let column = this.#columns.get(key);
    if (column === undefined) {
      const type = this.given(field);
      column = new FieldColumn(field, type === "tag" || type === "ignore" ? undefined : type);
      if (this.#columns.size < MAX_COLUMNS) this.#columns.set(key, column);
    }
    return column;
  }

  /** Decides the types by what has been seen so far. */
  decide(): void {
    for (const column of this.#columns.values()) {
      const odd = column.decide();
      if (odd !== undefined) this.#warn(terminalText(odd));
    }
  }

  /** Complains of what is given and did not occur. */
  finish(): void {
    for (const field of this.#unseen) this.#warn(terminalText(unseenField(field, this.#types.get(field)!)));
  }
}

/** The message for a field whose type is given and that does not occur. */
export function unseenField(name: string, type: GivenType): string {
  const what = type === "ignore" ? "ignored" : `${type === "int" ? "an" : "a"} ${type}`;
  return `no point has the field ${quoted(name)}, which is given as ${what}`;
}

function specialDouble(text: string): number {
  if (/nan/i.test(text)) return NaN;
  return text.startsWith("-") ? -Infinity : Infinity;
}
