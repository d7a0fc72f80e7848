import type { SockAddr } from "../../sys/address.ts";
import type { Hmac } from "../hmac.ts";
import { RateLimit } from "../rate_limit.ts";
import type { ServedPacketReport } from "../report.ts";
import type { AccountedFlow } from "../server_account.ts";
import { type FlowLimits, limitText, overtimeMs } from "../serving_limits.ts";
import { ArrivalTimes, DuplicateWindow } from "./arrivals.ts";
import type { SendFailure, Totals } from "./control_packet.ts";
import { LOST_NANOS, SILENCE_NANOS } from "./control_exchange.ts";
import { type FlowName, flowPlace } from "./header.ts";
import type { OpenSettings } from "./open_settings.ts";
import type { PacketSamples } from "./packet_samples.ts";
import { PacketSender } from "./packet_sender.ts";
import type { Steering } from "./steering.ts";
import type { IncomingPackets } from "./packet_port.ts";
import { COOKIE_MS } from "./cookies.ts";

/** The options of a served flow. */
export interface ServedFlowOptions {
  readonly name: FlowName;
  readonly address: SockAddr;
  /** Of the key of the flow. */
  readonly hmac: Hmac | undefined;
  readonly settings: OpenSettings;
  /** What opened it: the same once more is the same flow. */
  readonly nonce: Uint8Array;
  readonly samples: PacketSamples;
  /** When it was opened, in the time of the server. */
  readonly start: number;
  /** The same, in the time that the server attends to its socket. */
  readonly lastReceived: number;
  /** What the socket had dropped by then. */
  readonly socketDrops: number;
  /** Whether the socket has the traffic class of what arrives. */
  readonly seesMarks: boolean;
  readonly limits: FlowLimits;
  /** Counts it for the server. */
  readonly accounted: AccountedFlow;
}

/** What arrives earlier than at the rate of a flow, as time: at its start, and after it was late. */
const EARLY_SECONDS = 0.1;
const LATE_SECONDS = 1;

/** A flow at its server. */
export class ServedFlow {
  readonly name: FlowName;
  readonly address: SockAddr;
  readonly hmac: Hmac | undefined;
  readonly settings: OpenSettings;
  readonly nonce: Uint8Array;
  readonly samples: PacketSamples;
  readonly start: number;
  /** By sender. */
  readonly windows: readonly DuplicateWindow[];
  /** By sender: when packets arrived of which the client gets no echo. */
  readonly arrivals: readonly ArrivalTimes[];
  /** Senders of this end, by their index in the client's configuration. */
  readonly senders: readonly PacketSender[];
  /** When the last packet of the client came, in the time that the server attends to its socket. */
  lastReceived: number;
  /** When the client closed it; Infinity: it did not. */
  closedAt = Infinity;
  /** Bytes of packets that came the first time. */
  bytes = 0;
  /** Echoes that were sent. */
  replies = 0;
  replyBytes = 0;
  /** By sender: echoes that could not be. */
  readonly echoErrors: number[];
  /** By sender: packets that arrived marked "congestion experienced", each counted once; undefined: it is not seen. */
  readonly marked: number[] | undefined;
  /** What keeps this end from sending. */
  trouble: SendFailure | undefined;
  /** When the last notice of that went to the client, in the time of the server. */
  noticedAt = -Infinity;
  /** Packets without the right signature, or of an unknown sender. */
  bad = 0;
  /** Of what arrives, and of its echoes: no more is taken; undefined: the server has no limit. */
  readonly incomingLimit: RateLimit | undefined;
  readonly echoLimit: RateLimit | undefined;
  /** Packets that were dropped for that. */
  overRate = 0;
  /** From here on the server takes no more packets of it, in its time. */
  readonly cutAt: number;
  readonly accounted: AccountedFlow;
  readonly #limits: FlowLimits;
  /** The number of the last keepalive. */
  lastKeepalive = 0;
  readonly #socketDrops: number;
  #reported = -1;

  constructor(options: ServedFlowOptions) {
    const { settings, hmac } = options;
    this.name = options.name;
    this.address = options.address;
    this.hmac = hmac;
    this.settings = settings;
    this.nonce = options.nonce;
    this.samples = options.samples;
    this.start = options.start;
    this.lastReceived = options.lastReceived;
    this.#socketDrops = options.socketDrops;
    this.windows = Array.from({ length: settings.senders }, () => new DuplicateWindow());
    this.arrivals = Array.from({ length: settings.senders }, () => new ArrivalTimes());
    this.echoErrors = Array(settings.senders).fill(0);
    this.marked = options.seesMarks ? Array(settings.senders).fill(0) : undefined;
    this.senders = settings.reverse.map(([index, config]) =>
      new PacketSender(index, { ...config, reverse: true, echo: false }, hmac !== undefined)
    );
    this.accounted = options.accounted;
    this.#limits = options.limits;
    const { bitsPerSecond, durationMs } = options.limits;
    this.cutAt = durationMs === undefined ? Infinity : this.start + (durationMs + overtimeMs(durationMs)) * 1e6;
    if (bitsPerSecond === undefined) return;
    const reverse = sum(this.senders.map(({ schedule }) => schedule.bitsPerSecond));
    this.incomingLimit = this.#limit(bitsPerSecond);
    this.echoLimit = this.#limit(Math.max(MIN_BITS_PER_SECOND, bitsPerSecond - reverse));
  }

