import { basename } from "node:path";
import { TineError } from "../../base/errors.ts";
import { ByteReader } from "../../wire/byte_reader.ts";
import { textOf } from "../../wire/text_writer.ts";
import type { Batch, PointOrBatch } from "../batcher.ts";
import { decodeRequest, decodeResponse } from "../codec.ts";
import { JsonLinesWriter } from "../format/json_lines_writer.ts";
import { assignGroup } from "../group.ts";
import { BUNDLED_HANDLERS, isModulePath } from "../handlers/mod.ts";
import type { Option, OptionValue, Request, Response } from "../messages.ts";
import { Point } from "../point.ts";
import { openRecording, type RecordingHeader } from "../recording/recording.ts";
import { jsonOf, outputText } from "./points.ts";

/** What a recording holds, as a case has it. */
interface Recorded {
  readonly name: string;
  readonly header: RecordingHeader;
  /** Undefined where there was no init: a host may ask for the info alone. */
  options: readonly Option[] | undefined;
  restore: Uint8Array | undefined;
  readonly input: PointOrBatch[];
  readonly output: PointOrBatch[];
  error: string | undefined;
  /** Whether the UDF came to its end. */
  ended: boolean;
}

/**
 * Makes a file of cases of recordings, one case each: options, input, and what came back.
 *
 * @param paths what `--record` has written
 * @param warn gets sentences about what a case cannot hold
 * @returns YAML
 * @throws {TineError} `cannot-read`, `bad-recording`
 */
export async function casesOfRecordings(paths: readonly string[], warn: (message: string) => void): Promise<string> {
  const all: Recorded[] = [];
  const names = new Set<string>();
  for (const path of paths) {
    let name = basename(path).replace(/\.rec\b/, "");
    for (let n = 2; names.has(name); n++) name = `${basename(path)} ${n}`;
    names.add(name);
    const recorded = await read(path, name, (message) => warn(`${path} ${message}`));
    if (recorded.options === undefined) warn(`${path} makes no case: its host has not sent init`);
    else all.push(recorded);
  }
  if (all.length === 0) throw new TineError("bad-recording", "no case could be made of what was recorded");
  const udfs = new Set(all.map(({ header }) => udfText(header)));
  const common = udfs.size === 1 ? [...udfs][0] : undefined;
  const lines = [
    `# Of what was recorded: tine test FILE.yaml, or with another UDF: tine test FILE.yaml -- CMD ARGS...`,
  ];
  if (common) lines.push(`udf: ${common}`);
  lines.push("cases:");
  for (const recorded of all) lines.push(...caseLines(recorded, common === undefined ? udfText(recorded.header) : ""));
  return lines.join("\n") + "\n";
}

async function read(path: string, name: string, warn: (message: string) => void): Promise<Recorded> {
  using recording = await openRecording(path);
  const recorded: Recorded = {
    name,
    header: recording.header,
    options: undefined,
    restore: undefined,
    input: [],
    output: [],
    error: undefined,
    ended: false,
  };
  const requests = new Batches(recorded.input);
  const responses = new Batches(recorded.output);
  let ignored = 0;
  for await (const event of recording.events()) {
    if (event.kind === "garbage") {
      warn(`holds ${event.direction}s that are no frames, from there on: ${event.reason}`);
    } else if (event.kind === "end") {
      recorded.ended ||= event.direction === "response";
    } else if (event.direction === "request") {
      const request = decodeRequest(new ByteReader().reset(event.payload));
      if (request.kind === "init") recorded.options = request.init.options;
      else if (request.kind === "restore" && recorded.input.length === 0) recorded.restore = request.snapshot;
      else if (request.kind === "restore") ignored++;
      else requests.add(request);
    } else {
      const response = decodeResponse(new ByteReader().reset(event.payload));
      if (response.kind === "error") recorded.error = response.error;
      else if ((response.kind === "init" || response.kind === "restore") && !response.outcome.success) {
        recorded.error = response.outcome.error;
      } else responses.add(response);
    }
  }
  if (ignored > 0) {
    warn(`restores the UDF ${ignored} times in the middle of its input: a case does so at its start only`);
  }
  if (!recorded.ended && recorded.error === undefined) warn("was cut: what came until then is expected");
  return recorded;
}

/** Puts the points of batches together. */
class Batches {
  readonly #out: PointOrBatch[];
  #open: Pick<Batch, "begin" | "points"> | undefined;

  constructor(out: PointOrBatch[]) {
    this.#out = out;
  }

