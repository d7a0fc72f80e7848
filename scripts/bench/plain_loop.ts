/**
 * A moving average as most would write it first: protobufjs with reflection, each response written by itself. It does
 * for `field` and `size` what `tine agent moving-avg` does, and neither snapshots nor errors nor overlap.
 *
 * @module
 */
import protobuf from "protobufjs";

const { root } = protobuf.parse(
  await Deno.readTextFile(new URL("../../proto/udf.proto", import.meta.url)),
  { keepCase: true },
);
const Request = root.lookupType("agent.Request");
const Response = root.lookupType("agent.Response");

interface PlainPoint {
  group: string;
  fieldsDouble: Record<string, number>;
  fieldsInt: Record<string, unknown>;
  fieldsString: Record<string, string>;
  fieldsBool: Record<string, boolean>;
}

interface PlainRequest {
  info?: unknown;
  init?: { options: { name: string; values: { stringValue?: string; intValue?: unknown }[] }[] };
  keepalive?: { time: unknown };
  point?: PlainPoint;
}

let field = "";
let size = 1;
const windows = new Map<string, { values: number[]; sum: number }>();

function answer(request: PlainRequest): Record<string, unknown> | undefined {
  const { info, init, keepalive, point } = request;
  if (point) return movingAverage(point);
  if (keepalive) return { keepalive };
  if (info) return { info: { wants: 0, provides: 0, options: {} } };
  if (init) {
    for (const { name, values: [value] } of init.options) {
      if (name === "field") field = value.stringValue ?? "";
      if (name === "size") size = Number(value.intValue);
    }
    return { init: { success: true } };
  }
}

function movingAverage(point: PlainPoint): Record<string, unknown> {
  let window = windows.get(point.group);
  if (window === undefined) windows.set(point.group, window = { values: [], sum: 0 });
  const value = point.fieldsDouble[field];
  window.values.push(value);
  window.sum += value;
  if (window.values.length > size) window.sum -= window.values.shift()!;
  point.fieldsDouble = { avg: window.sum / window.values.length };
  point.fieldsInt = {};
  point.fieldsString = {};
  point.fieldsBool = {};
  return { point };
}

/** The length in front of a frame and where it ends, or undefined while it is not whole. */
function readLength(bytes: Uint8Array): { length: number; start: number } | undefined {
  let length = 0;
  for (let start = 0; start < bytes.length;) {
    const byte = bytes[start];
    length += (byte & 0x7f) * 2 ** (7 * start++);
    if (byte < 0x80) return { length, start };
  }
}

function writeAll(bytes: Uint8Array): void {
  while (bytes.length > 0) bytes = bytes.subarray(Deno.stdout.writeSync(bytes));
}

const chunk = new Uint8Array(64 * 1024);
let rest = new Uint8Array();
for (;;) {
  const count = await Deno.stdin.read(chunk);
  if (count === null) break;
  const bytes = new Uint8Array(rest.length + count);
  bytes.set(rest);
  bytes.set(chunk.subarray(0, count), rest.length);
  let position = 0;
  for (;;) {
    const frame = readLength(bytes.subarray(position, position + 5));
    if (frame === undefined || position + frame.start + frame.length > bytes.length) break;
    const start = position + frame.start;
    position = start + frame.length;
    const response = answer(Request.decode(bytes.subarray(start, position)) as unknown as PlainRequest);
    if (response !== undefined) writeAll(Response.encodeDelimited(response).finish());
  }
  rest = bytes.slice(position);
}
