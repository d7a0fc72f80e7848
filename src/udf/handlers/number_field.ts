import { formatCount } from "../../base/units.ts";
import type { Point } from "../udf_types.ts";

/** Reads a field of points as a number. Reports the first point that has none on stderr, and counts them all. */
export class NumberField {
  readonly #handler: string;
  /** Its name; empty before init. */
  readonly name: string;
  #dropped = 0;

  /** @param handler its name, for messages */
  constructor(handler: string, name: string) {
    this.#handler = handler;
    this.name = name;
  }

  /** Returns the value, also one that is NaN or infinite; undefined where there is no number. */
  read(point: Point): number | undefined {
    const value = point.field(this.name);
    if (typeof value === "number") return value;
    if (typeof value === "bigint") return Number(value);
    this.#drop(point);
  }

  /** Returns a finite value, never -0; undefined where there is none. */
  readFinite(point: Point): number | undefined {
    const value = this.read(point);
    if (value === undefined || Number.isFinite(value)) return value === undefined ? undefined : value + 0;
    this.#drop(point);
  }

  /** Returns a finite value of at least `least`, an integer without a loss; undefined where there is none. */
  readExact(point: Point, least = -Infinity): number | bigint | undefined {
    const value = point.field(this.name);
    const isFit = typeof value === "bigint" || typeof value === "number" && Number.isFinite(value);
    if (isFit && value >= least) return value;
    this.#drop(point);
  }

  /** Reports on stderr how many points had no number. */
  report(): void {
    if (this.#dropped === 0) return;
    console.error(
      `${this.#handler}: dropped ${formatCount(this.#dropped, "point")} without a number in the field ${this.name}`,
    );
  }

  /** At the first one: a misspelled field should not show only when the task ends. */
  #drop(point: Point): void {
    if (this.#dropped++ > 0) return;
    const quoted = (name: string) => JSON.stringify(name);
    const value = point.field(this.name);
    const fields = Array.from(point.fields(), ([name]) => name);
    const reason = value === undefined
      ? `no field ${quoted(this.name)}${fields.length > 0 ? `, only ${fields.map(quoted).join(", ")}` : ""}`
      : typeof value === "number" || typeof value === "bigint"
      ? `${value} in the field ${quoted(this.name)}`
      : `a field ${quoted(this.name)} that is no number`;
    console.error(`${this.#handler}: a point of ${quoted(point.name)} has ${reason}; such points are dropped`);
  }
}
