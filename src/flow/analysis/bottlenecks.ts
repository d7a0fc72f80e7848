import { formatCount, grouped } from "../../base/units.ts";
import { LATE_NANOS, type PacketFigures } from "./sender_analysis.ts";
import type { StreamFigures } from "./stream_analysis.ts";
import type { TransactionFigures } from "./transaction_analysis.ts";

/** The least number of late packets that is reported, if their share is great enough too: the first alone is not. */
const LATE_PACKETS = 2;
const LATE_SHARE = 0.01;
/** A thread that computes for this share of the time has a core to itself and could use more. */
const BUSY_SHARE = 0.9;
/** A stream that has nothing to send, or nowhere to put it, for this share of the time is held up by an end. */
const LIMITED_SHARE = 0.2;

/** Of a stream that is shorter, in nanoseconds, opening it is a good part: shares of its time have no meaning. */
const MIN_STREAM_NANOS = 500e6;

/** Why a figure may be that of tine and its machines rather than of the network. */
export interface Bottleneck {
  /** For programs. */
  readonly code:
    | "sends-late"
    | "slow-server"
    | "unsent"
    | "send-errors"
    | "socket-drops"
    | "server-socket-drops"
    | "busy-core"
    | "busy-server-core"
    | "busy-processors"
    | "receive-window"
    | "sender-idle";
  /** For people: one sentence, without a full stop. */
  readonly message: string;
  /** Of several with one code, the one with the greatest size is the worst. */
  readonly size: number;
}

/** What was seen of the machine while it measured. */
export interface MachineLoad {
  /** Of the busiest thread of this program: the share of the time that it computed, 0 to 1. */
  readonly busiestThread?: number;
  /** Of the time of all its processors: the share that they were busy, with whatever, 0 to 1. */
  readonly processors?: number;
}

/** Where tine was the bottleneck of packets. */
export function packetBottlenecks(figures: PacketFigures, load: MachineLoad): Bottleneck[] {
  const found: Bottleneck[] = [];
  const { lateness, lateSends, serverTime, slowReplies, toServer, fromServer, sendErrors, unsent } = figures;
  const limit = `${LATE_NANOS / 1e6} ms`;
  if (lateness !== undefined && areMany(lateSends, lateness.count)) {
    const message =
      `${grouped(lateSends)} of ${formatCount(lateness.count, "packet")} were sent over ${limit} late, the latest by ` +
      `${milliseconds(lateness.max)} ms`;
    found.push({ code: "sends-late", message, size: lateness.p99 });
  }
  if (serverTime !== undefined && areMany(slowReplies, serverTime.count)) {
    const message =
      `the server had ${grouped(slowReplies)} of ${
        formatCount(serverTime.count, "packet")
      } for over ${limit} before it sent ` +
      `them back, at most ${milliseconds(serverTime.max)} ms`;
    found.push({ code: "slow-server", message, size: serverTime.p99 });
  }
  if (unsent > 0) {
    const message = `time was over before ${formatCount(unsent, "packet")} could be sent`;
    found.push({ code: "unsent", message, size: unsent });
  }
  if (sendErrors > 0) {
    const message = `the system did not take ${formatCount(sendErrors, "packet")}`;
    found.push({ code: "send-errors", message, size: sendErrors });
  }
  if (fromServer !== undefined && fromServer.socketDrops > 0) {
    found.push({
      code: "socket-drops",
      message: `the client's own socket dropped ${formatCount(fromServer.socketDrops, "packet")} that had arrived`,
      size: fromServer.socketDrops,
    });
  }
  if (toServer !== undefined && toServer.socketDrops > 0) {
    found.push({
      code: "server-socket-drops",
      message: `the server's socket dropped ${formatCount(toServer.socketDrops, "packet")} that had arrived`,
      size: toServer.socketDrops,
    });
  }
  return [...found, ...machineBottlenecks(load)];
}

/**
 * Where tine was the bottleneck of a stream.
 *
 * @param paced the sender was to keep to a rate, so that it has nothing to send at times
 */
