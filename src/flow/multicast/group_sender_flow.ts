import { DEFAULT_MAX_PACKET_BYTES } from "../../base/limits.ts";
import { TineError } from "../../base/errors.ts";
import { SockAddr } from "../../sys/address.ts";
import { SystemError } from "../../sys/errno.ts";
import type { PacketClientConfig } from "../config.ts";
import {
  type EngineFlow,
  type EngineFlowFactory,
  every,
  type FlowHost,
  type FlowRequest,
  type Timer,
} from "../engine/engine_flow.ts";
import { Hmac } from "../hmac.ts";
import { packetPayload } from "../payload.ts";
import type { PacketReport, PacketSenderReport } from "../report.ts";
import { type ClientPlan, clientPlan } from "../packet/packet_client_flow.ts";
import { MAX_CONTROL_BYTES } from "../packet/control_packet.ts";
import { ControlSender } from "../packet/control_exchange.ts";
import { newNonce, NONCE_BYTES, packetKey } from "../packet/cookies.ts";
import { FlowName, WireTime } from "../packet/header.ts";
import type { OpenSettings } from "../packet/open_settings.ts";
import { followWallClock, messagesAtATime, type PacketPort, type PacketPorts } from "../packet/packet_port.ts";
import { PacketSamples } from "../packet/packet_samples.ts";
import type { PacketSender } from "../packet/packet_sender.ts";
import { PortReader, type PortUser } from "../packet/port_reader.ts";
import { Transmitter } from "../packet/transmitter.ts";
import { clockMark } from "../packet/wall_clock.ts";
import { groupConflict } from "./conflicts.ts";
import { ANNOUNCE, END, formatAnnouncement, groupPacket } from "./group_packets.ts";
import { Receivers } from "./receivers.ts";
import { ReportPort } from "./report_port.ts";

/** How long the flow is announced before its first packet, and the time between announcements, in nanoseconds. */
const LEAD_NANOS = 250e6;
const LEAD_PAUSE_NANOS = 50e6;
/** The time between announcements while it runs, in nanoseconds, so that receivers that join late learn of it. */
const PAUSE_NANOS = 250e6;
/** The time between announcements of the end, in nanoseconds. */
const END_PAUSE_NANOS = 100e6;
/**
 * The minimum number of announcements of the end: late packets count for receivers, and then those report. It is a
 * number rather than a time, so that a sender that was held up still announces it often enough.
 */
const MIN_ENDS = 6;
/** The number of announcements until which receivers that have reported before are waited for. */
const MAX_ENDS = 40;

const PROGRESS_NANOS = 250e6;
const WALL_CLOCK_NANOS = 1e9;

/** Makes the flows of groupSender, over ports of a kind. */
export function groupSenderFlow(ports: (host: FlowHost) => PacketPorts): EngineFlowFactory<PacketClientConfig> {
  return (host, request) => new GroupSenderFlow(host, request, ports(host));
}

/**
 * A client that sends to a group: announces its flow, sends, announces the end, and gathers the reports of receivers.
 */
class GroupSenderFlow implements EngineFlow, PortUser {
  readonly #host: FlowHost;
  readonly #request: FlowRequest<PacketClientConfig>;
  readonly #ports: PacketPorts;
  readonly #flow: FlowName;
  readonly #plan: ClientPlan;
  readonly #nonce = newNonce();
  readonly #runHmac: Hmac | undefined;
  readonly #hmac: Hmac | undefined;
  readonly #receivers: Receivers;
  readonly #announceTimer: Timer;
  readonly #pumpTimer: Timer;
  #parts: Parts | undefined;
  #reports: ReportPort | undefined;
  #held: boolean;
  #announcements = 0;
  /** The number of announcements of the end. */
  #ends = 0;
  /** When packets may be sent, when the senders started, and when they were over; in the time of the flow. */
  #sendAt = Infinity;
  #startedAt = Infinity;
  #overAt = Infinity;
  #ended = false;
  #finishing = false;
  #errors = 0;
  #before = { t: 0, bytesSent: 0 };

  constructor(host: FlowHost, request: FlowRequest<PacketClientConfig>, ports: PacketPorts) {
    const { config, key } = request;
    this.#host = host;
    this.#request = request;
    this.#ports = ports;
    this.#flow = new FlowName(config.flow);
    const conflict = groupConflict({ ...config, addr: request.addresses[0] });
    if (conflict !== undefined) {
      throw new TineError("bad-packet-flow", `the flow ${config.flow}: its address ${conflict}`);
    }
    this.#plan = clientPlan(config, key !== undefined);
    this.#runHmac = key && new Hmac(key);
    this.#hmac = key && new Hmac(packetKey(key, this.#nonce, new Uint8Array(NONCE_BYTES), config.flow));
    this.#receivers = new Receivers(config.sender.length);
    this.#held = request.held ?? false;
    this.#announceTimer = host.timer(() => this.#announce());
    this.#pumpTimer = host.timer(() => this.#pump(), { precise: true });
  }

