import { FLOW_ID, MAX_DSCP, MAX_FLOW_MS } from "../../base/limits.ts";
/** The values of frames: made here for sending, and checked here when received. @module */
import * as limits from "./limits.ts";
import { TineError } from "../../base/errors.ts";
import type { FlowSide, StreamClientConfig, StreamSocketOption, TransferConfig } from "../config.ts";
import type { SenderReport } from "../report.ts";
import type { FlowLimits } from "../serving_limits.ts";
import { isRequestable, type PayloadKind, payloadKind } from "../payload.ts";
import { decodeSenderReport } from "../report_values.ts";
import { END_MARK_TEXT, newEndMark } from "./wire.ts";

/** What a client wants. */
export interface StreamRequest {
  readonly flow: string;
  /** As the client sees it: upload is from it to the server. */
  readonly direction: "upload" | "download";
  /** The sender stops after this time. */
  readonly durationMs?: number;
  /** The sender stops after this many bytes. */
  readonly lengthBytes?: number;
  readonly sampleIOIntervalMs: number;
  readonly tcpInfoIntervalMs?: number;
  readonly bufLenBytes: number;
  /** What is sent and received in this time from the start on is in no figure; absent: there is no warm-up. */
  readonly warmupMs?: number;
  readonly cca?: string;
  readonly dscp?: number;
  readonly sockopt?: readonly StreamSocketOption[];
  /** What the transfer carries; absent: zeros, and 1 as its last byte. */
  readonly payload?: PayloadKind;
  /** The last bytes of a transfer that carries something else, in hexadecimal digits, unless it ends by its length. */
  readonly endMark?: string;
}

/** The answer of a server to a request. */
export type StreamAnswer = {
  readonly ok: true;
  /** What the server lets the flow have; absent: as much as it asks for. */
  readonly limits?: FlowLimits;
  /** Where the client connects for each transaction, of a flow that is to do that. */
  readonly port?: number;
} | StreamRefusal;

/** Why a server refuses a flow. */
export interface StreamRefusal {
  readonly ok: false;
  readonly code: string;
  readonly message: string;
}

/** The receipt of a receiver. */
export interface StreamReceipt {
  readonly bytes: number;
  /** From when the receiver was ready until the last byte. */
  readonly durationNanos: number;
  /** How long of that the server's thread computed; absent at a client, and where it is not known. */
  readonly serverCpuNanos?: number;
}

/** Makes the request for a configuration. */
export function requestOf({ upload, download }: StreamClientConfig): StreamRequest {
  const transfer: TransferConfig = (upload ?? download)!;
  const { flow, duration, length, tcpInfoInterval, warmup, cca, dscp, sockopt } = transfer;
  const payload = payloadKind(transfer.payload);
  return checkRequest({
    flow,
    direction: upload === undefined ? "download" : "upload",
    durationMs: duration === 0
      ? MAX_FLOW_MS
      : duration ?? (length === undefined ? limits.DEFAULT_DURATION_MS : undefined),
    lengthBytes: length,
    sampleIOIntervalMs: transfer.sampleIOInterval ?? limits.DEFAULT_SAMPLE_IO_INTERVAL_MS,
    tcpInfoIntervalMs: tcpInfoInterval,
    bufLenBytes: transfer.bufLen ?? limits.DEFAULT_BUF_LEN_BYTES,
    ...warmup ? { warmupMs: warmup } : {},
    cca,
    dscp,
    sockopt,
    // A server of an earlier version knows zeros only.
    ...payload === "zeros" ? {} : { payload, endMark: newEndMark() },
  });
}

/** Returns the end that sends. */
export function sendingSide({ direction }: Pick<StreamRequest, "direction">): FlowSide {
  return direction === "upload" ? "client" : "server";
}

