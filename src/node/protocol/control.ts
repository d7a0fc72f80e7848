/**
 * Messages between a parent and a child besides results, see node.proto.
 *
 * @module
 */
import { messageOf, TineError } from "../../base/errors.ts";
import type { ClockAnswer, ParentClock } from "../clock_relation.ts";
import { type Feedback, feedbackFromJson, feedbackToJson } from "../feedback.ts";
import type { Host } from "../launch/launcher.ts";
import type { NodeTree } from "../run_tree.ts";
import type { Node, Run, Schedule } from "../plan/types.ts";
import type { Runner } from "../runner.ts";
import { Kind, type Message } from "./frame.ts";
import { type Check, count, int64, list, map, number, object, optional, text } from "../../base/shape.ts";
import { decodeJson, encodeJson } from "./json.ts";
import { NODE_ID } from "../../base/limits.ts";

/** Changes whenever a node of another version of tine could not be understood. */
const PROTOCOL = 1;

/** The size limit of a child's answer, in bytes: reading JSON that is longer would keep its parent busy. */
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;

/** What a node must know before it runs anything. */
export interface Setup {
  /** Absent for the first node of a machine, which finds out. */
  readonly host?: Host;
  /** The nodes that it launches. */
  readonly children: readonly NodeTree[];
  /** Files on its machine, by platform: executables for what it launches on others. */
  readonly executables?: Readonly<Record<string, string>>;
  /** The clock of its parent, in relation to that of the root. */
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
  /** The place of the run in its plan; empty where it is not known. */
  readonly path?: string;
}

/** Why a node is to end, or has ended: a code and a sentence. */
export interface CancelReason {
  readonly code: string;
  readonly message: string;
}

/** Returns the message for {@linkcode Setup}. */
export function setupMessage(setup: Setup): Message {
  return control(Kind.setup, encodeJson({ protocol: PROTOCOL, ...setup, key: setup.key.toHex() }));
}

const HOST: Check<Host> = (value, name) => {
  object({ mounts: count })(value, name);
  return value as Host;
};

const TREE: Check<NodeTree> = (value, name) => ({
  node: decodeNode((value as NodeTree | undefined)?.node),
  children: list(TREE)((value as NodeTree).children, `${name}.children`),
});

const KEY: Check<Uint8Array> = (value, name) => {
  if (typeof value === "string" && /^[0-9a-f]{64}$/.test(value)) return Uint8Array.fromHex(value);
  throw new TineError("bad-setup", `${name} is not 32 bytes in hexadecimal`);
};

const CLOCK_ANSWER = object<ClockAnswer>({
  time: int64,
  clock: optional(object({ offsetNs: number, errorNs: number })),
});

const SETUP = object<Setup>({
  host: optional(HOST),
  children: list(TREE),
  executables: optional(map(text)),
  parentClock: optional(object({ bootId: text, offsetNs: number, errorNs: number })),
  spill: optional(text),
  key: KEY,
});

/** @throws {TineError} `bad-setup` */
export function decodeSetup({ payload }: Message): Setup {
  const value = decodeJson(payload);
  const { protocol } = Object(value);
  if (protocol !== PROTOCOL) {
    throw new TineError("bad-setup", `the parent speaks version ${protocol} of the protocol, this node ${PROTOCOL}`);
  }
  try {
    return SETUP(value, "");
  } catch (error) {
    throw new TineError("bad-setup", `the parent sent a setup that is broken: ${messageOf(error)}`, { cause: error });
  }
}

/** Returns the question of a child for its parent's time; with an answer, that to the question of this number. */
export function clockMessage(number: string, answer?: ClockAnswer): Message {
  return control(Kind.clock, answer && encodeJson(answer), number);
}

/** @throws {TineError} `bad-item` */
export function decodeClock({ payload }: Message): ClockAnswer {
  return CLOCK_ANSWER(decodeJson(payload), "");
}

/** Returns the message for {@linkcode RunRequest}; the answer has the same number. */
export function runMessage(number: number, { run, feedback, path }: RunRequest): Message {
  return control(Kind.run, encodeJson({ run, feedback: feedbackToJson(feedback), path }), String(number));
}

/** @throws {TineError} `bad-run`, `bad-feedback` */
export function decodeRunRequest({ payload }: Message, runners: Readonly<Record<string, Runner>>): RunRequest {
  const { run, feedback, path } = Object(decodeJson(payload));
  return {
    run: decodeRun(run, runners),
    feedback: feedbackFromJson(feedback),
    path: typeof path === "string" ? path : "",
  };
}