  start(): void {
    const { addresses: [address], config, file } = this.#request;
    const group = SockAddr.parse(address);
    const { maxPacketSize = DEFAULT_MAX_PACKET_BYTES } = config;
    const plan = this.#plan, host = this.#host;
    const port = this.#ports.connect(group, config, Math.max(maxPacketSize, plan.longest, MAX_CONTROL_BYTES));
    // First, so that it is closed whatever happens.
    this.#parts = { port } as Parts;
    if (plan.longest > port.longest) {
      throw new TineError(
        "packet-too-long",
        `packets of ${plan.longest} bytes are too long for the interface to ${address}, which takes ${port.longest} ` +
          "uncut (EMSGSIZE): use a shorter length, or allow fragments",
      );
    }
    const { payload: kind, longestMessage: longestBytes, senders } = plan;
    const bursts = senders.some(({ burst }) => burst > 1);
    const capacity = messagesAtATime({ bursts, fast: plan.fast });
    const outgoing = port.outgoing(capacity, longestBytes, packetPayload(host.shared, { kind, file, longestBytes }));
    const samples = new PacketSamples(host.samples("packetIO", this.#flow.text), false);
    this.#parts = {
      port,
      group,
      control: new ControlSender(port),
      reader: new PortReader(host, port, this),
      time: new WireTime(port.clock.tinit),
      transmitter: new Transmitter(senders, outgoing, {
        flow: this.#flow,
        clock: port.clock,
        hmac: this.#hmac,
        probes: plan.fragment === "probe",
        longest: () => port.longest,
        onSent: (packets) => samples.sent(packets),
        onError: (error) => this.#onSendError(error),
      }),
    };
    this.#listenForReports();
    this.#inform();
    every(this.#host, PROGRESS_NANOS, () => this.#progress());
    every(this.#host, WALL_CLOCK_NANOS, () => {
      followWallClock(this.#parts!.port.clock, this.#host, this.#flow.text);
      this.#reports?.checkWallClock();
    });
    this.#sendAt = port.clock.now() + LEAD_NANOS;
    this.#announce();
  }

  release(): void {
    this.#held = false;
    if (this.#parts !== undefined) this.#announceTimer.set(this.#host.now());
  }

  finish(): void {
    this.#finishing = true;
    if (this.#parts === undefined || this.#overAt !== Infinity) return;
    const now = this.#parts.port.clock.now();
    if (this.#startedAt === Infinity) return this.#over(now);
    for (const sender of this.#plan.senders) sender.stop(now);
    this.#pumpTimer.clear();
    this.#pump();
  }

  close(): void {
    if (this.#parts === undefined) return;
    const { transmitter, port } = this.#parts;
    if (transmitter !== undefined) {
      if (!this.#ended) this.#sendAnnouncement(true);
      this.#host.progress(this.#flow.text, this.#report());
    }
    this.#reports?.[Symbol.dispose]();
    port[Symbol.dispose]();
  }

  readonly canTake = true;
  readonly prompt = false;

  get wantsRoom(): boolean {
    return this.#parts!.transmitter.blocked;
  }

  onRoom(): void {
    this.#pump();
  }

  onError(error: unknown): void {
    if (!(error instanceof SystemError)) throw error;
    this.#onSendError(error);
  }

  takeAll(): void {
    // Nothing comes to a socket that is connected to a group.
  }

  /** Announces the flow, before it begins, while it runs, and at its end; starts it, and ends it. */
  #announce(): void {
    const { port } = this.#parts!, { host, now } = { host: this.#host, now: port.clock.now() };
    const ends = this.#overAt !== Infinity;
    this.#sendAnnouncement(ends);
    if (ends) {
      const times = ++this.#ends;
      if (times > MAX_ENDS || times > MIN_ENDS && this.#receivers.complete) return this.#end();
      return this.#announceTimer.set(host.now() + END_PAUSE_NANOS);
    }
    if (this.#startedAt === Infinity) {
      if (this.#finishing) return this.#over(now);
      if (!this.#held && now >= this.#sendAt) this.#begin(now);
      const left = Math.max(0, this.#sendAt - now);
      const pause = this.#startedAt !== Infinity || left === 0 ? PAUSE_NANOS : Math.min(left, LEAD_PAUSE_NANOS);
      return this.#announceTimer.set(host.now() + pause);
    }
    this.#announceTimer.set(host.now() + PAUSE_NANOS);
  }

  #begin(now: number): void {
    this.#startedAt = this.#before.t = now;
    for (const sender of this.#plan.senders) sender.start(now);
    this.#pumpTimer.set(this.#host.now());
  }

  #pump(): void {
    const { transmitter, reader, port } = this.#parts!;
    const next = transmitter.run();
    reader.update();
    if (next !== Infinity) this.#pumpTimer.set(this.#host.now() + next - port.clock.now());
    if (transmitter.over && this.#startedAt !== Infinity && this.#overAt === Infinity) this.#over(port.clock.now());
  }

  #over(now: number): void {
    this.#overAt = now;
    if (this.#startedAt === Infinity) this.#startedAt = now;
    this.#announceTimer.set(this.#host.now());
  }

  #end(): void {
    const { senders } = this.#plan, { unlisted } = this.#receivers, { text } = this.#flow;
    this.#ended = true;
    if (unlisted > 0) {
      this.#host.log(`flow ${text}: at least ${unlisted} more receivers report; too many are not listed`);
    }
    if (senders.every(({ sent }) => sent === 0)) {
      this.#ended = false;
      const errors = senders.reduce((sum, { errors }) => sum + errors, 0);
      const why = errors > 0 ? `${errors} could not be` : "the first one was due after the end";
      throw new TineError("no-packets", `flow ${text}: no packet was sent: ${why}`);
    }
    this.#host.end(this.#report());
  }

  #sendAnnouncement(ends: boolean): void {
    const { port, control, time } = this.#parts!;
    const { senders, settings } = this.#plan;
    const t = port.clock.now();
    const text = formatAnnouncement({
      settings: JSON.parse(settings) as OpenSettings,
      counts: senders.map(({ sent, errors }) => [sent, errors]),
      receivers: this.#receivers.size,
      ...this.#reports && { reportTo: this.#reports.address },
      mark: clockMark(this.#nonce, new Uint8Array(NONCE_BYTES)),
    });
    const flags = ends ? END : ANNOUNCE, number = ++this.#announcements;
    const packet = { flags, flow: this.#flow, number, nonce: this.#nonce, text, time, t, hmac: this.#runHmac };
    try {
      control.send(groupPacket(packet));
    } catch (error) {
      this.onError(error);
    }
  }

  /** Receivers may report where there is a key, to an address that this end knows as its own. */
  #listenForReports(): void {
    const { port: { local } } = this.#parts!, hmac = this.#hmac;
    if (hmac === undefined || local.isWildcard) return;
    const port = this.#ports.listen(local.withPort(0), {}, MAX_CONTROL_BYTES);
    const [flow, nonce, receivers] = [this.#flow, this.#nonce, this.#receivers];
    this.#reports = new ReportPort(this.#host, { port, flow, nonce, hmac, receivers });
  }

  #inform(): void {
    const { config } = this.#request, { port, group } = this.#parts!;
    const { ttl = 1, interface: device, loop = true, warmup = 0, sender } = config;
    this.#host.info({
      type: "packetInfo",
      flow: this.#flow.text,
      server: false,
      tinit: port.clock.tinit,
      values: {
        engine: this.#ports.kind,
        client: port.local.toString(),
        server: group.toString(),
        group: true,
        senders: sender.length,
        ...warmup > 0 && { warmupNanos: warmup * 1e6 },
        ttl,
        loop,
        ...device !== undefined && { interface: device },
        dscp: config.dscp ?? 0,
        ecn: config.ecn ?? 0,
        fragment: config.fragment ?? "forbid",
        payload: this.#plan.payload,
        signed: this.#hmac !== undefined,
      },
    });
  }

  #onSendError(error: SystemError): void {
    if (this.#errors++ > 0) return; // The others are counted.
    this.#host.log(`flow ${this.#flow.text}: packets cannot be sent: ${error.message}`);
  }

  #progress(): void {
    if (this.#startedAt === Infinity) return;
    const report = this.#report(), t = this.#parts!.port.clock.now();
    const { bytesSent } = report, seconds = (t - this.#before.t) / 1e9;
    const sentBitsPerSecond = (bytesSent - this.#before.bytesSent) * 8 / seconds;
    this.#before = { t, bytesSent };
    this.#host.progress(this.#flow.text, { ...report, rates: { sentBitsPerSecond, receivedBitsPerSecond: 0 } });
  }

  #report(): PacketReport {
    const { port } = this.#parts!, { senders, warmupNanos } = this.#plan;
    const pathMtuBytes = port.pathMtu();
    return {
      kind: "packets",
      complete: false,
      elapsedNanos: this.#startedAt === Infinity ? 0 : Math.min(this.#overAt, port.clock.now()) - this.#startedAt,
      ...warmupNanos > 0 ? { warmupNanos } : {},
      senders: senders.map(senderReport),
      bytesSent: senders.reduce((sum, { bytes }) => sum + bytes, 0),
      bytesReceived: 0,
      bad: 0,
      serverBad: 0,
      socketDrops: 0,
      serverSocketDrops: 0,
      ...pathMtuBytes === undefined ? {} : { pathMtuBytes },
      group: { ended: this.#ended, receivers: this.#receivers.reports },
    };
  }
}

/** What exists from the start on. */
interface Parts {
  readonly port: PacketPort;
  readonly group: SockAddr;
  readonly control: ControlSender;
  readonly reader: PortReader;
  readonly time: WireTime;
  readonly transmitter: Transmitter;
}

/** The sender's own counts: what becomes of its packets, only receivers know. */
function senderReport({ sent, errors, unsent }: PacketSender): PacketSenderReport {
  return {
    sent,
    sendErrors: errors,
    unsent,
    received: 0,
    duplicates: 0,
    serverReceived: 0,
    serverDuplicates: 0,
    serverSent: 0,
    serverSendErrors: 0,
    lostToServer: 0,
    lostFromServer: 0,
  };
}
