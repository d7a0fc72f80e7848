import type { Point } from "../point.ts";
import { type GivenType, setTyped } from "./field_column.ts";
import { badLine, FieldMaps, type InputItem } from "./input_item.ts";

/**
 * Converts fields of points to given types, for formats that write a type with each value.
 *
 * @example
 * ```ts
 * import { Point } from "../point.ts";
 * import { FieldCast } from "./cast_fields.ts";
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
