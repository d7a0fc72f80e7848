import { terminalJson, terminalText } from "../../base/terminal_text.ts";
import { messageText } from "../../udf/recording/message_text.ts";
import { openRecording, type RecordedEvent, type Recording } from "../../udf/recording/recording.ts";
import { ByteReader } from "../../wire/byte_reader.ts";
import { style, writeStdout } from "../terminal.ts";

/** How to print a file of messages. */
export interface ShowOptions {
  /** Whether to print each field as it lies on the wire, and what protobufjs reads. */
  raw: boolean;
  /** Whether to print JSON lines, for machines. */
  json: boolean;
}

/**
 * Prints the messages of a recording; with `raw` also the frames of a test's `records.tine`.
 *
 * @throws {TineError} for a file that cannot be read, or that is of another kind
 */
export async function showFile(path: string, { raw, json }: ShowOptions): Promise<void> {
  if (raw) {
    const { RECORD_MAGIC } = await import("../../result/read_records.ts");
    if (await startsWith(path, RECORD_MAGIC)) return await print(rawRecordLines(path, json));
  }
  using recording = await openRecording(path);
  await print(recordingLines(recording, json, raw ? await rawText(json) : plainText(json)));
}

/** Whether a file starts with this text; false for one that cannot be read. */
async function startsWith(path: string, text: string): Promise<boolean> {
  try {
    using file = await Deno.open(path);
    const head = new Uint8Array(text.length);
    const count = await file.read(head);
    return new TextDecoder().decode(head.subarray(0, count ?? 0)) === text;
  } catch {
    return false; // opening it as a recording explains why
  }
}

/** Characters that collect before they are written at once. */
const WRITE_UNITS = 64 * 1024;

async function print(lines: AsyncIterable<string>): Promise<void> {
  let text = "";
  try {
    for await (const line of lines) {
      text += line + "\n";
      if (text.length < WRITE_UNITS) continue;
      await writeStdout(text);
      text = "";
    }
  } finally {
    await writeStdout(text);
  }
}

/** Returns a message that was recorded as text: the rest of its line, or of its JSON object. */
type MessageText = (event: RecordedEvent & { kind: "frame" }) => string;

/** Yields what a recording holds: for each message the time since the first one, the direction, and the message. */
async function* recordingLines(recording: Recording, json: boolean, textOf: MessageText): AsyncGenerator<string> {
  const { started, tine, side, udf } = recording.header;
  const { dim } = style(Deno.stdout);
  yield json ? JSON.stringify({ header: recording.header }) : dim(
    `recorded ${terminalText(started)} by tine ${terminalText(tine)} at the ${side}'s end: ${terminalText(udf)}`,
  );
  let complete = false;
  for await (const event of recording.events()) {
    if (event.kind === "end" && event.direction === "response") complete = true;
    if (json) yield jsonLine(event, textOf);
    else {
      const time = (event.timeNs / 1e9).toFixed(6).padStart(12);
      yield `${dim(time)} ${event.direction === "request" ? "->" : "<-"} ${content(event, textOf)}`;
    }
  }
  if (!complete) yield json ? `{"cut":true}` : dim("the recording was cut here");
}

function content(event: RecordedEvent, textOf: MessageText): string {
  if (event.kind === "end") return "(end)";
  if (event.kind === "garbage") return terminalText(`(no frames from here on: ${event.reason})`);
  return textOf(event);
}

function jsonLine(event: RecordedEvent, textOf: MessageText): string {
  const { kind, direction, timeNs } = event;
  const start = `{"timeNs":${timeNs},"direction":"${direction}"`;
  if (kind === "end") return `${start},"kind":"end of output"}`;
  if (kind === "garbage") return `${start},"kind":"no frames","reason":${JSON.stringify(event.reason)}}`;
  return `${start},${textOf(event)}}`;
}

function plainText(json: boolean): MessageText {
  const cursor = new ByteReader();
  return ({ direction, payload }) => {
    const message = messageText(direction, payload, cursor);
    if (json) return `"kind":"${message.kind}","message":${message.json}`;
    return terminalJson(message.json === "{}" ? message.kind : `${message.kind} ${message.json}`);
  };
}

/** Loads protobufjs. */
async function rawText(json: boolean): Promise<MessageText> {
  const { RawMessages, rawLines, rawMessageJson } = await import("./raw_messages.ts");
  const messages = new RawMessages();
  return ({ direction, payload }) => {
    const message = messages.udf(direction === "request" ? "Request" : "Response", payload);
    return json ? `"raw":${rawMessageJson(message)}` : indented(rawLines(message), 16);
  };
}

/** Yields what a test has recorded: for each frame its position in the file, in bytes, and the frame. */
async function* rawRecordLines(path: string, json: boolean): AsyncGenerator<string> {
  const { readRecordFrames } = await import("../../result/read_records.ts");
  const { RawMessages, rawLines, rawMessageJson } = await import("./raw_messages.ts");
  const messages = new RawMessages();
  const { dim } = style(Deno.stdout);
  for await (const { bytes, place } of readRecordFrames(path)) {
    const message = messages.frame(bytes);
    const position = String(place.position);
    yield json
      ? `{"position":${position},"raw":${rawMessageJson(message)}}`
      : `${dim(position.padStart(12))} ${indented(rawLines(message), 13)}`;
  }
}

/** Joins lines, safe for terminals, with all but the first indented. */
function indented(lines: readonly string[], columns: number): string {
  return lines.map(terminalText).join("\n" + " ".repeat(columns));
}
