import type { ByteReader } from "../wire/byte_reader.ts";
import { readBoolEntry, readDoubleEntry, readIntEntry, readStringEntry } from "./map_field.ts";
import type { PointInit } from "./point_init.ts";

/**
 * Decodes all of a point, whatever its layout: fields may be out of order, repeated, unknown or not valid UTF-8.
 *
 * @param reader stands at the first field; the point fills it to its end
 * @throws {WireError} if the bytes are no Point
 */
export function decodeWhole(reader: ByteReader): PointInit {
  const point = {
    time: 0n,
    name: "",
    database: "",
    retentionPolicy: "",
    group: "",
    dimensions: new Array<string>(),
    tags: new Map<string, string>(),
    fieldsDouble: new Map<string, number>(),
    fieldsInt: new Map<string, bigint>(),
    fieldsString: new Map<string, string>(),
    byName: false,
    fieldsBool: new Map<string, boolean>(),
  };
  while (reader.position < reader.end) {
    const tag = reader.uint32();
    switch (tag) {
      case 0x08: // time
        point.time = reader.int64();
        break;
      case 0x12: // name
        point.name = reader.string();
        break;
      case 0x1a: // database
        point.database = reader.string();
        break;
      case 0x22: // retentionPolicy
        point.retentionPolicy = reader.string();
        break;
      case 0x2a: // group
        point.group = reader.string();
        break;
      case 0x32: // dimensions
        point.dimensions.push(reader.string());
        break;
      case 0x3a: // tags
        readStringEntry(reader, point.tags);
        break;
      case 0x42: // fieldsDouble
        readDoubleEntry(reader, point.fieldsDouble);
        break;
      case 0x4a: // fieldsInt
        readIntEntry(reader, point.fieldsInt);
        break;
      case 0x52: // fieldsString
        readStringEntry(reader, point.fieldsString);
        break;
      case 0x58: // byName
        point.byName = reader.bool();
        break;
      case 0x62: // fieldsBool
        readBoolEntry(reader, point.fieldsBool);
        break;
      default:
        reader.skip(tag);
    }
  }
  return point;
}
