/**
 * How properties of reports stand among numbers by name: each is declared once, for writing and for reading.
 *
 * @module
 */
import { TineError } from "../base/errors.ts";

/** A report as numbers by name. */
export type ReportValues = Readonly<Record<string, number>>;

/** How a property of a report is written as numbers, and read from them. */
export interface Field<V> {
  write(values: Record<string, number>, value: V): void;
  /** @throws {TineError} `bad-report`, if it is missing or has a value that it cannot have */
  read(values: ReportValues): V;
  /** Whether numbers have it. */
  isIn(values: ReportValues): boolean;
}

/** All properties of a report, or of a part of one, in the order in which their numbers are written. */
export type Fields<T> = { readonly [K in keyof T]-?: Field<T[K]> };

/** Declares a number that is finite. */
export function number(name: string): Field<number> {
  return {
    write: (values, value) => void (values[name] = value),
    read(values) {
      const value = values[name];
      if (value === undefined) throw bad(`has no ${name}`);
      if (!Number.isFinite(value)) throw bad(`has ${name} = ${value}, expected a finite number`);
      return value;
    },
    isIn: (values) => name in values,
  };
}

/** Declares a number that is not below 0. */
export function count(name: string): Field<number> {
  const field = number(name);
  return {
    ...field,
    read(values) {
      const value = field.read(values);
      if (value >= 0) return value;
      throw bad(`has ${name} = ${value}, expected 0 or more`);
    },
  };
}

/** Declares a number that is 1 for true and 0 for false, also where it is left out. */
export function flag(name: string): Field<boolean> {
  return {
    write: (values, value) => void (values[name] = value ? 1 : 0),
    read(values) {
      const value = values[name] ?? 0;
      if (value === 0 || value === 1) return value === 1;
      throw bad(`has ${name} = ${value}, expected 0 or 1`);
    },
    isIn: (values) => name in values,
  };
}

/** Declares a property that has the same value in all reports of a kind, which some numbers stand for. */
export function constant<V>(value: V, numbers: ReportValues = {}): Field<V> {
  return { write: (values) => void Object.assign(values, numbers), read: () => value, isIn: () => true };
}

/** Declares a property that may be absent. */
export function optional<V>(field: Field<V>): Field<V | undefined> {
  return {
    write(values, value) {
      if (value !== undefined) field.write(values, value);
    },
    read: (values) => field.isIn(values) ? field.read(values) : undefined,
    isIn: () => true,
  };
}

/** Declares a count that earlier versions do not write, and that was 0 then. */
export function newer(name: string): Field<number> {
  const field = count(name);
  return { ...field, read: (values) => field.isIn(values) ? field.read(values) : 0 };
}

/** Declares a property that is an object, or a report; numbers have it if they have its first property. */
export function object<T extends object>(fields: Fields<T>): Field<T> {
  const all = Object.entries(fields) as [keyof T, Field<T[keyof T]>][];
  return {
    write(values, value) {
      for (const [key, field] of all) field.write(values, value[key]);
    },
    read(values) {
      const object: Partial<T> = {};
      for (const [key, field] of all) {
        const value = field.read(values);
        if (value !== undefined) object[key] = value;
      }
      return object as T;
    },
    isIn: (values) => all[0][1].isIn(values),
  };
}

/** Declares several properties alike. */
export function alike<K extends string, V>(names: readonly K[], field: (name: K) => Field<V>): Record<K, Field<V>> {
  return Object.fromEntries(names.map((name) => [name, field(name)])) as Record<K, Field<V>>;
}

/** Makes the error of a report that is none. */
export function bad(what: string): TineError {
  return new TineError("bad-report", `the report of a flow ${what}`);
}
