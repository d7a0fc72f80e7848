import { MAX_DSCP, MAX_FLOW_MS } from "../../base/limits.ts";
import { CCA_NAME } from "../../flow/config.ts";
import type { Flows } from "../../flow/flows.ts";
import { BIND_FORM, bindProblem } from "../../flow/bind.ts";
import { payloadProblem } from "../../flow/payload.ts";
import { parseCpuList } from "../../base/cpu_list.ts";
import { messageOf } from "../../base/errors.ts";
import type { Placement } from "../../sys/placement.ts";
import { UsageError } from "../errors.ts";
import { duration, type Flag, flag, flagName, integer, text } from "../flags.ts";
import { escape } from "../terminal.ts";
import { formatDuration, formatSize, parseRate, parseSize, type Rate } from "../../base/units.ts";
import { MAX_IN_FLIGHT } from "../../flow/transaction/limits.ts";

/** The maximum number of parallel flows. */
export const MAX_PARALLEL = 128;
/** The default time between lines while it runs, in milliseconds. */
const DEFAULT_INTERVAL_MS = 1000;
/** The default duration, in milliseconds. */
export const DEFAULT_CLIENT_DURATION_MS = 10_000;

/** The minimum interval between lines, in milliseconds. */
const MIN_INTERVAL_MS = 1;

/** Declares where threads run: `--cpu LIST`. */
function cpu(): Flag<string | undefined> {
  return {
    value: "LIST",
    help: "the CPUs that the threads of its flows run on: 1 or 0-1,3",
    read(given, name) {
      const list = given.at(-1);
      try {
        if (list !== undefined) parseCpuList(list);
      } catch (error) {
        throw new UsageError(`${name} LIST: ${messageOf(error)}`);
      }
      return list;
    },
  };
}

/** What servers and clients of both protocols take. */
export const commonFlags = {
  cpu: cpu(),
  priority: integer({
    min: 1,
    max: 99,
    help: "run these threads before all usual ones (SCHED_FIFO), if that is allowed",
  }),
  keyFile: text({
    value: "FILE",
    complete: "file",
    help: "the key that both ends share, 32 characters or more; else TINE_KEY; else none is wanted",
  }),
};

/** Declares where flows come from: `--bind ADDR[%IF][:PORT]`. */
function bind(): Flag<string | undefined> {
  return {
    value: BIND_FORM,
    help: "source address, interface and port, or some of them: %eth0, :5000; more flows have the ports that follow",
    read(given, name) {
      const text = given.at(-1);
      const problem = bindProblem(text, undefined);
      if (problem === undefined) return text;
      throw new UsageError(`${name} ${BIND_FORM}: ${problem}`);
    },
  };
}

/**
 * Returns how a client dials its server, and where its flows run.
 *
 * @throws {UsageError} for flags that exclude each other
 */
export function dialled<P extends "tcp" | "udp">(
  protocol: P,
  { bind, ipv4, ipv6, cpu, priority }: Placement & {
    readonly bind?: string;
    readonly ipv4: boolean;
    readonly ipv6: boolean;
  },
): Placement & { readonly protocol?: `${P}4` | `${P}6`; readonly bind?: string } {
  if (ipv4 && ipv6) throw new UsageError("-4 and -6 exclude each other: give one of them");
  const given = ipv4 ? `${protocol}4` as const : ipv6 ? `${protocol}6` as const : undefined;
  const problem = bindProblem(bind, given);
  if (problem !== undefined) throw new UsageError(`--bind ${BIND_FORM}: ${problem}`);
  return { protocol: given, bind, cpu, priority };
}

/** Declares what flows carry: `--payload random|zeros|FILE|0xHEX`. */
function payload(): Flag<string | undefined> {
  return {
    value: "random|zeros|FILE|0xHEX",
    words: ["random", "zeros"],
    complete: "file",
    defaultText: "random",
    help: "what is sent, again and again; a server sends no FILE",
    read(given, name) {
      const text = given.at(-1);
      const problem = payloadProblem(text, false);
      if (problem === undefined && text !== "") return text;
      throw new UsageError(
        `${name} random|zeros|FILE|0xHEX: ${problem ?? 'expected random, zeros, 0xHEX or a file, not ""'}`,
      );
    },
  };
}

