/**
 * The kinds of messages: the lane of each, and how results are messages. A new kind is a number in {@linkcode Kind} and a
 * line of {@linkcode KINDS}.
 *
 * @module
 */
import { messageOf, TineError, WireError } from "../../base/errors.ts";
import { FLOW_ID } from "../../base/limits.ts";
import { shorten } from "../../base/shorten.ts";
import {
  boolean,
  count,
  int64,
  list,
  map,
  number,
  object,
  oneOf,
  optional,
  plain,
  type Shape,
  text,
  type Validator,
} from "../../base/shape.ts";
import { decodeReport, encodeReport } from "../../flow/report_values.ts";
import type { CounterSample, Item, RunTime } from "../item.ts";
import { isResult, Kind, Lane, type Message } from "./frame.ts";
import { CONTENTS, type Contents } from "./control.ts";
import { type Codec, decodeJson, encodeJson, json } from "./json.ts";
import { decodeLog, encodeLog } from "./log_batch.ts";

/** Texts of log entries and errors that are longer are cut. */
const MAX_TEXT_BYTES = 1024 * 1024;
const MAX_TAG_BYTES = 1024;
const MAX_NODE_ID = 255;

/** The size limit of results of a few fields, in bytes: reading JSON that is much longer would keep the reader busy. */
const MAX_FIELDS_BYTES = 64 * 1024;
/** The size limit of the times of runs: a reporter sends them earlier. */
const MAX_RUN_TIMES_BYTES = 1024 * 1024;
/** The size limit of an error: a character of its text takes up to six bytes of JSON. */
const MAX_ERROR_BYTES = 8 * MAX_TEXT_BYTES;

/**
 * How a message that is longer than a frame is sent: its parts are joined again; or each is a message of its own, as those
 * of files are; or it may not be that long.
 */
export type Parts = "joined" | "separate" | "whole";

/** How messages of a kind are sent. */
interface KindOfMessage {
  readonly lane: Lane;
  /** Default: joined. */
  readonly parts?: Parts;
}

/** How results of one type are sent. */
interface KindOfResult<I extends Item> extends KindOfMessage {
  /** The field that is the name of the message, see {@linkcode NAMES}. */
  readonly name?: keyof typeof NAMES;
  readonly maxBytes?: number;
  /** Returns the payload. */
  encode(item: I): Uint8Array;
  /** Returns the fields that the payload holds. */
  decode(payload: Uint8Array): Partial<I>;
}

/** Fields that are the name of a message, and what is wrong with a name if anything. */
const NAMES = {
  flow: (name: string) =>
    FLOW_ID.test(name)
      ? undefined
      : `its flow is ${JSON.stringify(name.slice(0, 80))}, expected up to 16 of a-z, 0-9, . and -`,
  name: (name: string) => name === "" || name.length > 4096 ? `its file name has ${name.length} characters` : undefined,
  from: (name: string) =>
    name === "" || name.length > MAX_NODE_ID ? `its node id has ${name.length} characters` : undefined,
};

const URGENT: KindOfMessage = { lane: Lane.urgent };
const RECORD: KindOfMessage = { lane: Lane.record };
const SECTION: Validator<string | Record<string, string>> = (value, name) =>
  typeof value === "string" ? value : map(text)(value, name);
const RUN_TIME = object<RunTime>({
  path: text,
  name: text,
  start: int64,
  end: optional(int64),
  error: optional(text),
});
const COUNTER_SAMPLE = object<CounterSample>({
  time: int64,
  counter: oneOf("qdisc", "link", "cpu", "softnet"),
  device: text,
  detail: text,
  values: map(number),
});
const CLOCK_RELATION = object({ offsetNs: number, errorNs: number });
const REPORT = object({ values: map(number) });

const FLOW_INFO = {
  name: "flow",
  maxBytes: MAX_FIELDS_BYTES,
  ...fields<"streamInfo", "flow">({ tinit: int64, server: boolean, values: map(plain) }),
} as const;