/** Returns the socket options of a request that are for an end. */
export function optionsAt(
  end: FlowSide,
  { direction, sockopt = [] }: Pick<StreamRequest, "direction" | "sockopt">,
): readonly StreamSocketOption[] {
  return sockopt.filter(({ side = sendingSide({ direction }) }) => side === end || side === "both");
}

/** Returns a request as it concerns one end: with the socket options of that end alone. */
export function requestAt(end: FlowSide, request: StreamRequest): StreamRequest {
  const { sockopt: _, ...rest } = request;
  const sockopt = optionsAt(end, request);
  return sockopt.length === 0 ? rest : { ...rest, sockopt };
}

/** For each key: what it is, and whether a value is that. */
export type FieldChecks = Readonly<Record<string, readonly [expected: string, holds: (value: unknown) => boolean]>>;

const checks: Readonly<Record<keyof StreamRequest, FieldChecks[string]>> = {
  flow: ["an id such as bulk.1", (value) => typeof value === "string" && FLOW_ID.test(value)],
  direction: ["upload or download", (value) => value === "upload" || value === "download"],
  durationMs: [
    `above 0, up to ${MAX_FLOW_MS}`,
    (value) => isNumber(value, 0, MAX_FLOW_MS) && value !== 0,
  ],
  lengthBytes: [`1 to ${limits.MAX_LENGTH_BYTES}`, (value) => isWhole(value, 1, limits.MAX_LENGTH_BYTES)],
  sampleIOIntervalMs: [`0 to ${MAX_FLOW_MS}`, (value) => isNumber(value, 0, MAX_FLOW_MS)],
  tcpInfoIntervalMs: [`1 to ${MAX_FLOW_MS}`, (value) => isNumber(value, 1, MAX_FLOW_MS)],
  bufLenBytes: [`1 to ${limits.MAX_BUF_LEN_BYTES}`, (value) => isWhole(value, 1, limits.MAX_BUF_LEN_BYTES)],
  warmupMs: [`0 to ${MAX_FLOW_MS}`, (value) => isNumber(value, 0, MAX_FLOW_MS)],
  cca: ["a name", (value) => typeof value === "string" && /^[\w-]{1,15}$/.test(value)],
  dscp: [`0 to ${MAX_DSCP}`, (value) => isWhole(value, 0, MAX_DSCP)],
  sockopt: ["a list of socket options", (value) => Array.isArray(value) && value.every(isSocketOption)],
  payload: ["random, zeros, file or a pattern", (value) => isRequestable(value) || value === "file"],
  endMark: ["32 hexadecimal digits", (value) => typeof value === "string" && END_MARK_TEXT.test(value)],
};

const required: readonly (keyof StreamRequest)[] = ["flow", "direction", "sampleIOIntervalMs", "bufLenBytes"];

/**
 * Checks a request.
 *
 * @throws {TineError} `bad-stream-request`
 */
export function checkRequest(value: unknown): StreamRequest {
  const given = checkFields(value, Object.keys(checks) as (keyof StreamRequest)[], required);
  if (given.durationMs === undefined && given.lengthBytes === undefined) {
    throw badRequest("has neither durationMs nor lengthBytes, and so no end");
  }
  const { payload = "zeros", endMark, direction } = given;
  if ((payload === "zeros") !== (endMark === undefined)) throw badRequest("has only one of payload and endMark");
  if (payload === "file" && direction === "download") throw badRequest("wants a file of the server");
  return value as StreamRequest;
}

/**
 * Checks the fields of an object in a request.
 *
 * @param known fields of requests for a transfer that it may have
 * @param required fields that it must have
 * @param more other fields that it may have
 * @throws {TineError} `bad-stream-request`
 */