/**
 * Checks that no server is to send a file.
 *
 * @param fromServer whether it sends
 * @throws {UsageError}
 */
export function checkPayload(payload: string | undefined, fromServer: boolean): void {
  const problem = payloadProblem(payload, fromServer);
  if (problem !== undefined) throw new UsageError(`--payload random|zeros|FILE|0xHEX: ${problem}`);
}

/** What clients of both protocols take. */
export const clientFlags = {
  interval: duration({
    min: MIN_INTERVAL_MS,
    zero: "never",
    defaultText: "1s, with --json never",
    help: "print what was measured this often while it runs",
  }),
  parallel: integer({ min: 1, max: MAX_PARALLEL, help: "flows at the same time in each direction (default: 1)" }),
  reverse: flag({ help: "from the server to this client" }),
  bidir: flag({ help: "both ways at the same time" }),
  warmup: duration({ help: "leave this time from the start on out of all figures (default: 0)" }),
  dscp: integer({
    min: 0,
    max: MAX_DSCP,
    help: "differentiated services code point of what this client sends: 0 to 63 (default: 0)",
  }),
  payload: payload(),
  bind: bind(),
  ipv4: flag({ short: "4", help: "only IPv4, of a name that has both" }),
  ipv6: flag({ short: "6", help: "only IPv6, of a name that has both" }),
  ...commonFlags,
  json: flag({ help: "a JSON object: the summary; with --interval, one a line while it runs as well" }),
};

/** What clients of both protocols take for requests and responses, beside the lengths of these. */
export const transactionFlags = {
  transactions: integer({
    min: 1,
    goesWith: ["rr", "crr"],
    help: "stop after this many transactions of each flow",
  }),
  inFlight: integer({
    min: 1,
    max: MAX_IN_FLIGHT,
    goesWith: ["rr", "crr"],
    help: "transactions under way at the same time in each flow (default: 1)",
  }),
};

/** Lengths of messages. */
export interface MessageLengths {
  readonly request: number;
  readonly response: number;
}

/**
 * Declares the lengths of requests and responses: `--rr SIZE[,SIZE]`.
 *
 * @param least the least length, in bytes
 * @param most the greatest length
 */
export function messageLengths(
  { help, least = 1, most }: { readonly help: string; readonly least?: number; readonly most: number },
): Flag<MessageLengths | undefined> {
  return {
    value: "SIZE[,SIZE]",
    help,
    read(given, name) {
      const text = given.at(-1);
      if (text === undefined) return undefined;
      const sizes = text.split(",").map((one) => parseSize(/^\d+$/.test(one) ? `${one}B` : one));
      const fits = sizes.length <= 2 && sizes.every((size) => size !== undefined && size >= least && size <= most);
      if (!fits) {
        throw new UsageError(
          `${name} SIZE[,SIZE]: expected one or two sizes of ${formatSize(least)} to ${
            formatSize(most)
          } such as 64B,1kB, not "${escape(text)}"`,
        );
      }
      const [request, response = request] = sizes as number[];
      return { request, response };
    },
  };
}

const SIZES = "--rr SIZE[,SIZE] has the lengths of messages, and --transactions their number";
const BOTH_WAYS = "each transaction goes both ways";
const BY_ANSWER = "a request waits for a response, not for a time; --in-flight N has several at a time";

/** Why flags have no meaning for requests and responses, or what there is in their place. */
const INSTEAD: Readonly<Record<string, string>> = {
  length: SIZES,
  bytes: SIZES,
  packets: SIZES,
  reverse: BOTH_WAYS,
  bidir: BOTH_WAYS,
  echo: BOTH_WAYS,
  wait: BY_ANSWER,
  rate: BY_ANSWER,
  payload: "over TCP their messages are random; tine udp client --rr takes a payload",
};

/**
 * Refuses flags that have no meaning for requests and responses.
 *
 * @param given what was on the command line of those flags
 * @throws {UsageError}
 */