  add(message: Request | Response): void {
    if (message.kind === "begin") this.#open = { begin: message.begin, points: [] };
    else if (message.kind === "end" && this.#open !== undefined) {
      this.#out.push({ kind: "batch", batch: { ...this.#open, end: message.end } });
      this.#open = undefined;
    } else if (message.kind === "point") {
      if (this.#open === undefined) this.#out.push({ kind: "point", point: message.point });
      else this.#open.points.push(message.point);
    }
  }
}

/** Returns how the UDF is reached again, as far as the recording has it; empty where it does not. */
function udfText({ udf }: RecordingHeader): string {
  if (BUNDLED_HANDLERS.includes(udf) || !/\s/.test(udf) && isModulePath(udf)) return `{ handler: ${quote(udf)} }`;
  // A path alone may be a socket as well as a program.
  if (!/\s/.test(udf)) return "";
  return `{ command: [${udf.split(/\s+/).map(quote).join(", ")}] }`;
}

function caseLines(recorded: Recorded, udf: string): string[] {
  const { name, header, options = [], restore, input, output, error } = recorded;
  const lines = [`  - name: ${quote(name)} # of ${oneLine(header.udf)}, ${header.started}`];
  if (udf !== "") lines.push(`    udf: ${udf}`);
  if (options.length > 0) lines.push("    options:", ...optionLines(options));
  const groupBy = groupByOf(input);
  if (groupBy !== undefined && groupBy.length > 0) lines.push(`    groupBy: [${groupBy.map(quote).join(", ")}]`);
  if (restore !== undefined) lines.push(...restoreLines(restore));
  const text = groupBy === undefined ? jsonText(input) : outputText(input, "ns");
  if (text !== "") lines.push("    input: |", ...indented(text, 6));
  const came = outputText(output, "ns");
  if (error !== undefined) {
    lines.push("    expect:", `      error: ${quote(error)}`);
    if (came !== "") lines.push("      points: |", ...indented(came, 8));
  } else if (came === "") lines.push("    expect: none");
  else lines.push("    expect: |", ...indented(came, 6));
  return lines;
}

function indented(text: string, columns: number): string[] {
  return text.replace(/\n$/, "").split("\n").map((line) => line === "" ? "" : " ".repeat(columns) + line);
}

/** A snapshot is bytes of any kind: only text can stand in YAML. */
function restoreLines(state: Uint8Array): string[] {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(state);
    return [`    restore: ${quote(text)}`];
  } catch {
    return [`    restore: { base64: ${quote(state.toBase64())} }`];
  }
}

/**
 * The tags by which points are grouped, where that and line protocol give the same input again; undefined where it takes
 * more, as for points with a database, and for batches.
 */
function groupByOf(input: readonly PointOrBatch[]): string[] | undefined {
  let groupBy: string[] | undefined;
  for (const item of input) {
    if (item.kind === "batch") return undefined;
    const { point } = item;
    groupBy ??= point.dimensions;
    const same = new Point({ name: point.name, tags: point.tags });
    if (groupBy.length > 0) assignGroup(same, groupBy);
    if (same.group !== point.group || same.dimensions.join("\n") !== point.dimensions.join("\n")) return undefined;
    if (point.byName || point.database !== "" || point.retentionPolicy !== "") return undefined;
  }
  return groupBy ?? [];
}

function jsonText(input: readonly PointOrBatch[]): string {
  const writer = new JsonLinesWriter();
  return textOf((out) => {
    for (const item of input) {
      if (item.kind === "point") writer.point(item.point, out);
      else {
        writer.begin(item.batch.begin, out);
        for (const point of item.batch.points) writer.point(point, out);
        writer.end(item.batch.end, out);
      }
    }
  });
}

/** Options by name; one that was given several times is a list. */
function optionLines(options: readonly Option[]): string[] {
  return Array.from(Map.groupBy(options, ({ name }) => name), ([name, given]) => {
    const values = given.map(({ values }) => values.map(valueText));
    const lists = values.map((texts) => `[${texts.join(", ")}]`);
    const text = values[0].length === 0
      ? "true"
      : values.length > 1
      ? `[${values[0].length === 1 ? values.flat().join(", ") : lists.join(", ")}]`
      : values[0].length === 1
      ? values[0][0]
      : lists[0];
    return `      ${quote(name)}: ${text}`;
  });
}

function valueText({ type, value }: OptionValue): string {
  if (type === "duration") return quote(durationText(value));
  if (type === "string") return quote(value);
  return jsonOf(value);
}

/** A duration with one unit, the largest that is exact. */
function durationText(ns: bigint): string {
  const units = [["h", 3_600_000_000_000n], ["m", 60_000_000_000n], ["s", 1_000_000_000n], ["ms", 1_000_000n]] as const;
  const [unit, factor] = units.find(([, factor]) => ns !== 0n && ns % factor === 0n) ?? ["ns", 1n];
  return `${ns / factor}${unit}`;
}

/** A text of YAML in double quotes, which has the escapes of JSON. */
function quote(text: string): string {
  return JSON.stringify(text.toWellFormed()).replace(
    /[\x7f-\x9f\u2028\u2029\ufeff]/g,
    (unit) => "\\u" + unit.charCodeAt(0).toString(16).padStart(4, "0"),
  );
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ");
}