/** All kinds. Those without a payload of their own, and those that a link itself handles, have a lane alone. */
const KINDS = {
  nothing: URGENT,
  setup: { ...URGENT, ...CONTENTS.setup },
  run: { ...URGENT, ...CONTENTS.run },
  cancel: { ...URGENT, ...CONTENTS.cancel },
  ready: { ...URGENT, ...CONTENTS.ready },
  ran: { ...URGENT, ...CONTENTS.ran },
  canceled: { ...URGENT, ...CONTENTS.canceled },
  heartbeat: URGENT,
  credit: URGENT,
  end: URGENT,
  clock: { ...URGENT, ...CONTENTS.clock },
  nodeInfo: {
    ...URGENT,
    maxBytes: MAX_FIELDS_BYTES,
    ...fields<"nodeInfo">({
      platform: text,
      hostname: text,
      bootId: text,
      clock: CLOCK_RELATION,
      time: optional(int64),
      pid: count,
      versions: object({ tine: text, deno: text, kernel: text }),
    }),
  },
  nodeEnd: { ...RECORD, maxBytes: MAX_FIELDS_BYTES, ...fields<"nodeEnd">({ time: int64, clock: CLOCK_RELATION }) },
  log: {
    ...RECORD,
    encode: ({ time, tag, text }) =>
      encodeLog({ time, tag: shorten(tag, MAX_TAG_BYTES), text: shorten(text, MAX_TEXT_BYTES) }),
    decode: decodeLog,
  },
  error: {
    ...URGENT,
    maxBytes: MAX_ERROR_BYTES,
    ...fields<"error">({ time: int64, tag: text, code: text, message: text }),
    encode: ({ time, tag, code, message }) =>
      encodeJson({ time, tag: shorten(tag, MAX_TAG_BYTES), code, message: shorten(message, MAX_TEXT_BYTES) }),
  },
  fileData: {
    lane: Lane.bulk,
    parts: "separate",
    name: "name",
    encode: ({ data }) => data,
    decode: (data) => ({ data }),
  },
  sysInfo: { ...RECORD, ...fields<"sysInfo">({ sections: map(SECTION) }) },
  feedback: { ...RECORD, ...fields<"feedback">({ values: map(text) }) },
  progress: {
    ...URGENT,
    name: "flow",
    maxBytes: MAX_FIELDS_BYTES,
    encode: ({ report }) => encodeJson({ values: encodeReport(report) }),
    decode: (payload) => ({ report: decodeReport(REPORT(decodeJson(payload), "").values) }),
  },
  streamInfo: { ...RECORD, ...FLOW_INFO },
  packetInfo: { ...RECORD, ...FLOW_INFO },
  transactionInfo: { ...RECORD, ...FLOW_INFO },
  records: { ...RECORD, parts: "whole", name: "flow", encode: ({ chunk }) => chunk, decode: (chunk) => ({ chunk }) },
  activity: {
    ...URGENT,
    maxBytes: MAX_FIELDS_BYTES,
    ...fields<"activity">({ running: list(text), more: count, ended: count }),
  },
  missing: { ...URGENT, name: "from", maxBytes: MAX_FIELDS_BYTES, ...fields<"missing", "from">({ what: text }) },
  logs: { ...RECORD, parts: "whole" },
  counters: { ...RECORD, ...fields<"counters">({ samples: list(COUNTER_SAMPLE) }) },
  runTimes: { ...RECORD, maxBytes: MAX_RUN_TIMES_BYTES, ...fields<"runTimes">({ runs: list(RUN_TIME) }) },
} as const satisfies Readonly<
  & Record<Exclude<keyof typeof Kind, Item["type"]>, KindOfMessage>
  & { [K in keyof Contents]: Codec<Contents[K]> }
  & { [T in Item["type"]]: KindOfResult<ItemOf<T>> }
>;

/** Those that control messages with content have. */
const CONTROL: { readonly [K in keyof Contents]: Codec<Contents[K]> } = KINDS;

/** The result of a type. */
type ItemOf<T, I = Item> = I extends { readonly type: infer U } ? T extends U ? I : never : never;

/** A payload of JSON with the fields of a result, except its name. */
function fields<T extends Item["type"], Name extends keyof ItemOf<T> = never, I extends Item = ItemOf<T>>(
  shape: Shape<Omit<ItemOf<T>, "type" | "nodeId" | Name>>,
): Pick<KindOfResult<I>, "encode" | "decode"> {
  const keys = Object.keys(shape) as (keyof I)[];
  const validate = object(shape) as Validator<unknown> as Validator<Partial<I>>;
  return json(validate, (item) => Object.fromEntries(keys.map((key) => [key, item[key]])));
}

