/** The fields of a point while it is read, by type. A name that comes again replaces what it was, of whatever type. */
export class FieldMaps {
  doubles: Map<string, number> | undefined;
  ints: Map<string, bigint> | undefined;
  strings: Map<string, string> | undefined;
  bools: Map<string, boolean> | undefined;

  setDouble(name: string, value: number): void {
    forget(name, this.ints, this.strings, this.bools);
    (this.doubles ??= new Map()).set(name, value);
  }

  setInt(name: string, value: bigint): void {
    forget(name, this.doubles, this.strings, this.bools);
    (this.ints ??= new Map()).set(name, value);
  }

  setString(name: string, value: string): void {
    forget(name, this.doubles, this.ints, this.bools);
    (this.strings ??= new Map()).set(name, value);
  }

  setBool(name: string, value: boolean): void {
    forget(name, this.doubles, this.ints, this.strings);
    (this.bools ??= new Map()).set(name, value);
  }
}

type AnyMap = Map<string, unknown> | undefined;

function forget(name: string, one: AnyMap, two: AnyMap, three: AnyMap): void {
  one?.delete(name);
  two?.delete(name);
  three?.delete(name);
}