export function streamBottlenecks(figures: StreamFigures, load: MachineLoad, paced = false): Bottleneck[] {
  const found: Bottleneck[] = [];
  const limits = figures.durationNanos < MIN_STREAM_NANOS ? undefined : figures.limits;
  if (limits !== undefined && limits.receiveWindow > LIMITED_SHARE) {
    const percent = Math.round(limits.receiveWindow * 100);
    found.push({
      code: "receive-window",
      message: `the receiver's window was full for ${percent}% of the time: its program or its buffer was the limit`,
      size: limits.receiveWindow,
    });
  }
  if (limits !== undefined && limits.busy < 1 - LIMITED_SHARE && !paced) {
    const percent = Math.round((1 - limits.busy) * 100);
    const message = `the sender had nothing to send for ${percent}% of the time`;
    found.push({ code: "sender-idle", message, size: 1 - limits.busy });
  }
  return [...found, ...busyServer(figures), ...machineBottlenecks(load)];
}

/** Where tine was the bottleneck of requests and responses. */
export function transactionBottlenecks(figures: TransactionFigures, load: MachineLoad): Bottleneck[] {
  return [...busyServer(figures), ...machineBottlenecks(load)];
}

function busyServer(
  { durationNanos, serverBusy = 0 }: { readonly durationNanos: number; readonly serverBusy?: number },
): Bottleneck[] {
  if (durationNanos < MIN_STREAM_NANOS || serverBusy < BUSY_SHARE) return [];
  const percent = Math.round(serverBusy * 100);
  const message = `sending or receiving kept a core of the server busy for ${percent}% of the time`;
  return [{ code: "busy-server-core", message, size: serverBusy }];
}

function machineBottlenecks({ busiestThread, processors }: MachineLoad): Bottleneck[] {
  if (busiestThread === undefined || busiestThread < BUSY_SHARE) {
    if (processors === undefined || processors < BUSY_SHARE) return [];
    const percent = Math.round(processors * 100);
    const message = `the processors were busy for ${percent}% of the time, with tine and other programs`;
    return [{ code: "busy-processors", message, size: processors }];
  }
  const percent = Math.round(busiestThread * 100);
  const message = `sending or receiving kept a core of this machine busy for ${percent}% of the time`;
  return [{ code: "busy-core", message, size: busiestThread }];
}

/** What a sender that is behind its plan falsifies: its own times, rates and counts. */
const SENDING =
  /^(?:lateness|durationSeconds|sendBitsPerSecond|goodputBitsPerSecond|unsent|sendErrors|\w+\.(?:sent|received)$)/;

/** The figures that bottlenecks falsify, by their names in JSON; other bottlenecks falsify all of them. */
const FALSIFIED: ReadonlyMap<string, RegExp> = new Map([
  ["sends-late", SENDING],
  ["unsent", SENDING],
  ["send-errors", SENDING],
  ["slow-server", /^serverTime/],
]);

/**
 * Returns whether a bottleneck may have falsified a figure. Round-trip times, delays and losses are those of the packets
 * that were sent, from the moment when they were, and without the time at the server: that some are late does not change
 * them.
 *
 * @param code of a {@linkcode Bottleneck}
 * @param figure its name in JSON, such as `rttP99Micros` or `toServer.lostPercent`
 *
 * @example
 * ```ts
 * import { falsifies } from "./bottlenecks.ts";
 * console.assert(falsifies("sends-late", "goodputBitsPerSecond") && !falsifies("sends-late", "rttP99Micros"));
 * ```
 */
export function falsifies(code: string, figure: string): boolean {
  return FALSIFIED.get(code)?.test(figure) ?? true;
}

/**
 * Returns the worst one of each code, and how many other flows have one of that code.
 *
 * @param bottlenecks with the ids of their flows where these differ
 */
export function worstBottlenecks<B extends Bottleneck & { readonly flow?: string }>(
  bottlenecks: readonly B[],
): (B & { readonly otherFlows: number })[] {
  return Array.from(Map.groupBy(bottlenecks, ({ code }) => code).values(), (alike) => {
    const worst = alike.reduce((worst, one) => one.size > worst.size ? one : worst);
    return { ...worst, otherFlows: new Set(alike.map(({ flow }) => flow)).size - 1 };
  });
}

function areMany(late: number, all: number): boolean {
  return late >= LATE_PACKETS && late >= all * LATE_SHARE;
}

function milliseconds(nanos: number): string {
  return grouped((nanos / 1e6).toFixed(1));
}
