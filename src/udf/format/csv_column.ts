import { type FieldMaps, quoted } from "./input_item.ts";
import { parseInt64 } from "./int64.ts";

/** What the values of a column are. */
export type ColumnType = "int" | "double" | "bool" | "string";

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

/** The cell without the spaces around it; "" where it holds no value, which is an empty cell or `null`. */
export function trimmedCell(cell: string): string {
  const trimmed = cell.trim();
  return trimmed.length === 4 && NULL.test(trimmed) ? "" : trimmed;
}

/** What a cell is by itself, without spaces around it. */
function typeOfCell(cell: string): ColumnType {
  if (INTEGER.test(cell)) return "int";
  if (DOUBLE.test(cell) || SPECIAL_DOUBLE.test(cell)) return "double";
  return BOOLEAN.test(cell) ? "bool" : "string";
}

/**
 * A column of fields, whose cells all have one type: that of all cells it has seen before {@linkcode decide}.
 *
 * Integers alone are int64, numbers doubles, `true` and `false` booleans, all else strings. Integers with leading zeros are
 * strings, since they are identifiers.
 */
export class FieldColumn {
  readonly #seen = new Map<ColumnType, Sight>();
  #type: ColumnType | undefined;

  constructor(readonly name: string) {}

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
   * Sets the field from a cell that has a value. After the decision, a column of integers becomes one of doubles by its first
   * double; any other cell of another type is a string.
   *
   * @returns why the cell cannot be used, or ""
   */
  set(fields: FieldMaps, cell: string): string {
    const { name } = this;
    if (this.#type === "string") {
      fields.setString(name, cell);
      return "";
    }
    const text = cell.trim();
    const own = typeOfCell(text);
    this.#type ??= own;
    if (own === "double" && this.#type === "int") this.#type = "double";
    if (own === "int" && this.#type === "int") {
      const value = parseInt64(text);
      if (value === undefined) return `the field ${quoted(name)} is out of the range of int64: ${quoted(text)}`;
      fields.setInt(name, value);
    } else if ((own === "int" || own === "double") && this.#type === "double") {
      const special = SPECIAL_DOUBLE.test(text);
      const value = special ? specialDouble(text) : Number(text);
      if (!special && !Number.isFinite(value)) {
        return `the field ${quoted(name)} is out of the range of doubles: ${quoted(text)}`;
      }
      fields.setDouble(name, value);
    } else if (own === "bool" && this.#type === "bool") {
      fields.setBool(name, text.length === "true".length);
    } else {
      fields.setString(name, cell);
    }
    return "";
  }
}

function specialDouble(text: string): number {
  if (/nan/i.test(text)) return NaN;
  return text.startsWith("-") ? -Infinity : Infinity;
}
