import { ByteReader } from "../wire/byte_reader.ts";
import { terminalText } from "../base/terminal_text.ts";
import { messageText } from "../udf/recording/message_text.ts";
import type { RecordedEvent, Recording } from "../udf/recording/recording.ts";
import { writeStdout } from "./stdout.ts";
import { style } from "./terminal.ts";

/** What collects before it is written at once. */
const WRITE_UNITS = 64 * 1024;

/**
 * Prints what a recording holds, a message on each line: the time since the first one, the direction, the kind, the content.
 *
 * @param json for machines: `{"timeNs","direction","kind","message"}`; the header comes first
 */
export async function showRecording(recording: Recording, json: boolean): Promise<void> {
  const { started, tine, side, udf } = recording.header;
  const { dim } = style(Deno.stdout);
  let text = json ? JSON.stringify({ header: recording.header }) + "\n" : dim(
    `recorded ${terminalText(started)} by tine ${terminalText(tine)} at the ${side}'s end: ${terminalText(udf)}`,
  ) +
    "\n";
  let complete = false;
  const cursor = new ByteReader();
  try {
    for await (const event of recording.events()) {
      if (event.kind === "end" && event.direction === "response") complete = true;
      text += json ? jsonLine(event, cursor) : line(event, dim, cursor);
      if (text.length < WRITE_UNITS) continue;
      await writeStdout(text);
      text = "";
    }
    if (!complete) text += json ? `{"cut":true}\n` : dim("the recording was cut here") + "\n";
  } finally {
    await writeStdout(text);
  }
}

function line(event: RecordedEvent, dim: (text: string) => string, cursor: ByteReader): string {
  const time = (event.timeNs / 1e9).toFixed(6).padStart(12);
  const arrow = event.direction === "request" ? "->" : "<-";
  return `${dim(time)} ${arrow} ${terminalText(content(event, cursor))}\n`;
}

function content(event: RecordedEvent, cursor: ByteReader): string {
  if (event.kind === "end") return "(end)";
  if (event.kind === "garbage") return `(no frames from here on: ${event.reason})`;
  const { kind, json } = messageText(event.direction, event.payload, cursor);
  return json === "{}" ? kind : `${kind} ${json}`;
}

function jsonLine(event: RecordedEvent, cursor: ByteReader): string {
  const { kind, direction, timeNs } = event;
  const start = `{"timeNs":${timeNs},"direction":"${direction}"`;
  if (kind === "end") return `${start},"kind":"end of output"}\n`;
  if (kind === "garbage") return `${start},"kind":"no frames","reason":${JSON.stringify(event.reason)}}\n`;
  const message = messageText(direction, event.payload, cursor);
  return `${start},"kind":"${message.kind}","message":${message.json}}\n`;
}
