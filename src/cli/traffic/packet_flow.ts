import type { PacketClientConfig, UnresponsiveConfig } from "../../flow/config.ts";
import type { FlowProgress, PacketReport, ReceiverReport } from "../../flow/report.ts";
import type { FlowInfoEvent, FlowOptions, Flows } from "../../flow/flows.ts";
import { DuplicateWindow } from "../../flow/packet/arrivals.ts";
import type { Chunk } from "../../flow/records/read_chunk.ts";
import {
  type ClockOffsetEstimator,
  Distribution,
  PacketAnalysis,
  type PacketFlowFigures,
  type PacketInterval,
  RateMeter,
  SHARED_CLOCK,
} from "../../flow/analysis/mod.ts";
import { isLoopback } from "../../base/address.ts";
import { formatCount } from "../../base/units.ts";
import { parseAddress } from "../address.ts";
import { milliseconds } from "../figures.ts";
import { ClientFlow } from "./client_flow.ts";

/** What this client counts in an interval. */
class IntervalCounts {
  sent = 0;
  sentBytes = 0;
  received = 0;
  receivedBytes = 0;
  readonly rtt = new Distribution();
}

/** How a UDP flow is run. */
export interface PacketFlowOptions {
  /** For people. */
  readonly label: string;
  /** The server: `HOST:PORT`. */
  readonly server: string;
  /** The length of its intervals, in milliseconds. */
  readonly intervalMs: number;
  readonly sender: UnresponsiveConfig;
  readonly client: Pick<
    PacketClientConfig,
    | "warmup"
    | "dscp"
    | "ecn"
    | "fragment"
    | "payload"
    | "maxPacketSize"
    | "protocol"
    | "bind"
    | "cpu"
    | "priority"
    | "ttl"
    | "interface"
    | "loop"
    | "stamp"
  >;
  /** Learns how the clocks of both ends relate; flows to one server share it. Absent: from this flow alone. */
  readonly offset?: ClockOffsetEstimator;
  /** It is opened at once, and sends once this resolves. Absent: at once. */
  readonly sendAfter?: Promise<unknown>;
}

/** A UDP flow with one sender, by hand. */
export class PacketFlow extends ClientFlow<PacketInterval, PacketFlowFigures> {
  /** Its packets, without echoes, as they passed this end; in the time of all flows. */
  readonly passed = new RateMeter();
  readonly #options: PacketFlowOptions;
  readonly #analysis: PacketAnalysis;
  readonly #intervals = new Map<number, IntervalCounts>();
  /** The packets that have arrived, by sender: a warm-up has its own. */
  readonly #arrived = new Map<number, DuplicateWindow>();
  #report: PacketReport | undefined;
  #reflector: string | undefined;

