/**
 * What a server lets its flows have. It refuses flows that ask for more, informs its clients with the answer to the others,
 * so that these keep to it by themselves, and ends what does not.
 *
 * @module
 */
import { TineError } from "../base/errors.ts";
import { formatDuration, formatRate, MAX_DURATION, type Rate } from "../base/units.ts";
import { MAX_FLOW_MS } from "../base/limits.ts";
import type { RefusalReason, ServerAccount } from "./server_account.ts";

/** What a flow may have; absent: as much as it asks for. */
export interface FlowLimits {
  /** In each direction: payload of TCP or UDP. */
  readonly bitsPerSecond?: number;
  readonly durationMs?: number;
}

/** What the flows of a server may have. */
export interface ServingLimits extends FlowLimits {
  /** The maximum number of flows at the same time. */
  readonly flows?: number;
}

/** Returns how long a flow may go on beyond its time, for what is under way, in milliseconds. */
export function overtimeMs(durationMs: number): number {
  return Math.min(4000, 1000 + durationMs);
}

/** How long after its time a client ends a flow, in milliseconds: its server, which counts that as well, is first. */
export const AFTER_SERVER_MS = 10;

/** Returns the limits of a configuration. */
export function servingLimits(
  { maxRate, maxDuration, maxFlows }: {
    readonly maxRate?: Rate;
    readonly maxDuration?: number;
    readonly maxFlows?: number;
  },
): ServingLimits {
  const isInBits = typeof maxRate === "object" && "bitsPerSecond" in maxRate;
  return {
    ...isInBits ? { bitsPerSecond: maxRate.bitsPerSecond } : {},
    ...maxDuration === undefined ? {} : { durationMs: maxDuration },
    ...maxFlows === undefined ? {} : { flows: maxFlows },
  };
}

/** Returns what a client is informed of; undefined: there are no limits. */
export function limitsForClient({ bitsPerSecond, durationMs }: ServingLimits): FlowLimits | undefined {
  return bitsPerSecond === undefined && durationMs === undefined ? undefined : { bitsPerSecond, durationMs };
}

/** Returns what a server lets a flow have, as an info event has it. */
export function limitValues({ bitsPerSecond, durationMs }: FlowLimits = {}): Record<string, number> {
  return {
    ...bitsPerSecond === undefined ? {} : { maxBitsPerSecond: bitsPerSecond },
    ...durationMs === undefined ? {} : { maxDurationMs: durationMs },
  };
}

/** Reads what a server informs its client of; what cannot be is passed over. */
export function readLimits(value: unknown): FlowLimits {
  const { bitsPerSecond, durationMs } = Object(value) as Record<string, unknown>;
  return {
    ...isNumber(bitsPerSecond, Number.MAX_SAFE_INTEGER) ? { bitsPerSecond } : {},
    ...isNumber(durationMs, MAX_DURATION) ? { durationMs } : {},
  };
}

function isNumber(value: unknown, most: number): value is number {
  return typeof value === "number" && value > 0 && value <= most;
}

/** Whether a flow has no end of its own within the longest time: it is stopped, or ends after a number of bytes. */
export function isOpenEnded(durationMs: number | undefined): boolean {
  return durationMs === undefined || durationMs >= MAX_FLOW_MS;
}

/**
 * Checks how long a flow is to last.
 *
 * @param askedMs undefined: it is open-ended, and ends when its time is over
 * @throws {TineError} `over-max-duration`
 */
export function checkDuration({ durationMs = Infinity }: FlowLimits, askedMs: number | undefined): void {
  if (askedMs === undefined || isOpenEnded(askedMs) || askedMs <= durationMs) return;
  throw new TineError(
    "over-max-duration",
    `it is to last ${formatDuration(askedMs)}, and ${durationText({ durationMs })}`,
  );
}

/**
 * Checks what rate a flow is to have in a direction.
 *
 * @param bitsPerSecond Infinity: as much as possible
 * @throws {TineError} `over-max-rate`
 */
export function checkRate(limits: FlowLimits, bitsPerSecond: number): void {
  // Sums of rates, and rates in bytes, may be off by a rounding.
  if (bitsPerSecond <= (limits.bitsPerSecond ?? Infinity) * (1 + 1e-6)) return;
  const asked = bitsPerSecond === Infinity ? "send as fast as possible" : `have ${rateText(bitsPerSecond)}`;
  throw new TineError("over-max-rate", `it is to ${asked}, and the server lets a flow have ${limitText(limits)}`);
}

/**
 * Checks that a client is one that the server serves.
 *
 * @param host its address, without a port
 * @throws {TineError} `one-client`
 */
export function checkClient(account: ServerAccount, host: string): void {
  if (account.admits(host)) return;
  throw new TineError("one-client", "the server serves one client, and has it already (one-off)");
}

/**
 * Counts a flow that begins.
 *
 * @throws {TineError} `over-max-flows`
 */
export function beginFlow({ flows }: ServingLimits, account: ServerAccount): void {
  if (!account.begin(flows)) throw new TineError("over-max-flows", fullText(flows!));
}

/** Returns the sentence of a server without room for one more flow. */
export function fullText(flows: number): string {
  return `the server serves ${flows} ${flows === 1 ? "flow" : "flows"} at a time, and has as many already (max-flows)`;
}

const REASONS: Readonly<Record<string, RefusalReason>> = {
  "over-max-duration": "max-duration",
  "over-max-rate": "max-rate",
  "over-max-flows": "max-flows",
  "one-client": "one-off",
  "wrong-key": "key",
};

/** Returns the reason of a refusal as accounts have it, by the code of its error. */
export function refusalReason(code: string): RefusalReason {
  return Object.hasOwn(REASONS, code) ? REASONS[code] : "request";
}

/** Returns the rate that a flow may have as text: `10Mbps at most (max-rate)`. */
export function limitText({ bitsPerSecond = Infinity }: FlowLimits): string {
  return `${rateText(bitsPerSecond)} at most (max-rate)`;
}

/** Returns how long a flow may last as a clause: `the server lets a flow last 10s at most (max-duration)`. */
export function durationText({ durationMs = Infinity }: FlowLimits): string {
  return `the server lets a flow last ${formatDuration(durationMs)} at most (max-duration)`;
}

/**
 * Returns the error of a client whose flow was ended, since it has lasted as long as its server allows. What was measured
 * until then is whole.
 */
export function endedByServer(flow: string, server: string, limits: FlowLimits): TineError {
  return new TineError("server-limit", `flow ${flow} was ended at ${server}: ${durationText(limits)}`);
}

function rateText(bitsPerSecond: number): string {
  return formatRate({ bitsPerSecond: Number(bitsPerSecond.toPrecision(6)) });
}