  /** Makes a limit with room for bursts: packets that were delayed arrive faster than they were sent. */
  #limit(bitsPerSecond: number): RateLimit {
    const least = 2 * this.settings.longest, perSecond = bitsPerSecond / 8;
    return new RateLimit(bitsPerSecond, {
      depthBytes: least + perSecond * LATE_SECONDS,
      startBytes: least + perSecond * EARLY_SECONDS,
      now: this.start,
    });
  }

  /** Brings the account of the server up to date. */
  count(): void {
    this.accounted.reported(this.report(0, 0, "running"));
  }

  /** What kept this end from sending or taking packets. */
  get #trouble(): SendFailure | undefined {
    if (this.trouble !== undefined || this.overRate === 0) return this.trouble;
    const packets = this.overRate === 1 ? "1 packet was" : `${this.overRate} packets were`;
    return { text: `${packets} dropped: the server lets a flow have ${limitText(this.#limits)}`, fatal: false };
  }

  /** When it is over, also without a close. */
  get deadline(): number {
    return this.start + this.settings.duration * 1e6;
  }

  /** Whether it lasts until it is stopped, or has sent a number of packets or bytes. */
  get openEnded(): boolean {
    return this.settings.openEnded ?? false;
  }

  /** Notes what keeps this end from sending some packets; the first error counts. */
  note(text: string): void {
    this.trouble ??= { text, fatal: false };
  }

  /**
   * Returns how many packets the socket had no room for while the flow ran.
   *
   * @param socketDrops since it was opened
   */
  dropsOf(socketDrops: number): number {
    return socketDrops - this.#socketDrops;
  }

  /** Returns the counts of one sender for the client, at the end. */
  totals(index: number, socketDrops: number): Totals {
    const { accepted, refused } = this.windows[index];
    const sender = this.senders.find((sender) => sender.index === index);
    return {
      received: accepted,
      duplicates: refused,
      reverseSent: sender?.sent ?? 0,
      reverseSendErrors: sender?.errors ?? 0,
      reverseUnsent: sender?.unsent ?? 0,
      socketDrops: this.dropsOf(socketDrops),
      bad: this.bad,
      arrivals: this.arrivals[index].totals,
      marked: this.marked?.[index],
      echoErrors: this.echoErrors[index],
      trouble: this.#trouble,
    };
  }

  /** What is known of it; undefined if it is what was reported last. */
  news(socketDrops: number, now: number): ServedPacketReport | undefined {
    const report = this.report(socketDrops, now, this.closedAt === Infinity ? "running" : "closed");
    const { received, duplicates, sent, sendErrors, bad, overRate = 0, state } = report;
    const sum = received + duplicates + sent + sendErrors + bad + overRate + Number(state === "closed");
    if (sum === this.#reported) return undefined;
    this.#reported = sum;
    return report;
  }

  /**
   * What is known of it.
   *
   * @param socketDrops of the server's socket, since it was opened
   * @param now in the time of the server
   */
  report(socketDrops: number, now: number, state: ServedPacketReport["state"]): ServedPacketReport {
    const { windows, senders, echoErrors, marked } = this;
    return {
      kind: "servedPackets",
      state,
      elapsedNanos: Math.min(now, this.closedAt) - this.start,
      received: sum(windows.map(({ accepted }) => accepted)),
      duplicates: sum(windows.map(({ refused }) => refused)),
      sent: this.replies + sum(senders.map(({ sent }) => sent)),
      sendErrors: sum(echoErrors) + sum(senders.map(({ errors }) => errors)),
      bytesReceived: this.bytes,
      bytesSent: this.replyBytes + sum(senders.map(({ bytes }) => bytes)),
      bad: this.bad,
      socketDrops: this.dropsOf(socketDrops),
      congestionMarks: marked && sum(marked),
      ...this.incomingLimit === undefined ? {} : { overRate: this.overRate },
    };
  }
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}

/** The rate that is left for echoes beside senders of the server that use all of the limit. */
const MIN_BITS_PER_SECOND = 1;

/** The maximum number of open flows of a server. */
export const MAX_FLOWS = 1024;
/** The maximum number of senders, with those of recently closed flows: each takes 8 KiB. */
export const MAX_SERVED_SENDERS = 8192;
/** The maximum number of open flows with senders at the server: each takes some MiB. */
export const MAX_REVERSE_FLOWS = 64;

/**
 * A flow that was closed is kept until its cookie is too old for a recorded packet to open it again; and for a while,
 * since packets may be late, and the answer to the close may be lost.
 */
const LINGER_NANOS = 15e9;
const COOKIE_NANOS = 2 * COOKIE_MS * 1e6;

/** How long a flow that goes on beyond its duration, and is not closed, is kept. */
const OVERTIME_NANOS = 60e9;

