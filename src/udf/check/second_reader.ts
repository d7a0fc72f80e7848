import UDF_PROTO from "../../../proto/udf.proto" with { type: "text" };
import { messageOf } from "../../base/errors.ts";
import { ByteReader } from "../../wire/byte_reader.ts";
import { previewBytes } from "../../wire/frame_reader.ts";
import { ProtobufReader, type ProtoMessage, type ProtoValue } from "../../wire/protobuf_reader.ts";
import { EDGE_TYPES, type Response, VALUE_TYPES } from "../messages.ts";

/** Values that are compared are cut to this length in messages. */
const MAX_VALUE_LENGTH = 200;

/**
 * Reads responses with protobufjs by proto/udf.proto, and compares what they hold with what our own codec has read.
 *
 * Keys `__proto__` count, int64 are exact, and all NaN are alike. Text that is not UTF-8 is refused by protobufjs, as
 * by Kapacitor, while our codec replaces it: do not compare such responses.
 *
 * @example
 * ```ts
 * import { SecondReader } from "./second_reader.ts";
 * const reader = new SecondReader();
 * const bytes = new Uint8Array([0x1a, 2, 0x08, 5]); // a keepalive
 * console.assert(reader.difference({ kind: "keepalive", time: 5n }, bytes) === undefined);
 * console.assert(reader.difference({ kind: "keepalive", time: 6n }, bytes) === "keepalive.time is 6 to tine and 5 to protobufjs");
 * ```
 */
export class SecondReader {
  readonly #reader = new ProtobufReader(UDF_PROTO);

  /**
   * Returns the first difference between the two readings of a response, as a clause; undefined if there is none.
   *
   * @param response as our codec has decoded it
   * @param bytes the response, encoded, without its length
   */
  difference(response: Response, bytes: Uint8Array): string | undefined {
    let members: ProtoMessage;
    try {
      members = this.#reader.read("agent.Response", bytes);
    } catch (error) {
      return `tine reads ${response.kind} where protobufjs refuses the message: ${messageOf(error)}`;
    }
    const [kind = "empty"] = Object.keys(members);
    if (kind !== response.kind) return `the response is ${response.kind} to tine and ${kind} to protobufjs`;
    const difference = kind === "empty" ? undefined : firstDifference(kind, contentOf(response), members[kind]);
    if (difference !== undefined) return difference;
    // By the encoding of protobuf they are joined; decoders of Go before its second API take the last one.
    return isRepeated(bytes) ? `${kind} comes in parts, which some decoders join and others do not` : undefined;
  }
}

/** Whether a member of a response comes more than once. */
function isRepeated(bytes: Uint8Array): boolean {
  const reader = new ByteReader().reset(bytes);
  const seen = new Set<number>();
  while (reader.position < reader.end) {
    const tag = reader.uint32();
    if (seen.has(tag)) return true;
    seen.add(tag);
    reader.skip(tag);
  }
  return false;
}

/** Returns what a response holds, under the names of proto/udf.proto. */
function contentOf(response: Response): ProtoValue {
  switch (response.kind) {
    case "info": {
      const { wants, provides, options } = response.info;
      const edge = (type: typeof wants) => ["STREAM", "BATCH"][EDGE_TYPES.indexOf(type)];
      const types = ["BOOL", "INT", "DOUBLE", "STRING", "DURATION"];
      const infos = Array.from(options, ([name, given]): [string, ProtoValue] => {
        return [name, { valueTypes: given.map((type) => types[VALUE_TYPES.indexOf(type)]) }];
      });
      return { wants: edge(wants), provides: edge(provides), options: new Map(infos) };
    }
    case "init":
    case "restore":
      return { ...response.outcome };
    case "keepalive":
      return { time: response.time };
    case "snapshot":
      return { snapshot: response.snapshot };
    case "error":
      return { error: response.error };
    case "begin":
      return { ...response.begin };
    case "end":
      return { ...response.end };
    case "point": {
      const { time, name, database, retentionPolicy, group, dimensions, tags, byName } = response.point;
      const { fieldsDouble, fieldsInt, fieldsString, fieldsBool } = response.point;
      const fields = { fieldsDouble, fieldsInt, fieldsString, fieldsBool };
      return { time, name, database, retentionPolicy, group, dimensions, tags, byName, ...fields };
    }
    case "empty":
      return {};
  }
}

/** Compares two values, ours and that of protobufjs, in depth. */
function firstDifference(
  place: string,
  ours: ProtoValue | undefined,
  other: ProtoValue | undefined,
): string | undefined {
  const left = parts(ours), right = parts(other);
  if (left === undefined || right === undefined) {
    if (Object.is(ours, other) || isSameBytes(ours, other)) return undefined;
    return `${place} is ${shown(ours)} to tine and ${shown(other)} to protobufjs`;
  }
  for (const key of new Set([...left.keys(), ...right.keys()])) {
    const inner = ours instanceof Map ? `${place}[${JSON.stringify(key)}]` : `${place}.${key}`;
    const difference = firstDifference(inner, left.get(key), right.get(key));
    if (difference !== undefined) return difference;
  }
}

/** Returns the parts of a value by name, key or index; undefined for a value without parts. */
function parts(value: ProtoValue | undefined): ReadonlyMap<string, ProtoValue> | undefined {
  if (typeof value !== "object" || value instanceof Uint8Array) return undefined;
  return value instanceof Map ? value : new Map(Object.entries(value));
}

function isSameBytes(ours: ProtoValue | undefined, other: ProtoValue | undefined): boolean {
  return ours instanceof Uint8Array && other instanceof Uint8Array && ours.length === other.length &&
    ours.every((byte, i) => byte === other[i]);
}

function shown(value: ProtoValue | undefined): string {
  if (value === undefined) return "absent";
  if (value instanceof Uint8Array) return previewBytes(value.subarray(0, MAX_VALUE_LENGTH));
  if (typeof value === "object") return "present";
  const text = typeof value === "string" ? JSON.stringify(value) : Object.is(value, -0) ? "-0" : String(value);
  return text.length > MAX_VALUE_LENGTH ? `${text.slice(0, MAX_VALUE_LENGTH)}...` : text;
}
