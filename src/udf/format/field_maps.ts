/**
 * The fields of a point while it is read, by type. A name that comes again replaces what it was, whatever the types are, as in
 * InfluxDB and Telegraf.
 */
export class FieldMaps {
  doubles: Map<string, number> | undefined = undefined;
  ints: Map<string, bigint> | undefined = undefined;
  strings: Map<string, string> | undefined = undefined;
  bools: Map<string, boolean> | undefined = undefined;

  setDouble(name: string, value: number): void {
    this.delete(name);
    (this.doubles ??= new Map()).set(name, value);
  }

  setInt(name: string, value: bigint): void {
    this.delete(name);
    (this.ints ??= new Map()).set(name, value);
  }

  setString(name: string, value: string): void {
    this.delete(name);
    (this.strings ??= new Map()).set(name, value);
  }

  setBool(name: string, value: boolean): void {
    this.delete(name);
    (this.bools ??= new Map()).set(name, value);
  }

  delete(name: string): void {
    this.doubles?.delete(name);
    this.ints?.delete(name);
    this.strings?.delete(name);
    this.bools?.delete(name);
  }
}