/** Returns the answer to a run. */
export function ranMessage(number: string, feedback: Feedback): Message {
  return control(Kind.ran, encodeJson(feedbackToJson(feedback)), number);
}

/** @throws {TineError} `bad-feedback`, `message-too-large` */
export function decodeRan({ payload }: Message): Feedback {
  checkLength(payload);
  return feedbackFromJson(decodeJson(payload));
}

/** Returns the message that ends a node in order; without a reason, everything is done. */
export function cancelMessage(reason: CancelReason | undefined): Message {
  return control(Kind.cancel, encodeReason(reason));
}

/** Returns the message that ends a node at once, also after {@linkcode cancelMessage}. */
export function killMessage({ code, message }: CancelReason): Message {
  return control(Kind.cancel, encodeJson({ code, message, kill: true }));
}

/** Whether a message that ends a node is a {@linkcode killMessage}. */
export function isKill({ payload }: Message): boolean {
  return payload.length > 0 && Object(decodeJson(payload)).kill === true;
}

/** Returns the last message of a node. */
export function canceledMessage(reason: CancelReason | undefined): Message {
  return control(Kind.canceled, encodeReason(reason));
}

/**
 * @returns undefined without a reason: everything is done
 * @throws {TineError} `message-too-large`
 */
export function decodeReason({ payload }: Message): CancelReason | undefined {
  if (payload.length === 0) return undefined;
  checkLength(payload);
  const { code, message } = Object(decodeJson(payload));
  return { code: String(code), message: String(message) };
}

/** Returns the message of a node that is launched, with all below it. */
export function readyMessage(): Message {
  return control(Kind.ready);
}

function checkLength({ length }: Uint8Array): void {
  if (length <= MAX_ANSWER_BYTES) return;
  throw new TineError("message-too-large", `an answer has ${length} bytes, the limit is ${MAX_ANSWER_BYTES}`);
}

function encodeReason(reason: CancelReason | undefined): Uint8Array | undefined {
  return reason && encodeJson({ code: reason.code, message: reason.message });
}

function control(kind: Kind, payload: Uint8Array = new Uint8Array(), name = ""): Message {
  return { kind, origin: "", name, payload };
}

/**
 * Checks a run tree that a parent sent. The parent has validated it against the schema; this only makes sure that it
 * is a tree which this node can run, so that no schema library needs to be loaded.
 *
 * @param value what was sent, parsed from JSON
 * @param runners the runners that there are, by name
 * @throws {TineError} `bad-run`
 */
export function decodeRun(value: unknown, runners: Readonly<Record<string, Runner>>): Run {
  checkRun(value, runners);
  return value as Run;
}

/** Checks a node that a parent sent. */
export function decodeNode(value: unknown): Node {
  const { id, launcher } = objectIn(value, "a node");
  if (typeof id !== "string" || !NODE_ID.test(id)) throw bad("the id of a node", id);
  objectIn(launcher, `the launcher of node ${id}`);
  return value as Node;
}

/** Members that stand beside a run: a test's and a child's own. */
const NOT_RUNS = new Set(["id", "timeout", "udfs", "gates", "node"]);

function checkRun(value: unknown, runners: Readonly<Record<string, Runner>>): void {
  for (const [kind, content] of Object.entries(objectIn(value, "a run"))) {
    if (NOT_RUNS.has(kind)) continue;
    switch (kind) {
      case "serial":
      case "parallel":
        checkRuns(content, runners);
        break;
      case "schedule":
        checkSchedule(content, runners);
        break;
      case "child":
        decodeNode(objectIn(content, "a child").node);
        checkRun(content, runners);
        break;
      default:
        if (!Object.hasOwn(runners, kind)) throw bad("a runner", kind);
    }
  }
}

function checkRuns(value: unknown, runners: Readonly<Record<string, Runner>>): void {
  if (!Array.isArray(value)) throw bad("a list of runs", value);
  for (const run of value) checkRun(run, runners);
}

function checkSchedule(value: unknown, runners: Readonly<Record<string, Runner>>): void {
  const { wait = [], run } = objectIn(value, "a schedule") as Partial<Schedule>;
  const isDuration = (duration: unknown) => typeof duration === "number" && duration >= 0;
  if (!Array.isArray(wait) || !wait.every(isDuration)) throw bad("the waits of a schedule", wait);
  checkRuns(run, runners);
}

function objectIn(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw bad(what, value);
  return value as Record<string, unknown>;
}

function bad(what: string, value: unknown): TineError {
  const shown = JSON.stringify(value)?.slice(0, 100);
  return new TineError("bad-run", `the parent sent something else than ${what}: ${shown}`);
}
