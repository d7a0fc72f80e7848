import type { ByteWriter } from "../wire/byte_writer.ts";
import { type MapType, writeEntry } from "./map_field.ts";
import type { FieldValue } from "./udf_types.ts";
export type { FieldValue, PointInit } from "./udf_types.ts";

/** Fields of all types with their values. A map for each type costs more than a list of one. */
export type FieldList = readonly (readonly [string, FieldValue])[];

/** The maps of the protocol, one for each type, that say the same. */
export interface FieldMaps {
  doubles: Map<string, number>;
  ints: Map<string, bigint>;
  strings: Map<string, string>;
  bools: Map<string, boolean>;
}

/** Puts each field into the map of its type: numbers are doubles, bigints int64. */
export function mapsOf(fields: FieldList): FieldMaps {
  const maps: FieldMaps = { doubles: new Map(), ints: new Map(), strings: new Map(), bools: new Map() };
  for (const [name, value] of fields) {
    if (typeof value === "number") maps.doubles.set(name, value);
    else if (typeof value === "bigint") maps.ints.set(name, value);
    else if (typeof value === "string") maps.strings.set(name, value);
    else maps.bools.set(name, value);
  }
  return maps;
}

/** Writes the fields of one type as entries of the map with this tag. */
export function writeOfType(writer: ByteWriter, tag: number, type: MapType, fields: FieldList): void {
  for (let i = 0; i < fields.length; i++) {
    const value = fields[i][1];
    const given = typeof value;
    if (given === type) writeEntry(writer, tag, fields[i][0], value);
  }
}
