import { ByteReader } from "../../wire/byte_reader.ts";
import { messageOf } from "../../base/errors.ts";
import { previewBytes } from "../../wire/frame_reader.ts";
import { decodeRequest, decodeResponse } from "../codec.ts";
import { textOf } from "../../wire/text_writer.ts";
import { JsonLinesWriter } from "../format/json_lines_writer.ts";
import type { OptionValue, Request, Response } from "../messages.ts";
import type { MessageDirection } from "./recording.ts";

/** A message as text: its kind, and JSON of what it holds. */
export interface MessageText {
  kind: string;
  /** An object in JSON; int64 are numbers without decimals, as in tine's JSON lines. */
  json: string;
}

/**
 * The message that a frame holds, as text; kind `invalid` if the bytes are no message.
 *
 * @param cursor shared by many messages: it remembers strings that repeat
 *
 * @example
 * ```ts
 * import { messageText } from "./message_text.ts";
 * console.assert(messageText("request", new Uint8Array([0x0a, 0x00])).kind === "info");
 * ```
 */
export function messageText(direction: MessageDirection, payload: Uint8Array, cursor = new ByteReader()): MessageText {
  const reader = cursor.reset(payload);
  try {
    const message = direction === "request" ? decodeRequest(reader) : decodeResponse(reader);
    return { kind: message.kind, json: contentText(message) };
  } catch (error) {
    return {
      kind: "invalid",
      json: JSON.stringify({ error: messageOf(error), bytes: payload.length, starts: previewBytes(payload) }),
    };
  }
}

/** What a message holds, as JSON. */
export function contentText(message: Request | Response): string {
  const points = new JsonLinesWriter();
  if ("point" in message) return textOf((out) => points.point(message.point, out)).trimEnd();
  if ("begin" in message) return unwrap(textOf((out) => points.begin(message.begin, out)));
  if ("end" in message) return unwrap(textOf((out) => points.end(message.end, out)));
  if ("time" in message) return `{"time":${message.time}}`;
  if ("snapshot" in message) return snapshotText(message.snapshot);
  if ("outcome" in message) return JSON.stringify(message.outcome);
  if ("error" in message) return JSON.stringify({ error: message.error });
  if ("info" in message) {
    const { wants, provides, options } = message.info;
    return JSON.stringify({ wants, provides, options: Object.fromEntries(options) });
  }
  if ("init" in message) {
    const { options, taskId, nodeId } = message.init;
    const texts = options.map(({ name, values }) =>
      `{"name":${JSON.stringify(name)},"values":[${values.map(valueText).join(",")}]}`
    );
    return `{"task":${JSON.stringify(taskId)},"node":${JSON.stringify(nodeId)},"options":[${texts.join(",")}]}`;
  }
  return "{}";
}

/** The content of `{"begin":{...}}`. */
function unwrap(line: string): string {
  return line.slice(line.indexOf(":") + 1, line.lastIndexOf("}"));
}

function snapshotText(snapshot: Uint8Array): string {
  return snapshot.length === 0
    ? `{"bytes":0}`
    : `{"bytes":${snapshot.length},"starts":${JSON.stringify(previewBytes(snapshot.subarray(0, 200)))}}`;
}

function valueText({ type, value }: OptionValue): string {
  const json = typeof value === "bigint"
    ? String(value)
    : JSON.stringify(typeof value === "number" && !Number.isFinite(value) ? String(value) : value);
  return `{"type":"${type}","value":${json}}`;
}