  constructor(options: PacketFlowOptions) {
    const { sender, client } = options;
    super({ ...options, direction: sender.reverse ? "download" : "upload", warmup: client.warmup });
    this.#options = options;
    this.#analysis = new PacketAnalysis({
      offset: options.offset,
      clientOnly: true,
      onRoundTrip: (at, nanos) => this.#interval(at).rtt.add(nanos),
    });
    // Its warm-up has a sender of its own.
    this.#analysis.measuredSenders = 1;
  }

  /** Packets that either end received, and that were not of the flow or not signed as they should be. */
  get refused(): Pick<PacketReport, "bad" | "serverBad"> {
    return this.#report ?? { bad: 0, serverBad: 0 };
  }

  /** Of a flow to a group: the receivers that have reported. */
  get receivers(): readonly ReceiverReport[] {
    return this.#report?.group?.receivers ?? [];
  }

  /** What is known of a reflector of STAMP, as a line; undefined of all other servers. */
  get reflector(): string | undefined {
    return this.#reflector;
  }

  override info(info: FlowInfoEvent, originNanos: number): void {
    super.info(info, originNanos);
    const { client, server, sharesClock } = info.values;
    this.#reflector = reflectorText(info);
    // The times of a reflector are what it claims, also on this machine.
    const known = this.#options.client.stamp === undefined && typeof client === "string" &&
      typeof server === "string" && sameMachine(client, server);
    if (known || sharesClock === true) this.#analysis.clocks = SHARED_CLOCK;
  }

  records(chunk: Chunk): void {
    if (chunk.kind !== "packetIO") return;
    this.#analysis.add(chunk);
    const { columns, count } = chunk;
    for (let i = 0; i < count; i++) {
      if (columns.server[i]) continue;
      const interval = this.#interval(columns.t[i]);
      const nanos = columns.t[i] + this.originNanos;
      // Duplicates are neither progress nor goodput.
      if (!columns.sent[i] && !this.#isNew(columns.sender[i], columns.seq[i])) continue;
      const packets = Math.max(1, columns.packets[i]);
      const bytes = packets * columns.len[i];
      if (columns.sender[i] > 0) this.warmupEndNanos = Math.max(this.warmupEndNanos, nanos);
      else if (this.#sends === (columns.sent[i] === 1)) this.passed.add(nanos, bytes);
      if (columns.sent[i]) {
        interval.sent += packets;
        interval.sentBytes += bytes;
      } else {
        interval.received += packets;
        interval.receivedBytes += bytes;
      }
    }
  }

  override progress(report: FlowProgress): void {
    if (report.kind !== "packets") return;
    this.#report = report;
    // Also of a flow that its server has ended.
    this.complete = report.complete;
  }

  async run(flows: Flows, options: FlowOptions): Promise<void> {
    const { server, sender, client, sendAfter } = this.#options;
    const config: PacketClientConfig = {
      ...client,
      addr: server,
      hmac: options.key !== undefined,
      flow: this.id,
      sender: [{ unresponsive: sender }],
    };
    this.#report = await flows.packetClient(server, config, { ...options, sendAfter });
    this.complete = this.#report.complete || this.#report.group?.ended === true;
  }

  takeInterval(k: number, durationMs: number): PacketInterval {
    const { sent, sentBytes, received, receivedBytes, rtt } = this.#intervals.get(k) ?? new IntervalCounts();
    this.#intervals.delete(k);
    // What a server sends, and what arrives there, only the server knows while the flow runs.
    return {
      durationMs,
      ...this.#sends && { sent, sentBytes },
      ...(!this.#sends || this.#options.sender.echo) && { received, receivedBytes },
      rtt,
    };
  }

  /** Returns all that was measured: nothing of its sender if no packet was sent or received. */
  figures(): PacketFlowFigures {
    return this.#analysis.figures(this.#report);
  }

  /** Whether this client has the sender. */
  get #sends(): boolean {
    return this.direction === "upload";
  }

  #isNew(sender: number, seq: number): boolean {
    return this.#arrived.getOrInsertComputed(sender, () => new DuplicateWindow()).accept(seq);
  }

  /** The interval of a time of this flow. */
  #interval(t: number): IntervalCounts {
    return this.#intervals.getOrInsertComputed(this.intervalOf(this.sampled(t)), () => new IntervalCounts());
  }
}

function reflectorText({ values }: FlowInfoEvent): string | undefined {
  const { protocol, reflectorCounts, reflectorSynchronized, reflectorErrorNanos, hopsToReflector } = values;
  if (protocol !== "stamp") return undefined;
  const clock = reflectorSynchronized
    ? `has a clock that is kept in step, within ${milliseconds(Number(reflectorErrorNanos) / 1000)} ms as it claims`
    : "has a clock that nothing keeps in step";
  return [
    `the reflector ${reflectorCounts ? "counts packets" : "sends numbers back"}`,
    ` and ${clock}`,
    ...hopsToReflector === undefined ? [] : [`; it is ${formatCount(Number(hopsToReflector), "hop")} away`],
  ].join("");
}

/** A machine that dials one of its own addresses does so from that address, so that its clock is that of both ends. */
function sameMachine(client: string, server: string): boolean {
  const host = parseAddress(server, "server").hostname;
  return isLoopback(host) || host === parseAddress(client, "client").hostname;
}