export function checkFields(
  value: unknown,
  known: readonly (keyof StreamRequest)[],
  required: readonly string[],
  more: FieldChecks = {},
): Readonly<Record<string, unknown>> {
  if (!isObject(value)) throw badRequest("is not an object");
  const all: FieldChecks = { ...Object.fromEntries(known.map((key) => [key, checks[key]])), ...more };
  for (const [key, member] of Object.entries(value)) {
    if (!Object.hasOwn(all, key)) throw badRequest(`has ${printable(key)}, which is not known here`);
    const [expected, holds] = all[key];
    const fits = member === undefined || holds(member);
    if (!fits) throw badRequest(`has ${key} = ${printable(JSON.stringify(member))}, expected ${expected}`);
  }
  const missing = required.filter((key) => value[key] === undefined);
  if (missing.length > 0) throw badRequest(`lacks ${missing.join(", ")}`);
  return value;
}

/**
 * Checks the answer to a request.
 *
 * @returns its fields
 * @param server its address, for error messages
 * @throws {TineError} what the server refused it with; `bad-stream-frame`
 */
export function acceptedBy(server: string, value: unknown): Readonly<Record<string, unknown>> {
  if (!isObject(value)) throw badMessage("an answer", "is not an object");
  if (value.ok === true) return value;
  const { code, message } = value;
  if (typeof code !== "string" || !/^[a-z][a-z0-9-]{0,63}$/.test(code) || typeof message !== "string") {
    throw badMessage("an answer", "is neither yes nor no");
  }
  throw new TineError(code, `the server at ${server} refused: ${printable(message, 1000)}`);
}

/** What a client sends while a server sends: to stop as if its time were over. */
export const STOP_REQUEST = { stop: true } as const;

/** Whether it is such a request. */
export function isStopRequest(value: unknown): boolean {
  return isObject(value) && value.stop === true;
}

/** Checks a receipt. */
export function checkReceipt(value: unknown): StreamReceipt {
  if (!isObject(value) || !isWhole(value.bytes, 0, 2 ** 53) || !isWhole(value.durationNanos, 0, 2 ** 53)) {
    throw badMessage("a receipt", "has no bytes and durationNanos");
  }
  const { bytes, durationNanos, serverCpuNanos } = value;
  return { bytes, durationNanos, ...isNumber(serverCpuNanos, 0, 2 ** 53) ? { serverCpuNanos } : {} };
}

/** Whether the report of a sender has that it was ended by a limit of the server, and not as it was asked for. */
export function isEndedByServer(report: unknown): boolean {
  return isObject(report) && report.endedByServer === true;
}

/** Checks the report of a sender; unknown keys are left out. */
export function checkReport(value: unknown): SenderReport {
  if (!isObject(value)) throw badMessage("a report", "is not an object");
  return decodeSenderReport(value);
}

/** Whether a value is an object with named fields. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isNumber(value: unknown, min: number, max: number): value is number {
  return typeof value === "number" && value >= min && value <= max;
}

/** Whether a value is a whole number from `min` to `max`. */
export function isWhole(value: unknown, min: number, max: number): value is number {
  return isNumber(value, min, max) && Number.isInteger(value);
}

function isSocketOption(value: unknown): value is StreamSocketOption {
  return isObject(value) && ["string", "int", "byte"].includes(value.type as string) &&
    (value.side === undefined || ["client", "server", "both"].includes(value.side as string)) &&
    isWhole(value.level, 0, 2 ** 31 - 1) && isWhole(value.opt, 0, 2 ** 31 - 1) && typeof value.name === "string" &&
    (value.type === "string" ? typeof value.value === "string" : isWhole(value.value, -(2 ** 31), 2 ** 32 - 1));
}

function badRequest(what: string): TineError {
  return badMessage("a request", what, "bad-stream-request");
}

function badMessage(message: string, what: string, code = "bad-stream-frame"): TineError {
  return new TineError(code, `${message} for a stream ${what}`);
}

/** Text from elsewhere, fit to be printed. */
function printable(text: string, maxLength = 60): string {
  const plain = text.replace(/\p{C}/gu, " ");
  return plain.length > maxLength ? `${plain.slice(0, maxLength)}...` : plain;
}
