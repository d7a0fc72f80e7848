import { FLOW_ID } from "../../base/limits.ts";
/**
 * Results as messages: which kind, and what their payload holds.
 *
 * @module
 */

import { messageOf, TineError, WireError } from "../../base/errors.ts";
import type { FlowInfo, Item, NodeInfo, Progress, SysInfoData } from "../item.ts";
import { decodeReport, encodeReport } from "../../flow/report_values.ts";
import { Kind, type Message } from "./frame.ts";
import {
  asCount,
  asDecimal,
  asFields,
  asList,
  asNumber,
  asObject,
  asText,
  asTexts,
  decodeJson,
  encodeJson,
} from "./json_payload.ts";
import { decodeLog, encodeLog } from "./log_batch.ts";
import { shorten } from "../../base/shorten.ts";
export { decodeJson, decodeText, encodeJson, encodeText } from "./json_payload.ts";

/** The text of a log entry or of an error that is longer is cut. */
const MAX_TEXT_BYTES = 1024 * 1024;
const MAX_TAG_BYTES = 1024;
const MAX_NODE_ID = 255;
const MAX_FILE_NAME = 4096;

/** What a result of these kinds takes at most, in bytes; JSON that is much longer would keep its reader busy for ages. */
const MOST_BYTES: ReadonlyMap<number, number> = new Map([
  [Kind.error, 8 * 1024 * 1024], // a character of its text takes six bytes at most
  ...[Kind.nodeInfo, Kind.progress, Kind.activity, Kind.missing, Kind.streamInfo, Kind.packetInfo]
    .map((kind): [number, number] => [kind, 64 * 1024]),
]);

/**
 * The message for a result.
 *
 * @throws {TineError} `bad-item`, if it holds what cannot be sent, such as a number that is not finite
 *
 * @example
 * ```ts
 * import { decodeItem, encodeItem } from "./payloads.ts";
 * const message = encodeItem({ type: "log", nodeId: "left", time: 1n, tag: "system", text: "hello" });
 * console.assert(decodeItem(message).nodeId === "left");
 * ```
 */
export function encodeItem(item: Item): Message {
  const origin = item.nodeId;
  switch (item.type) {
    case "nodeInfo": {
      const { platform, hostname, bootId, clock, pid, versions } = item;
      const payload = encodeJson({ platform, hostname, bootId, clock, pid, versions });
      return { kind: Kind.nodeInfo, origin, name: "", payload };
    }
    case "log": {
      const payload = encodeLog({
        time: int64(item.time, item),
        tag: shorten(item.tag, MAX_TAG_BYTES),
        text: shorten(item.text, MAX_TEXT_BYTES),
      });
      return { kind: Kind.log, origin, name: "", payload };
    }
    case "error": {
      const { time, code } = item;
      const tag = shorten(item.tag, MAX_TAG_BYTES);
      const message = shorten(item.message, MAX_TEXT_BYTES);
      const payload = encodeJson({ time: int64(time, item), tag, code, message });
      return { kind: Kind.error, origin, name: "", payload };
    }
    case "fileData":
      return { kind: Kind.fileData, origin, name: item.name, payload: item.data };
    case "sysInfo":
      return { kind: Kind.sysInfo, origin, name: "", payload: encodeJson({ sections: item.sections }) };
    case "feedback":
      return { kind: Kind.feedback, origin, name: "", payload: encodeJson({ values: item.values }) };
    case "progress": {
      const values = encodeReport(item.report);
      finite(values, item);
      return { kind: Kind.progress, origin, name: item.flow, payload: encodeJson({ values }) };
    }
    case "streamInfo":
    case "packetInfo": {
      const { server, values } = item;
      finite(values, item);
      const payload = encodeJson({ tinit: int64(item.tinit, item), server, values });
      return { kind: Kind[item.type], origin, name: item.flow, payload };
    }
    case "records":
      return { kind: Kind.records, origin, name: item.flow, payload: item.chunk };
    case "activity": {
      const { running, more, ended } = item;
      return { kind: Kind.activity, origin, name: "", payload: encodeJson({ running, more, ended }) };
    }
    case "missing":
      return { kind: Kind.missing, origin, name: item.from, payload: encodeJson({ what: item.what }) };
  }
}

/**
 * The result in a message; bytes of files and chunks of records are views of its payload.
 *
 * @throws {TineError} `bad-item`, if it is no result, or holds something else than its kind says
 */
export function decodeItem(message: Message): Item {
  try {
    return decode(message);
  } catch (error) {
    if (!(error instanceof TineError) && !(error instanceof WireError)) throw error;
    const { kind, origin } = message;
    const what = KINDS.get(kind) ?? `kind ${kind}`;
    throw new TineError(
      "bad-item",
      `a result (${what}) of node ${origin.slice(0, 80)} is broken: ${messageOf(error)}`,
      {
        cause: error,
      },
    );
  }
}

const KINDS: ReadonlyMap<number, string> = new Map(Object.entries(Kind).map(([name, kind]) => [kind, name]));

