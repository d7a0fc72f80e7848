import NODE_PROTO from "../../../proto/node.proto" with { type: "text" };
import UDF_PROTO from "../../../proto/udf.proto" with { type: "text" };
import { messageOf, WireError } from "../../base/errors.ts";
import { previewBytes } from "../../wire/frame_reader.ts";
import { ProtobufReader, type ProtoMessage, type ProtoValue, type WireField } from "../../wire/protobuf_reader.ts";

/** Bytes of a byte string that are looked at for its preview. */
const PREVIEW_BYTES = 200;

/** A message as protobufjs reads it, and as it lies on the wire. */
export interface RawMessage {
  /** The name of its type in the schema. */
  readonly type: string;
  readonly bytes: number;
  /** What protobufjs reads, without fields that are absent; or why it refuses the message. */
  readonly message: ProtoMessage | { readonly refused: string };
  readonly fields: readonly WireField[];
  /** Why the bytes behind the last of the fields are no protobuf. */
  readonly error?: string;
  /** What the payload of a frame holds: a message, or JSON. */
  readonly payload?: RawMessage | string;
}

/** What the payload of frames of some kinds is, by the name of the kind in node.proto; that of most others is JSON. */
const PAYLOADS: Readonly<Record<string, string>> = { LOG: "LogEntry", LOGS: "LogEntries" };

/**
 * Reads any message of udf.proto and node.proto, by protobufjs and by a walk over its bytes.
 *
 * @example
 * ```ts
 * import { RawMessages } from "./raw_messages.ts";
 * const { fields } = new RawMessages().udf("Request", new Uint8Array([0xc0, 0x3e, 7]));
 * console.assert(fields[0].number === 1000 && fields[0].value === 7n && fields[0].name === undefined);
 * ```
 */
export class RawMessages {
  readonly #udf = new ProtobufReader(UDF_PROTO);
  readonly #node = new ProtobufReader(NODE_PROTO);

  /** Reads a message between a host and a UDF. */
  udf(type: "Request" | "Response", bytes: Uint8Array): RawMessage {
    return readRaw(this.#udf, "agent", type, bytes);
  }

  /** Reads a frame between nodes, and its payload where that is a message or JSON. */
  frame(bytes: Uint8Array): RawMessage {
    const frame = readRaw(this.#node, "tine.node", "Frame", bytes);
    const { kind, payload } = frame.message as ProtoMessage;
    if (!(payload instanceof Uint8Array) || payload.length === 0) return frame;
    const type = PAYLOADS[String(kind)];
    if (type !== undefined) return { ...frame, payload: readRaw(this.#node, "tine.node", type, payload) };
    const json = jsonIn(payload);
    return json === undefined ? frame : { ...frame, payload: json };
  }
}

function readRaw(reader: ProtobufReader, scope: string, type: string, bytes: Uint8Array): RawMessage {
  let message: RawMessage["message"];
  try {
    message = reader.read(`${scope}.${type}`, bytes, { defaults: false });
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    message = { refused: messageOf(error) };
  }
  return { type, bytes: bytes.length, message, ...reader.walk(`${scope}.${type}`, bytes) };
}

/** Returns a payload as JSON on one line; undefined where it is not JSON. */
function jsonIn(payload: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(payload);
    JSON.parse(text);
    return text.replaceAll(/[\r\n]+/g, " "); // integers of 64 bits stay
  } catch {
    return undefined; // bytes of a file, samples
  }
}

/**
 * Returns a message for people: what protobufjs reads, then a line for each field, inner fields indented.
 *
 * @returns lines that may hold anything but line breaks
 */
export function rawLines({ type, bytes, message, fields, error, payload }: RawMessage): string[] {
  const lines = [`${type}, ${bytes} bytes: ${"refused" in message ? refusal(message.refused) : rawJson(message)}`];
  fieldLines(fields, "  ", lines);
  if (error !== undefined) lines.push(`  (no protobuf from here on: ${error})`);
  if (typeof payload === "string") lines.push(`  payload, JSON: ${payload}`);
  else if (payload !== undefined) {
    const [first, ...rest] = rawLines(payload);
    lines.push(`  payload, ${first}`, ...rest.map((line) => `  ${line}`));
  }
  return lines;
}

function refusal(reason: unknown): string {
  return `(refused by protobufjs: ${reason})`;
}

function fieldLines(fields: readonly WireField[], indent: string, lines: string[]): void {
  for (const { number, name = "(unknown)", wireType, value } of fields) {
    const head = `${indent}${number} ${name}, ${wireType}`;
    if (Array.isArray(value)) {
      lines.push(head);
      fieldLines(value, `${indent}  `, lines);
    } else lines.push(`${head}: ${value instanceof Uint8Array ? bytesText(value) : rawJson(value as ProtoValue)}`);
  }
}

/** Returns a message as JSON on one line, with its fields as they lie on the wire. */
export function rawMessageJson({ type, bytes, message, fields, error, payload }: RawMessage): string {
  const parts = [
    `"type":"${type}"`,
    `"bytes":${bytes}`,
    `"message":${rawJson(message)}`,
    `"fields":${fieldsJson(fields)}`,
  ];
  if (error !== undefined) parts.push(`"error":${JSON.stringify(error)}`);
  if (payload !== undefined) parts.push(`"payload":${typeof payload === "string" ? payload : rawMessageJson(payload)}`);
  return `{${parts.join(",")}}`;
}

function fieldsJson(fields: readonly WireField[]): string {
  const texts = fields.map(({ number, name, wireType, value }) => {
    const head = `"number":${number},${
      name === undefined ? "" : `"name":${JSON.stringify(name)},`
    }"wireType":"${wireType}"`;
    return `{${head},${
      Array.isArray(value) ? `"fields":${fieldsJson(value)}` : `"value":${rawJson(value as ProtoValue)}`
    }}`;
  });
  return `[${texts.join(",")}]`;
}

/** Returns a value as JSON: int64 are numbers without decimals, of bytes there are the number and the first. */
function rawJson(value: ProtoValue): string {
  if (typeof value === "bigint") return String(value);
  if (typeof value === "number") {
    return Number.isFinite(value) ? Object.is(value, -0) ? "-0" : String(value) : `"${value}"`;
  }
  if (typeof value !== "object") return JSON.stringify(value);
  if (value instanceof Uint8Array) {
    return value.length === 0
      ? `{"bytes":0}`
      : `{"bytes":${value.length},"starts":${JSON.stringify(previewBytes(value.subarray(0, PREVIEW_BYTES)))}}`;
  }
  if (Array.isArray(value)) return `[${value.map(rawJson).join(",")}]`;
  const entries: Iterable<[string, ProtoValue]> = value instanceof Map ? value : Object.entries(value);
  return `{${Array.from(entries, ([key, item]) => `${JSON.stringify(key)}:${rawJson(item)}`).join(",")}}`;
}

function bytesText(bytes: Uint8Array): string {
  return `${bytes.length} bytes, ${previewBytes(bytes.subarray(0, PREVIEW_BYTES))}`;
}
