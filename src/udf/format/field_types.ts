import type { Point } from "../point.ts";
import { terminalText } from "../../base/terminal_text.ts";
import { type GivenType, setTyped } from "./field_column.ts";
import { badLine, FieldMaps, type InputItem, type PointShape, quoted } from "./input_item.ts";

/** Fields whose types are watched; input may invent any number of names. */
const MAX_FIELDS = 10_000;

type FieldType = "an int64" | "a double" | "a string" | "a boolean";

/**
 * Watches the types of fields. InfluxDB fixes them for each measurement, and most UDFs rely on that.
 *
 * @example
 * ```ts
 * import { Point } from "../point.ts";
 * import { FieldTypes } from "./field_types.ts";
 * const types = new FieldTypes(console.warn);
 * types.watch([{ kind: "point", line: 1, point: new Point({ name: "cpu", fieldsDouble: new Map([["usage", 99.5]]) }) }]);
 * types.watch([{ kind: "point", line: 2, point: new Point({ name: "cpu", fieldsInt: new Map([["usage", 98n]]) }) }]); // warns
 * ```
 */
export class FieldTypes {
  readonly #warn: (message: string) => void;
  readonly #measurements = new Map<string, Map<string, FieldType>>();
  /** Fields that have changed, by measurement: one sentence for each is enough. */
  readonly #changed = new Map<string, Set<string>>();
  readonly #shapes = new WeakSet<PointShape>();
  #count = 0;

  /** @param warn gets a sentence with line, field and types at the first change of each field */
  constructor(warn: (message: string) => void) {
    this.#warn = warn;
  }

  /**
   * Looks at the points among the items. The name of a batch is not known to its points: they count as one measurement.
   */
  watch(items: readonly InputItem[]): void {
    for (const item of items) {
      if (item.kind !== "point") continue;
      const { point, line, shape } = item;
      if (shape === undefined) {
        this.#point(point, line);
      } else if (!this.#shapes.has(shape)) {
        // The second point of a shape has nothing that the first has not.
        this.#shapes.add(shape);
        this.#point(point, line);
      }
    }
  }

  #point({ name, fieldsDouble, fieldsInt, fieldsString, fieldsBool }: Point, line: number): void {
    let types = this.#measurements.get(name);
    if (types === undefined) this.#measurements.set(name, types = new Map());
    for (const field of fieldsDouble.keys()) this.#field(name, types, field, "a double", line);
    for (const field of fieldsInt.keys()) this.#field(name, types, field, "an int64", line);
    for (const field of fieldsString.keys()) this.#field(name, types, field, "a string", line);
    for (const field of fieldsBool.keys()) this.#field(name, types, field, "a boolean", line);
  }

  #field(name: string, types: Map<string, FieldType>, field: string, type: FieldType, line: number): void {
    const before = types.get(field);
    if (before === type) return;
    if (before === undefined) {
      if (this.#count++ < MAX_FIELDS) types.set(field, type);
      return;
    }
    let changed = this.#changed.get(name);
    if (changed === undefined) this.#changed.set(name, changed = new Set());
    if (changed.has(field)) return;
    changed.add(field);
    const of = name === "" ? "" : ` of ${quoted(name)}`;
    this.#warn(terminalText(
      `line ${line}: the field ${quoted(field)}${of} is ${type} and was ${before} before; ` +
        "further changes of this field are not reported",
    ));
  }
}

/**
 * Converts fields of points to given types, for formats that write a type with each value.
 *
 * @example
 * ```ts
 * import { Point } from "../point.ts";
 * import { FieldCast } from "./field_types.ts";
 * const point = new Point({ name: "cpu", fieldsInt: new Map([["usage", 98n]]) });
 * new FieldCast(new Map([["usage", "double"]])).apply([{ kind: "point", line: 1, point }]);
 * console.assert(point.field("usage") === 98);
 * ```
 */
export class FieldCast {
  readonly #types: ReadonlyMap<string, GivenType>;
  readonly #unseen: Set<string>;

  /** @param types of fields by name */
  constructor(types: ReadonlyMap<string, GivenType>) {
    this.#types = types;
    this.#unseen = new Set(types.keys());
  }

  /** The names that no point has had. */
  get unseen(): readonly string[] {
    return [...this.#unseen];
  }

  /** Converts the points among the items in place. A point with a value that cannot be converted becomes a bad line. */
  apply(items: InputItem[]): void {
    for (const [i, item] of items.entries()) {
      if (item.kind !== "point") continue;
      const reason = this.#convert(item.point);
      if (reason !== "") items[i] = badLine(item.line, reason, item.point.name);
    }
  }

  #convert(point: Point): string {
    for (const [name, type] of this.#types) {
      const value = point.field(name);
      if (value === undefined) {
        if ((type === "tag" || type === "ignore") && point.tags.has(name)) {
          this.#unseen.delete(name);
          if (type === "ignore") point.tags.delete(name);
        }
        continue;
      }
      this.#unseen.delete(name);
      const fields = new FieldMaps();
      fields.fieldsDouble = point.fieldsDouble;
      fields.fieldsInt = point.fieldsInt;
      fields.fieldsString = point.fieldsString;
      fields.fieldsBool = point.fieldsBool;
      fields.delete(name);
      if (type === "ignore") continue;
      const text = String(value);
      if (type === "tag") {
        point.tags.set(name, text);
        continue;
      }
      const reason = setTyped(fields, name, type, text);
      if (reason !== "") return reason;
    }
    return "";
  }
}
