/**
 * What control messages hold, those between a parent and a child besides results, see node.proto.
 *
 * @module
 */
import { messageOf, TineError } from "../../base/errors.ts";
import { boolean, count, int64, list, map, number, object, optional, text, type Validator } from "../../base/shape.ts";
import type { ClockAnswer, ParentClock } from "../clock_relation.ts";
import { type Feedback, feedbackFromJson, feedbackToJson } from "../feedback.ts";
import type { Host } from "../launch/launcher.ts";
import { checkNode, type NodeTree } from "../run_tree.ts";
import { type Codec, json, orEmpty } from "./json.ts";

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
  /** What {@linkcode checkRunTree} accepts. */
  readonly run: unknown;
  readonly feedback: Feedback;
  /** The place of the run in its plan; empty where it is not known. */
  readonly path?: string;
}

/** Why a node is to end, or has ended: a code and a sentence. */
export interface CancelReason {
  readonly code: string;
  readonly message: string;
}

/** What control messages hold, by their kinds. */
export interface Contents {
  setup: Setup;
  /** The message has a number; the answer has the same one. */
  run: RunRequest;
  /** Feedback of the run of this number. */
  ran: Feedback;
  /** Why the node is to end; undefined: everything is done. With `kill` it is to end at once, also after another one. */
  cancel: CancelReason & { readonly kill?: boolean } | undefined;
  /** Why it has ended; its last message. */
  canceled: CancelReason | undefined;
  /** The parent's time, in answer to the question of this number; undefined: the question. */
  clock: ClockAnswer | undefined;
  /** The node is launched, with all below it. */
  ready: undefined;
}

const HOST: Validator<Host> = (value, name) => {
  object({ mounts: count })(value, name);
  return value as Host;
};

const TREE: Validator<NodeTree> = (value, name) => ({
  node: checkNode((value as NodeTree | undefined)?.node),
  children: list(TREE)((value as NodeTree).children, `${name}.children`),
});

const KEY: Validator<Uint8Array> = (value, name) => {
  if (typeof value === "string" && /^[0-9a-f]{64}$/.test(value)) return Uint8Array.fromHex(value);
  throw new TineError("bad-setup", `${name} is not 32 bytes in hexadecimal`);
};

const SETUP = object<Setup>({
  host: optional(HOST),
  children: list(TREE),
  executables: optional(map(text)),
  parentClock: optional(object({ bootId: text, offsetNs: number, errorNs: number })),
  spill: optional(text),
  key: KEY,
});

/** @throws {TineError} `bad-setup` */
const SETUP_OF_PARENT: Validator<Setup> = (value) => {
  const { protocol } = Object(value);
  if (protocol !== PROTOCOL) {
    const message = `the parent speaks version ${protocol} of the protocol, this node ${PROTOCOL}`;
    throw new TineError("bad-setup", message);
  }
  try {
    return SETUP(value, "");
  } catch (error) {
    const message = `the parent sent a setup that is broken: ${messageOf(error)}`;
    throw new TineError("bad-setup", message, { cause: error });
  }
};

const RUN = object<RunRequest>({ run: (run) => run, feedback: feedbackFromJson, path: optional(text) });
const REASON = object({ code: text, message: text, kill: optional(boolean) });
const CLOCK_ANSWER = object<ClockAnswer>({
  time: int64,
  clock: optional(object({ offsetNs: number, errorNs: number })),
});

/** How they are sent. */
export const CONTENTS: { readonly [K in keyof Contents]: Codec<Contents[K]> } = {
  setup: json(SETUP_OF_PARENT, (setup) => ({ protocol: PROTOCOL, ...setup, key: setup.key.toHex() })),
  run: json(RUN, ({ run, feedback, path }) => ({ run, feedback: feedbackToJson(feedback), path })),
  ran: { maxBytes: MAX_ANSWER_BYTES, ...json(feedbackFromJson, feedbackToJson) },
  cancel: orEmpty({ maxBytes: MAX_ANSWER_BYTES, ...json(REASON, reasonToJson) }),
  canceled: orEmpty({ maxBytes: MAX_ANSWER_BYTES, ...json(REASON, reasonToJson) }),
  // An answer is never empty.
  clock: { ...orEmpty(json(CLOCK_ANSWER)), decode: json(CLOCK_ANSWER).decode },
  ready: { encode: () => new Uint8Array(), decode: () => undefined },
};

/** A reason may be an error, with more to it. */
function reasonToJson({ code, message, kill }: NonNullable<Contents["cancel"]>): unknown {
  return { code, message, kill };
}