function decode({ kind, origin, name, payload }: Message): Item {
  const nodeId = origin;
  if (nodeId === "" || nodeId.length > MAX_NODE_ID) throw bad(`its node id has ${nodeId.length} characters`);
  const most = MOST_BYTES.get(kind) ?? Infinity;
  if (payload.length > most) throw bad(`it has ${payload.length} bytes, the limit is ${most}`);
  switch (kind) {
    case Kind.nodeInfo:
      return nodeInfo(nodeId, payload);
    case Kind.log:
      return { type: "log", nodeId, ...decodeLog(payload) };
    case Kind.error: {
      const { time, tag, code, message } = asObject(decodeJson(payload), "it");
      return {
        type: "error",
        nodeId,
        time: asDecimal(time, "time"),
        tag: asText(tag, "tag"),
        code: asText(code, "code"),
        message: asText(message, "message"),
      };
    }
    case Kind.fileData:
      if (name === "" || name.length > MAX_FILE_NAME) throw bad(`its file name has ${name.length} characters`);
      return { type: "fileData", nodeId, name, data: payload };
    case Kind.sysInfo:
      return { type: "sysInfo", nodeId, sections: sections(payload) };
    case Kind.feedback:
      return { type: "feedback", nodeId, values: asTexts(asObject(decodeJson(payload), "it").values, "values") };
    case Kind.progress: {
      const values = asFields(asObject(decodeJson(payload), "it").values, "values", isNumber, "a number");
      return { type: "progress", nodeId, flow: flow(name), report: decodeReport(values) } satisfies Progress;
    }
    case Kind.streamInfo:
    case Kind.packetInfo: {
      const { tinit, server, values } = asObject(decodeJson(payload), "it");
      if (typeof server !== "boolean") throw bad(`server is ${typeof server}, expected a boolean`);
      return {
        type: kind === Kind.streamInfo ? "streamInfo" : "packetInfo",
        nodeId,
        flow: flow(name),
        tinit: asDecimal(tinit, "tinit"),
        server,
        values: asFields(values, "values", isPlain, "a text, a number or a boolean"),
      } satisfies FlowInfo;
    }
    case Kind.records:
      return { type: "records", nodeId, flow: flow(name), chunk: payload };
    case Kind.activity: {
      const { running, more, ended } = asObject(decodeJson(payload), "it");
      return {
        type: "activity",
        nodeId,
        running: asList(running, "running").map((run) => asText(run, "a run")),
        more: asCount(more, "more"),
        ended: asCount(ended, "ended"),
      };
    }
    case Kind.missing: {
      if (name === "" || name.length > MAX_NODE_ID) throw bad(`its node id has ${name.length} characters`);
      return { type: "missing", nodeId, from: name, what: asText(asObject(decodeJson(payload), "it").what, "what") };
    }
    default:
      throw bad("this version of tine does not know it");
  }
}

function nodeInfo(nodeId: string, payload: Uint8Array): NodeInfo {
  const { platform, hostname, bootId, clock, pid, versions } = asObject(decodeJson(payload), "it");
  const { tine, deno, kernel } = asObject(versions, "versions");
  const { offsetNs, errorNs } = asObject(clock, "clock");
  return {
    type: "nodeInfo",
    nodeId,
    platform: asText(platform, "platform"),
    hostname: asText(hostname, "hostname"),
    bootId: asText(bootId, "bootId"),
    clock: { offsetNs: asNumber(offsetNs, "clock.offsetNs"), errorNs: asNumber(errorNs, "clock.errorNs") },
    pid: asCount(pid, "pid"),
    versions: {
      tine: asText(tine, "versions.tine"),
      deno: asText(deno, "versions.deno"),
      kernel: asText(kernel, "versions.kernel"),
    },
  };
}

function sections(payload: Uint8Array): SysInfoData["sections"] {
  const sections: Record<string, string | Record<string, string>> = Object.create(null);
  for (const [title, section] of Object.entries(asObject(asObject(decodeJson(payload), "it").sections, "sections"))) {
    sections[title] = typeof section === "string" ? section : asTexts(section, `section ${title}`);
  }
  return sections;
}

const isNumber = (value: unknown): value is number => typeof value === "number";
const isPlain = (value: unknown): value is string | number | boolean =>
  typeof value === "string" || typeof value === "number" || typeof value === "boolean";

function flow(name: string): string {
  if (FLOW_ID.test(name)) return name;
  throw bad(`its flow is ${JSON.stringify(name.slice(0, 80))}, expected up to 16 of a-z, 0-9, . and -`);
}

function int64(value: bigint, { type, nodeId }: Item): bigint {
  if (BigInt.asIntN(64, value) === value) return value;
  throw bad(`a result (${type}) of node ${nodeId} has the time ${value}, which does not fit into 64 bits`);
}

function finite(values: Readonly<Record<string, unknown>>, { type, nodeId }: Item): void {
  for (const [name, value] of Object.entries(values)) {
    if (typeof value !== "number" || Number.isFinite(value)) continue;
    throw bad(`a result (${type}) of node ${nodeId} has ${name} = ${value}, expected a finite number`);
  }
}

function bad(message: string): TineError {
  return new TineError("bad-item", message);
}