const SENT: KindOfMessage[] = [];
const TYPES = new Map<number, keyof typeof Kind>();
for (const [type, kind] of Object.entries(Kind) as [keyof typeof Kind, Kind][]) {
  SENT[kind] = KINDS[type];
  TYPES.set(kind, type);
}

/** Returns the lane of a kind; urgent for kinds of later versions. */
export function laneOf(kind: Kind): Lane {
  return SENT[kind]?.lane ?? Lane.urgent;
}

/** Returns how messages of a kind are sent that are longer than a frame. */
export function partsOf(kind: Kind): Parts {
  return SENT[kind]?.parts ?? "joined";
}

/**
 * Returns a control message.
 *
 * @param number of the run or the question that it belongs to
 *
 * @example
 * ```ts
 * import { contentOf, controlMessage } from "./kinds.ts";
 * const message = controlMessage("cancel", { code: "timeout", message: "the test took too long" });
 * console.assert(contentOf("cancel", message)?.code === "timeout");
 * ```
 */
export function controlMessage<K extends keyof Contents>(kind: K, content: Contents[K], number = ""): Message {
  const { encode } = CONTROL[kind];
  return { kind: Kind[kind], origin: "", name: number, payload: encode(content) };
}

/**
 * Returns what a control message holds.
 *
 * @throws {TineError} `message-too-large`; `bad-json`, or as its kind has it, if it holds something else
 */
export function contentOf<K extends keyof Contents>(kind: K, { payload }: Message): Contents[K] {
  const { decode, maxBytes = Infinity } = CONTROL[kind];
  if (payload.length <= maxBytes) return decode(payload);
  throw new TineError("message-too-large", `an answer has ${payload.length} bytes, the limit is ${maxBytes}`);
}

/**
 * Returns the message for a result.
 *
 * @throws {TineError} `bad-item`, if it holds what cannot be sent, such as a number that is not finite
 *
 * @example
 * ```ts
 * import { decodeItem, encodeItem } from "./kinds.ts";
 * const message = encodeItem({ type: "log", nodeId: "left", time: 1n, tag: "system", text: "hello" });
 * console.assert(decodeItem(message).nodeId === "left");
 * ```
 */
export function encodeItem(item: Item): Message {
  const { type, nodeId } = item;
  const { name, encode }: KindOfResult<Item> = KINDS[type];
  try {
    const payload = encode(item);
    return { kind: Kind[type], origin: nodeId, name: name === undefined ? "" : nameOf(item, name), payload };
  } catch (error) {
    throw badItem(`a result (${type}) of node ${nodeId} cannot be sent`, error);
  }
}

/**
 * Returns the result in a message; bytes of files and chunks of records are views of its payload.
 *
 * @throws {TineError} `bad-item`, if it is not a result, or holds something else than its kind says
 */
export function decodeItem({ kind, origin, name, payload }: Message): Item {
  const type = TYPES.get(kind);
  try {
    if (origin === "" || origin.length > MAX_NODE_ID) throw bad(`its node id has ${origin.length} characters`);
    if (type === undefined || !isResultType(type)) throw bad("this version of tine does not know it");
    const { name: field, maxBytes = Infinity, decode }: KindOfResult<Item> = KINDS[type];
    if (payload.length > maxBytes) throw bad(`it has ${payload.length} bytes, the limit is ${maxBytes}`);
    if (field === undefined) return { type, nodeId: origin, ...decode(payload) } as Item;
    const wrong = NAMES[field](name);
    if (wrong !== undefined) throw bad(wrong);
    return { type, nodeId: origin, [field]: name, ...decode(payload) } as Item;
  } catch (error) {
    throw badItem(`a result (${type ?? `kind ${kind}`}) of node ${origin.slice(0, 80)} is broken`, error);
  }
}

function isResultType(type: keyof typeof Kind): type is Item["type"] {
  return isResult(Kind[type]) && "decode" in KINDS[type];
}

function nameOf(item: Item, field: keyof typeof NAMES): string {
  return (item as unknown as Record<typeof field, string>)[field];
}

function bad(message: string): TineError {
  return new TineError("bad-item", message);
}

function badItem(what: string, error: unknown): unknown {
  if (!(error instanceof TineError) && !(error instanceof WireError)) return error;
  return new TineError("bad-item", `${what}: ${messageOf(error)}`, { cause: error });
}
