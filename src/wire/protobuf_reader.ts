import protobuf from "protobufjs";
import { messageOf, WireError } from "../base/errors.ts";
import { ByteReader, WireType } from "./byte_reader.ts";

/** A message that protobufjs has read: its fields by name. */
export interface ProtoMessage {
  readonly [field: string]: ProtoValue;
}

/** A value of a message: int64 is bigint, enums are names (unknown ones numbers), maps are Map. */
export type ProtoValue =
  | string
  | number
  | bigint
  | boolean
  | Uint8Array
  | ProtoMessage
  | readonly ProtoValue[]
  | ReadonlyMap<string, ProtoValue>;

/** How the value of a field is stored. */
export type WireTypeName = "varint" | "fixed64" | "bytes" | "group" | "fixed32";

/** A field as it lies on the wire. */
export interface WireField {
  readonly number: number;
  readonly wireType: WireTypeName;
  /** The name in the schema; absent where the schema does not know this number with this wire type. */
  readonly name?: string;
  /**
   * The value by its type in the schema; fields of a message or group. Of unknown fields the bytes, or the bits as an
   * unsigned number.
   */
  readonly value: string | number | bigint | boolean | Uint8Array | readonly WireField[];
}

/** What a walk over a message has found. */
export interface WireWalk {
  /** All fields in their order, up to the first byte that is no protobuf. */
  readonly fields: readonly WireField[];
  /** What is wrong with the bytes from there on. */
  readonly error?: string;
}

/**
 * Reads messages of a .proto file with protobufjs, independently of the codecs by hand: to compare, and to look at any
 * message. It is slow, and loading it takes 30 ms: hot paths and other commands do without.
 *
 * protobufjs loses the entry of a map whose key is `__proto__`. Here it reads maps as lists of entries, which are the
 * same on the wire, so that each entry counts.
 *
 * @example
 * ```ts
 * import { ProtobufReader } from "./protobuf_reader.ts";
 * const reader = new ProtobufReader('syntax = "proto3"; message M { map<string, int64> counts = 1; }');
 * const bytes = new Uint8Array([0x0a, 5, 0x0a, 1, 0x61, 0x10, 7]);
 * const { counts } = reader.read("M", bytes);
 * console.assert(counts instanceof Map && counts.get("a") === 7n);
 * console.assert(reader.walk("M", bytes).fields[0].name === "counts");
 * ```
 */
export class ProtobufReader {
  readonly #root: protobuf.Root;
  readonly #maps = new Set<protobuf.Field>();