/** The flows of a server, found by the client's address and the flow's id. */
export class FlowTable<Flow extends ServedFlow = ServedFlow> {
  readonly #flows = new Map<number, Flow[]>();
  #last: Flow | undefined;
  #open = 0;
  #openReverse = 0;
  #senders = 0;
  readonly #steering: Steering | undefined;

  /** @param steering has the flows' packets come here; left out: all packets do */
  constructor(steering?: Steering) {
    this.#steering = steering;
  }

  /**
   * Why there is no room for one more flow, for its client.
   *
   * @param senders how many it has
   * @param reverse some of them are at the server
   * @returns undefined: there is room
   */
  lack(senders: number, reverse: boolean): string | undefined {
    const tooMany = (what: string, most: number) => `the server has too many ${what}: it has ${most} at a time`;
    if (this.#open >= MAX_FLOWS) return tooMany("flows", MAX_FLOWS);
    if (this.#senders + senders > MAX_SERVED_SENDERS) return tooMany("senders", MAX_SERVED_SENDERS);
    if (reverse && this.#openReverse >= MAX_REVERSE_FLOWS) return tooMany("reverse flows", MAX_REVERSE_FLOWS);
    return undefined;
  }

  /**
   * The flow whose client is silent for longest, and long enough to make room for another one.
   *
   * @param attended the time that the server attended to its socket
   * @param reverse only those with senders at the server
   */
  mostSilent(attended: number, reverse: boolean): Flow | undefined {
    let found: Flow | undefined;
    for (const flow of this) {
      if (flow.closedAt !== Infinity || attended - flow.lastReceived <= SILENCE_NANOS) continue;
      if (reverse && flow.senders.length === 0) continue;
      if (found === undefined || flow.lastReceived < found.lastReceived) found = flow;
    }
    return found;
  }

  /** Finds the flow of a packet; undefined without one. Most packets are of the same flow as the packet before. */
  find(incoming: IncomingPackets, i: number, view: DataView, at: number): Flow | undefined {
    const place = flowPlace(at);
    const last = this.#last;
    if (last !== undefined && last.name.standsIn(view, place) && incoming.isFrom(i, last.address)) return last;
    const candidates = this.#flows.get(hash(view, place, incoming.sourcePort(i)));
    if (candidates === undefined) return undefined;
    for (const flow of candidates) {
      if (flow.name.standsIn(view, place) && incoming.isFrom(i, flow.address)) return this.#last = flow;
    }
    return undefined;
  }

  /** Adds a flow. */
  add(flow: Flow): void {
    this.#steering?.keep(flow.name);
    const key = keyOf(flow);
    const others = this.#flows.get(key);
    if (others === undefined) this.#flows.set(key, [flow]);
    else others.push(flow);
    this.#senders += flow.windows.length;
    this.#countOpen(flow, 1);
  }

  /** Notes that a flow is closed: another one may have its place. It is still found until it is removed. */
  close(flow: Flow, now: number): void {
    if (flow.closedAt !== Infinity) return;
    this.#countOpen(flow, -1);
    flow.closedAt = now;
  }

  /** Removes a flow. */
  remove(flow: Flow): void {
    const key = keyOf(flow);
    const left = (this.#flows.get(key) ?? []).filter((other) => other !== flow);
    if (left.length === 0) this.#flows.delete(key);
    else this.#flows.set(key, left);
    if (this.#last === flow) this.#last = undefined;
    this.#senders -= flow.windows.length;
    this.#steering?.leave(flow.name);
    if (flow.closedAt === Infinity) this.#countOpen(flow, -1);
  }

  /** All flows. */
  *[Symbol.iterator](): Generator<Flow, void, void> {
    for (const flows of this.#flows.values()) yield* flows;
  }

  #countOpen(flow: Flow, by: 1 | -1): void {
    this.#open += by;
    this.#steering?.count(by);
    if (flow.senders.length > 0) this.#openReverse += by;
  }
}

/** Whether a closed flow can be forgotten. */
export function isStale({ closedAt, start }: ServedFlow, now: number): boolean {
  return closedAt !== Infinity && now > Math.max(closedAt + LINGER_NANOS, start + COOKIE_NANOS);
}

/**
 * Returns why a flow is over without a close.
 *
 * @param attended the time that the server attended to its socket
 * @returns undefined: it is not
 */
export function whyLost(
  { closedAt, deadline, lastReceived }: ServedFlow,
  now: number,
  attended: number,
): string | undefined {
  if (closedAt !== Infinity) return undefined;
  if (attended - lastReceived > LOST_NANOS) return `its client is silent for ${LOST_NANOS / 1e9} s`;
  if (now > deadline + OVERTIME_NANOS) return "its time is over, and its client does not close it";
  return undefined;
}

function keyOf(flow: ServedFlow): number {
  const view = new DataView(new ArrayBuffer(16));
  flow.name.write(view, 0);
  return hash(view, 0, flow.address.port);
}

function hash(view: DataView, at: number, port: number): number {
  let sum = port;
  for (let word = 0; word < 4; word++) sum = Math.imul(sum, 31) + view.getInt32(at + 4 * word) | 0;
  return sum;
}
