/**
 * What a parent and a child tell each other besides results, see node.proto.
 *
 * @module
 */
import { TineError } from "../../base/errors.ts";
import type { Host } from "../launch/launcher.ts";
import type { NodeTree } from "../node_tree.ts";
import { decodeNode, decodeRun } from "../run_decoder.ts";
import type { Run } from "../plan/types.ts";
import { type Feedback, feedbackFromJson, feedbackToJson } from "../feedback.ts";
import type { ParentClock } from "../clock_relation.ts";
import type { Runner } from "../runner.ts";
import { Kind, type Message } from "./frame.ts";
import { asDecimal, asNumber, asObject, asText, asTexts } from "./json_payload.ts";
import { decodeJson, encodeJson } from "./payloads.ts";

/** Changes whenever a node of another version of tine could not be understood. */
const PROTOCOL = 1;

/** What the answer of a child takes at most, in bytes: longer JSON would keep its parent busy for ages. */
const MOST_ANSWER_BYTES = 8 * 1024 * 1024;

/** What a node must know before it runs anything. */
export interface Setup {
  /** Absent for the first node of a machine, which finds out. */
  readonly host?: Host;
  /** The nodes that it launches. */
  readonly children: readonly NodeTree[];
  /** Files on its machine, by platform: executables for what it launches on others. */
  readonly executables?: Readonly<Record<string, string>>;
  /** What its parent's clock has to do with that of the root. */
  readonly parentClock?: ParentClock;
  /** The file for results that do not fit into memory; its parent reads it, should the node die. */
  readonly spill?: string;
  /** The key that all nodes of the run share: 32 bytes. */
  readonly key: Uint8Array;
}

/** A run that a child is to do. */
export interface RunRequest {
  readonly run: Run;
  readonly feedback: Feedback;
}

/** The message for {@linkcode Setup}. */
export function setupMessage(setup: Setup): Message {
  return control(Kind.setup, encodeJson({ protocol: PROTOCOL, ...setup, key: setup.key.toHex() }));
}

/** @throws {TineError} `bad-setup` */
export function decodeSetup({ payload }: Message): Setup {
  const value = decodeJson(payload) as Omit<Setup, "key"> & { protocol: number; key: unknown };
  if (typeof value !== "object" || value === null || value.protocol !== PROTOCOL) {
    const protocol = (value as { protocol?: unknown } | null)?.protocol;
    throw new TineError("bad-setup", `the parent speaks version ${protocol} of the protocol, this node ${PROTOCOL}`);
  }
  const { host, children, spill, executables, parentClock, key } = value;
  if ((host !== undefined && !Number.isInteger(host?.mounts)) || !Array.isArray(children)) {
    throw new TineError("bad-setup", "the parent sent a setup with a broken host or without children");
  }
  for (const tree of children) checkTree(tree);
  if (spill !== undefined && typeof spill !== "string") throw new TineError("bad-setup", "the spill is no path");
  if (typeof key !== "string" || !/^[0-9a-f]{64}$/.test(key)) {
    throw new TineError("bad-setup", "the parent sent a setup without a key of 32 bytes");
  }
  return {
    host,
    children,
    spill,
    key: Uint8Array.fromHex(key),
    executables: executables === undefined ? undefined : asTexts(executables, "executables"),
    parentClock: parentClock === undefined ? undefined : decodeParentClock(parentClock),
  };
}

function checkTree(tree: NodeTree): void {
  decodeNode(tree?.node);
  if (!Array.isArray(tree.children)) throw new TineError("bad-setup", `node ${tree.node.id} has no list of children`);
  for (const child of tree.children) checkTree(child);
}

function decodeParentClock(value: unknown): ParentClock {
  const { bootId, offsetNs, errorNs } = asObject(value, "parentClock");
  return {
    bootId: asText(bootId, "bootId"),
    offsetNs: asNumber(offsetNs, "offsetNs"),
    errorNs: asNumber(errorNs, "errorNs"),
  };
}

/** The question of a child for the time of its parent, and the answer to it: of the same number. */
export function clockMessage(number: string, time?: bigint): Message {
  return control(Kind.clock, time === undefined ? new Uint8Array() : encodeJson({ time }), number);
}

/** @throws {TineError} `bad-item` */
export function decodeClock({ payload }: Message): bigint {
  return asDecimal(asObject(decodeJson(payload), "it").time, "time");
}

/** The message for {@linkcode RunRequest}; the answer bears the same number. */
export function runMessage(number: number, { run, feedback }: RunRequest): Message {
  return control(Kind.run, encodeJson({ run, feedback: feedbackToJson(feedback) }), String(number));
}

/** @throws {TineError} `bad-run`, `bad-feedback` */
export function decodeRunRequest({ payload }: Message, runners: Readonly<Record<string, Runner>>): RunRequest {
  const value = decodeJson(payload) as { run: unknown; feedback: unknown } | null;
  return { run: decodeRun(value?.run, runners), feedback: feedbackFromJson(value?.feedback) };
}

/** The answer to a run. */
export function ranMessage(number: string, feedback: Feedback): Message {
  return control(Kind.ran, encodeJson(feedbackToJson(feedback)), number);
}

/** @throws {TineError} `bad-feedback`, `message-too-large` */
export function decodeRan({ payload }: Message): Feedback {
  checkLength(payload);
  return feedbackFromJson(decodeJson(payload));
}

/** Why a node is told to end, or has ended: a code and a sentence. */
export interface CancelReason {
  readonly code: string;
  readonly message: string;
}

/** The message that tells a node to end; without a reason, since all is done. */
export function cancelMessage(reason: CancelReason | undefined): Message {
  return control(Kind.cancel, encodeReason(reason));
}

/** The message that tells a node to end at once, also where it was told to end in order before. */
export function killMessage({ code, message }: CancelReason): Message {
  return control(Kind.cancel, encodeJson({ code, message, kill: true }));
}

/** The last message of a node. */
export function canceledMessage(reason: CancelReason | undefined): Message {
  return control(Kind.canceled, encodeReason(reason));
}

/**
 * @returns undefined where there is no reason: all is done
 * @throws {TineError} `message-too-large`
 */
export function decodeReason({ payload }: Message): CancelReason | undefined {
  if (payload.length === 0) return undefined;
  checkLength(payload);
  const { code, message } = Object(decodeJson(payload));
  return { code: String(code), message: String(message) };
}

/** All below and the node itself are launched. */
export function readyMessage(): Message {
  return control(Kind.ready, new Uint8Array());
}

/** Whether a message that tells a node to end means at once. */
export function meansKill({ payload }: Message): boolean {
  return payload.length > 0 && Object(decodeJson(payload)).kill === true;
}

function checkLength({ length }: Uint8Array): void {
  if (length <= MOST_ANSWER_BYTES) return;
  throw new TineError("message-too-large", `an answer has ${length} bytes, the limit is ${MOST_ANSWER_BYTES}`);
}

function encodeReason(reason: CancelReason | undefined): Uint8Array {
  return reason === undefined ? new Uint8Array() : encodeJson({ code: reason.code, message: reason.message });
}

function control(kind: Kind, payload: Uint8Array, name = ""): Message {
  return { kind, origin: "", name, payload };
}