  /** @param schema the text of a .proto file that imports no other */
  constructor(schema: string) {
    ({ root: this.#root } = protobuf.parse(schema, { keepCase: true }));
    this.#listMaps(this.#root);
    this.#root.resolveAll();
  }

  /**
   * Reads a message with protobufjs. Fields that the schema does not know are skipped.
   *
   * @param type the full name of its type, such as `agent.Response`
   * @param options `defaults`: whether fields that are absent are there with their defaults; default true
   * @throws {WireError} `protobufjs`, where protobufjs refuses the bytes
   */
  read(type: string, bytes: Uint8Array, { defaults = true } = {}): ProtoMessage {
    const found = this.#root.lookupType(type);
    let decoded: protobuf.Message;
    try {
      decoded = found.decode(bytes);
    } catch (error) {
      throw new WireError("protobufjs", messageOf(error), { cause: error });
    }
    return this.#message(found, found.toObject(decoded, { longs: String, enums: String, defaults }));
  }

  /**
   * Walks over the fields of a message as they lie on the wire, unknown ones included.
   *
   * @param type the full name of its type; absent: nothing is known about the message
   */
  walk(type: string | undefined, bytes: Uint8Array): WireWalk {
    const fields: WireField[] = [];
    try {
      this.#walk(type === undefined ? undefined : this.#root.lookupType(type), new ByteReader().reset(bytes), fields);
      return { fields };
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      return { fields, error: error.message };
    }
  }

  /** Makes each map of the schema a list of entries. */
  #listMaps(namespace: protobuf.NamespaceBase): void {
    for (const nested of namespace.nestedArray) {
      if (nested instanceof protobuf.Type) {
        for (const field of nested.fieldsArray) {
          if (!(field instanceof protobuf.MapField)) continue;
          const entry = new protobuf.Type(`${field.name}Entry`)
            .add(new protobuf.Field("key", 1, field.keyType))
            .add(new protobuf.Field("value", 2, field.type));
          const list = new protobuf.Field(field.name, field.id, entry.name, "repeated");
          nested.remove(field).add(entry).add(list);
          this.#maps.add(list);
        }
      }
      if (nested instanceof protobuf.Namespace) this.#listMaps(nested);
    }
  }

  #message(type: protobuf.Type, plain: Record<string, unknown>): ProtoMessage {
    const message: Record<string, ProtoValue> = Object.create(null);
    for (const field of type.fieldsArray) {
      const value = plain[field.name];
      if (value === undefined || value === null) continue;
      if (this.#maps.has(field)) {
        const entries = (value as Record<string, unknown>[]).map((entry) => this.#message(messageType(field)!, entry));
        // Of several entries of a key the last one counts.
        message[field.name] = new Map(entries.map((entry) => [String(entry.key), entry.value]));
      } else if (field.repeated) {
        message[field.name] = (value as unknown[]).map((item) => this.#value(field, item));
      } else {
        message[field.name] = this.#value(field, value);
      }
    }
    return message;
  }

  #value(field: protobuf.Field, value: unknown): ProtoValue {
    const type = messageType(field);
    if (type !== undefined) return this.#message(type, value as Record<string, unknown>);
    if (INT64_TYPES.has(field.type)) return BigInt(value as string);
    return field.type === "bytes" ? new Uint8Array(value as Uint8Array) : value as ProtoValue;
  }

  /** Appends the fields from the reader's position to its end, or to the end of the group of this number. */
  #walk(type: protobuf.Type | undefined, reader: ByteReader, fields: WireField[], group = 0): void {
    while (reader.position < reader.end) {
      const tag = reader.uint32();
      const number = tag >>> 3;
      if (group > 0 && (tag & 7) === WireType.END_GROUP) return;
      if (number === 0) throw new WireError("bad-field", "a protobuf field has the number 0");
      const known = type?.fieldsById[number];
      const field = known !== undefined && takes(known, tag & 7) ? known : undefined;
      const add = (wireType: WireTypeName, value: WireField["value"]) =>
        fields.push(field === undefined ? { number, wireType, value } : { number, wireType, name: field.name, value });
      switch (tag & 7) {
        case WireType.VARINT:
          add("varint", varintValue(field, reader.int64()));
          break;
        case WireType.FIXED64:
          add("fixed64", fixed64Value(field, take(reader, tag)));
          break;
        case WireType.FIXED32:
          add("fixed32", take(reader, tag).getUint32(0, true));
          break;
        case WireType.BYTES: {
          const outer = reader.end;
          const end = reader.delimited();
          const bytes = reader.bytes.subarray(reader.position, end);
          const inner = field === undefined ? undefined : messageType(field);
          if (inner !== undefined) {
            const nested: WireField[] = [];
            add("bytes", nested);
            reader.end = end;
            this.#walk(inner, reader, nested);
          } else if (field !== undefined && field.type !== "string" && field.type !== "bytes") {
            reader.end = end;
            const packed: WireField[] = [];
            add("bytes", packed);
            while (reader.position < end) {
              packed.push({ number, wireType: "varint", name: field.name, value: varintValue(field, reader.int64()) });
            }
          } else add("bytes", field?.type === "string" ? new TextDecoder().decode(bytes) : bytes);
          reader.position = end;
          reader.end = outer;
          break;
        }
        case WireType.START_GROUP: {
          // Skipping it first checks that it ends, and how deep it nests.
          const start = reader.position;
          reader.skip(tag);
          reader.position = start;
          const nested: WireField[] = [];
          add("group", nested);
          this.#walk(undefined, reader, nested, number);
          break;
        }
        default:
          reader.skip(tag); // throws: such a tag begins no field
      }
    }
  }
}

const INT64_TYPES: ReadonlySet<string> = new Set(["int64", "uint64", "sint64", "fixed64", "sfixed64"]);

/** Returns the type of a field that holds a message. */
function messageType(field: protobuf.Field): protobuf.Type | undefined {
  return field.resolvedType instanceof protobuf.Type ? field.resolvedType : undefined;
}

/** Whether a field is stored with this wire type; lists of numbers may be packed. */
function takes(field: protobuf.Field, wireType: number): boolean {
  const own = field.resolvedType instanceof protobuf.Enum
    ? WireType.VARINT
    : protobuf.types.basic[field.type as keyof typeof protobuf.types.basic] ?? WireType.BYTES;
  return wireType === own || wireType === WireType.BYTES && field.repeated && own === WireType.VARINT;
}

/** Returns a varint by the type of its field; unsigned where the field is unknown. */
function varintValue(field: protobuf.Field | undefined, value: bigint): WireField["value"] {
  if (field === undefined || field.type === "uint64") return BigInt.asUintN(64, value);
  if (field.type === "bool") return value !== 0n;
  if (!(field.resolvedType instanceof protobuf.Enum)) return value;
  return field.resolvedType.valuesById[Number(value)] ?? value;
}

/** Returns 64 bits by the type of their field; unsigned where the field is unknown. */
function fixed64Value(field: protobuf.Field | undefined, view: DataView): WireField["value"] {
  if (field?.type === "double") return view.getFloat64(0, true);
  return field?.type === "sfixed64" ? view.getBigInt64(0, true) : view.getBigUint64(0, true);
}

/** Steps over a value of fixed length. */
function take(reader: ByteReader, tag: number): DataView {
  const start = reader.view.byteOffset + reader.position;
  reader.skip(tag);
  return new DataView(reader.bytes.buffer, start);
}