export function checkTransactionFlags(given: Readonly<Record<string, unknown>>): void {
  const wrong = Object.keys(given).find((key) => given[key] !== undefined && given[key] !== false);
  if (wrong === undefined) return;
  throw new UsageError(`${flagName(wrong)} is not for requests and responses: ${INSTEAD[wrong] ?? "leave it out"}`);
}

/** Declares how long a client runs: `--duration DURATION`. */
export function flowDuration(
  options: { readonly help: string; readonly defaultText: string },
): Flag<number | undefined> {
  return duration({ ...options, max: MAX_FLOW_MS, zero: "until Ctrl-C" });
}

/** Declares the congestion control of senders: `--cca NAME`. */
export function cca(options: { readonly help: string; readonly goesWith?: string[] }): Flag<string | undefined> {
  return {
    value: "NAME",
    words: ["cubic", "bbr", "reno"],
    ...options,
    read(given, name) {
      const text = given.at(-1);
      if (text === undefined || CCA_NAME.test(text)) return text;
      throw new UsageError(
        `${name} NAME: expected the name of a congestion control such as cubic, not "${escape(text)}"`,
      );
    },
  };
}

/**
 * Refuses flags that need raw sockets, where flows have no raw sockets.
 *
 * @param given what was on the command line of those flags
 * @throws {UsageError}
 */
export function checkRawSockets(kind: Flows["kind"], given: Readonly<Record<string, unknown>>): void {
  if (kind === "ffi") return;
  const names = Object.keys(given).filter((key) => given[key] !== undefined && given[key] !== false);
  if (names.length === 0) return;
  const flags = names.map(flagName).join(" and ");
  throw new UsageError(`${flags}: only raw sockets can do that, and there are none here; leave it out`);
}

/**
 * Checks that something is left to measure.
 *
 * @param warmup in milliseconds, as the duration is
 * @param durationMs of the flows; Infinity: they end after a length
 * @throws {UsageError}
 */
export function checkWarmup(warmup: number | undefined, durationMs: number): void {
  if (warmup === undefined || warmup < durationMs) return;
  throw new UsageError(
    `--warmup DURATION: expected less than the duration of ${formatDuration(durationMs)}, not ${
      formatDuration(warmup)
    }`,
  );
}

/** Returns the time between lines, in milliseconds; Infinity: no lines. */
export function intervalOf({ interval, json }: { interval?: number; json: boolean }): number {
  return (interval ?? (json ? 0 : DEFAULT_INTERVAL_MS)) || Infinity;
}

/** The options of a flag for rates. */
export interface RateOptions {
  readonly help: string;
  /** What to write, for help and messages. */
  readonly example: string;
  /** Packets per second and `max` are rates as well. */
  readonly packets: boolean;
}

/** The rates of both directions. */
export interface Rates {
  readonly up: Rate;
  readonly down: Rate;
  /** Whether each direction was given one. */
  readonly both: boolean;
}

/** Declares a rate such as `10Mbps`, or one for each direction: `--rate RATE[,DOWN]`. */
export function rate({ help, example, packets }: RateOptions): Flag<Rates | undefined> {
  return {
    value: "RATE[,DOWN]",
    help,
    read(given, name) {
      const text = given.at(-1);
      if (text === undefined) return undefined;
      const parsed = text.split(",", 3).map((part) => parseRate(part));
      const fits = (rate: Rate | undefined): rate is Rate =>
        rate !== undefined && (packets || (rate !== "max" && "bitsPerSecond" in rate));
      const [up, down = up, ...more] = parsed;
      if (fits(up) && fits(down) && more.length === 0) return { up, down, both: parsed.length > 1 };
      const hint = /^[\d.]+[kMG]?$/.test(text) ? `; the unit is missing: ${text.replace(/\d$/, "$&M")}bps?` : "";
      throw new UsageError(`${name} RATE[,DOWN]: expected a rate such as ${example}, not "${escape(text)}"${hint}`);
    },
  };
}

/**
 * Checks that a rate for each direction has two of them.
 *
 * @throws {UsageError}
 */
export function checkRates({ rate, bidir }: { readonly rate?: Rates; readonly bidir: boolean }): void {
  if (rate?.both && !bidir) throw new UsageError("--rate RATE,DOWN means nothing without --bidir: give one rate");
}
