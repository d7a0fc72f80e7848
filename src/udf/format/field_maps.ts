/**
 * The fields of a point while it is read, by type. A name that comes again replaces what it was, if the type is the
 * same; else both stay, and {@linkcode Point.field} says which counts.
 */
export class FieldMaps {
  doubles: Map<string, number> | undefined = undefined;
  ints: Map<string, bigint> | undefined = undefined;
  strings: Map<string, string> | undefined = undefined;
  bools: Map<string, boolean> | undefined = undefined;

  setDouble(name: string, value: number): void {
    (this.doubles ??= new Map()).set(name, value);
  }

  setInt(name: string, value: bigint): void {
    (this.ints ??= new Map()).set(name, value);
  }

  setString(name: string, value: string): void {
    (this.strings ??= new Map()).set(name, value);
  }

  setBool(name: string, value: boolean): void {
    (this.bools ??= new Map()).set(name, value);
  }
}
