import { DEFAULT_MAX_PACKET_BYTES } from "../../base/limits.ts";
import { TineError } from "../../base/errors.ts";
import { LogLimiter } from "../../base/log_limiter.ts";
import { SockAddr } from "../../sys/address.ts";
import { SystemError } from "../../sys/errno.ts";
import type { PacketServerConfig } from "../config.ts";
import {
  type EngineFlow,
  type EngineFlowFactory,
  every,
  type FlowHost,
  type FlowRequest,
  type Timer,
} from "../engine/engine_flow.ts";
import { Hmac } from "../hmac.ts";
import { DropCounter, StrayPackets } from "../packet/arrivals.ts";
import { isSealed, MAX_CONTROL_BYTES } from "../packet/control_packet.ts";
import { NONCE_BYTES, packetKey } from "../packet/cookies.ts";
import {
  AT_TIME,
  flagsOf,
  FlowName,
  flowPlace,
  GROUP,
  isHeaderSigned,
  isPacket,
  limitedDistance,
  numberOf,
  senderOf,
  SIGNED,
  WireTime,
} from "../packet/header.ts";
import {
  followOddTime,
  followWallClock,
  type IncomingPackets,
  type PacketPort,
  type PacketPorts,
} from "../packet/packet_port.ts";
import { PacketSamples, ReceivedPacket } from "../packet/packet_samples.ts";
import { AttendedTime, PortReader, type PortUser } from "../packet/port_reader.ts";
import { FlowTable } from "../packet/served_flow.ts";
import { clockMark } from "../packet/wall_clock.ts";
import { checkClient } from "../serving_limits.ts";
import { AccountedFlow, ServerAccount } from "../server_account.ts";
import { GroupFlow } from "./group_flow.ts";
import { ANNOUNCE, type Announcement, END, parseAnnouncement, readGroupPacket } from "./group_packets.ts";
import { Reporters } from "./reporters.ts";

const PROGRESS_NANOS = 250e6;
const SECOND_NANOS = 1e9;

/** How long a flow is silent until it is over, in nanoseconds: it is announced four times a second. */
const SILENCE_NANOS = 10e9;
/** How long a flow that is over is remembered, in nanoseconds: its end is announced several times. */
const LINGER_NANOS = 15e9;
/** The number of nonces that are remembered: a replay of a known flow is no new flow. */
const MAX_REMEMBERED = 4096;

/** Makes the flows of groupReceiver, over ports of a kind. */
export function groupReceiverFlow(ports: (host: FlowHost) => PacketPorts): EngineFlowFactory<PacketServerConfig> {
  return (host, request) => new GroupReceiverFlow(host, request, ports(host));
}

/** A receiver of a group: counts the packets of all flows that are sent there, each from its first announcement on. */
class GroupReceiverFlow implements EngineFlow, PortUser {
  readonly #host: FlowHost;
  readonly #request: FlowRequest<PacketServerConfig>;
  readonly #ports: PacketPorts;
  readonly #maxBytes: number;
  readonly #hmac: Hmac | undefined;
  readonly #flows = new FlowTable<GroupFlow>();
  readonly #reporters: Reporters;
  readonly #account: ServerAccount;
  readonly #log: LogLimiter;
  readonly #time = new AttendedTime();
  readonly #drops = new DropCounter();
  readonly #packet = new ReceivedPacket();
  readonly #nonces = new Set<string>();
  /** Flows that were left out, and were logged. */
  readonly #leftOut = new Set<string>();
  readonly #overTimer: Timer;
  #attended = 0;
  #parts: { readonly port: PacketPort; readonly time: WireTime } | undefined;
  /** Messages that belong to no flow. */
  readonly #strays = new StrayPackets();

  constructor(host: FlowHost, request: FlowRequest<PacketServerConfig>, ports: PacketPorts) {
    this.#host = host;
    this.#request = request;
    this.#ports = ports;
    this.#maxBytes = request.config.maxPacketSize ?? DEFAULT_MAX_PACKET_BYTES;
    this.#hmac = request.key && new Hmac(request.key);
    this.#account = new ServerAccount(request.account);
    this.#log = new LogLimiter((line) => host.log(line));
    this.#reporters = new Reporters({
      host,
      ports,
      socketDrops: () => this.#drops.packets,
      log: (line) => this.#log.log(line),
    });
    this.#overTimer = host.timer(() => this.#finishFlows());
  }

  start(): void {
    const { addresses: [address], config } = this.#request;
    const port = this.#ports.listen(SockAddr.parse(address), config, Math.max(this.#maxBytes, MAX_CONTROL_BYTES));
    this.#parts = { port, time: new WireTime(port.clock.tinit) };
    new PortReader(this.#host, port, this);
    every(this.#host, PROGRESS_NANOS, () => {
      for (const flow of this.#flows) if (flow.closedAt === Infinity) this.#report(flow);
    });
    every(this.#host, SECOND_NANOS, () => this.#tidy());
    this.#host.listening(port.local.toString());
  }

  close(): void {
    if (this.#parts === undefined) return;
    const now = this.#parts.port.clock.now();
    this.#reporters[Symbol.dispose]();
    for (const flow of this.#flows) if (flow.closedAt === Infinity) this.#lose(flow, now);
    this.#reportStrays();
    this.#log.end();
    this.#parts.port[Symbol.dispose]();
  }

  readonly canTake = true;
  readonly prompt = false;
  readonly wantsRoom = false;
  onRoom(): void {}

  onError(error: unknown): void {
    if (!(error instanceof SystemError)) throw error;
  }

  takeAll(count: number): void {
    const { incoming, clock } = this.#parts!.port, packet = this.#packet;
    const now = clock.now();
    this.#attended = this.#time.at(now);
    followOddTime(incoming.arrival(count - 1), now, clock, this.#host);
    for (let i = 0; i < count; i++) {
      const arrival = incoming.arrival(i), length = incoming.length(i), segment = incoming.segmentBytes(i);
      this.#drops.add(incoming.drops(i), segment === 0 ? 1 : Math.ceil(length / segment));
      packet.byKernel = !Number.isNaN(arrival);
      packet.t = packet.byKernel ? arrival : now;
      packet.trafficClass = incoming.trafficClass(i);
      packet.merged = segment !== 0;
      const step = segment || length;
      let at = 0;
      do {
        packet.length = Math.min(step, length - at);
        this.#take(incoming, i, at, now);
        at += step;
      } while (at < length);
    }
  }

  /** Takes the packet at `at` of message `i`. */
  #take(incoming: IncomingPackets, i: number, at: number, now: number): void {
    const view = incoming.view(i), packet = this.#packet;
    if (!isPacket(view, at, packet.length)) {
      this.#strays.add();
      return;
    }
    const all = flagsOf(view, at), flags = all & ~SIGNED;
    if ((flags & GROUP) !== 0) {
      if (at !== 0 || flags !== ANNOUNCE && flags !== END) this.#strays.add();
      else this.#takeAnnouncement(incoming, i, flags === END, now);
      return;
    }
    const flow = this.#flows.find(incoming, i, view, at);
    if (flow === undefined) {
      this.#strays.add();
      return;
    }
    // What comes after the end is too late to count.
    if (flow.closedAt !== Infinity) return;
    const sender = senderOf(view, at), { hmac } = flow;
    if (
      flags !== 0 || sender >= flow.windows.length || (hmac === undefined) !== (all === flags) ||
      hmac !== undefined && !isHeaderSigned(hmac, incoming.bytes(i), at)
    ) {
      flow.bad++;
      return;
    }
    flow.lastReceived = this.#attended;
    packet.sender = sender;
    packet.number = numberOf(view, at);
    packet.flags = flags;
    flow.take(packet, limitedDistance(packet.t - this.#parts!.time.read(view, at + AT_TIME)));
    if (flow.endedAt !== Infinity && flow.isWhole) this.#overTimer.set(this.#host.now());
  }

  #takeAnnouncement(incoming: IncomingPackets, i: number, ends: boolean, now: number): void {
    const view = incoming.view(i), length = incoming.length(i);
    const name = FlowName.read(view, flowPlace(0)), content = readGroupPacket(view, length);
    if (name === undefined || content === undefined) {
      this.#strays.add();
      return;
    }
    const known = this.#flows.find(incoming, i, view, 0);
    const isSame = known?.nonce.every((byte, k) => byte === content.nonce[k]) ?? false;
    // It is announced again and again, and all is known already.
    if (isSame && known!.closedAt !== Infinity) return;
    const source = incoming.source(i).unmapped();
    try {
      if (!isSealed(view, length, this.#hmac)) throw refused(this.#hmac, (flagsOf(view, 0) & SIGNED) !== 0);
      const announcement = parseAnnouncement(content.text, this.#maxBytes, this.#hmac !== undefined);
      if (isSame) return this.#follow(known!, announcement, ends, now);
      // Neither what has ended nor what was announced before can be counted any more.
      const nonce = content.nonce.toHex();
      if (ends || this.#nonces.has(nonce)) return;
      if (known !== undefined) {
        if (known.closedAt === Infinity) this.#lose(known, now);
        this.#flows.remove(known);
      }
      this.#open(name, source, content.nonce, announcement, incoming.source(i), now);
      remember(this.#nonces, nonce);
    } catch (error) {
      if (!(error instanceof TineError)) throw error;
      // Once: it is announced again and again.
      const flow = `flow ${name.text} of ${source}`;
      if (this.#leftOut.has(flow)) return;
      remember(this.#leftOut, flow);
      this.#log.log(`${flow} is left out: ${error.message}`);
    }
  }

  #open(
    name: FlowName,
    shown: SockAddr,
    nonce: Uint8Array<ArrayBuffer>,
    announcement: Announcement,
    address: SockAddr,
    now: number,
  ): void {
    const { settings, mark } = announcement;
    const account = this.#account;
    checkClient(account, shown.host);
    const lack = this.#flows.lack(settings.senders, false);
    if (lack !== undefined) throw new TineError("too-many-flows", `the receiver has too many ${lack}`);
    const { port } = this.#parts!;
    const { key } = this.#request;
    const hmac = key && new Hmac(packetKey(key, nonce, new Uint8Array(NONCE_BYTES), name.text));
    const sharesClock = mark !== "" && mark === clockMark(nonce, new Uint8Array(NONCE_BYTES));
    const flow = new GroupFlow(
      {
        name,
        address,
        hmac,
        settings,
        nonce,
        samples: new PacketSamples(this.#host.samples("packetIO", name.text), true, now),
        start: now,
        lastReceived: this.#attended,
        socketDrops: this.#drops.packets,
        seesMarks: this.#ports.kind === "ffi",
        limits: {},
        accounted: new AccountedFlow(account),
      },
      announcement,
      sharesClock,
    );
    account.begin();
    this.#flows.add(flow);
    const { measured, first } = flow;
    this.#host.info({
      type: "packetInfo",
      flow: name.text,
      server: true,
      tinit: port.clock.tinit + BigInt(now),
      values: {
        engine: this.#ports.kind,
        client: shown.toString(),
        server: port.local.toString(),
        group: true,
        senders: measured,
        ...settings.warmup ? { warmupNanos: settings.warmup * 1e6 } : {},
        signed: hmac !== undefined,
        sharesClock,
        ...first.some((number) => number > 0) && { first: first.slice(0, measured).join(" ") },
      },
    });
    this.#setMerging();
    this.#reporters.start(flow, announcement, shown);
  }

  #follow(flow: GroupFlow, { counts, receivers }: Announcement, ends: boolean, now: number): void {
    flow.lastReceived = this.#attended;
    flow.announced(counts);
    const reporter = this.#reporters.get(flow);
    if (reporter !== undefined) reporter.receivers = receivers;
    if (!ends || flow.endedAt !== Infinity) return;
    flow.endedAt = now;
    this.#finishFlows();
  }

  /** Ends the flows whose end was announced, once all has come or is late. */
  #finishFlows(): void {
    const now = this.#parts!.port.clock.now();
    let next = Infinity;
    for (const flow of this.#flows) {
      if (flow.endedAt === Infinity || flow.closedAt !== Infinity) continue;
      if (flow.isWhole || now >= flow.overAt) this.#finish(flow, now);
      else next = Math.min(next, flow.overAt - now);
    }
    if (next !== Infinity) this.#overTimer.set(this.#host.now() + next);
  }

  #finish(flow: GroupFlow, now: number): void {
    this.#close(flow, now, true);
    this.#host.progress(flow.name.text, flow.report(this.#drops.packets, flow.endedAt, "closed"));
    this.#reporters.get(flow)?.finish();
    this.#setMerging();
  }

  /** Ends a flow whose end was not announced; it lasted until its last packet. */
  #lose(flow: GroupFlow, now: number): void {
    const silence = this.#time.at(now) - flow.lastReceived;
    this.#close(flow, now - silence, false);
    this.#host.progress(flow.name.text, flow.report(this.#drops.packets, now - silence, "unclosed"));
    this.#reporters.drop(flow);
    this.#setMerging();
  }

  #close(flow: GroupFlow, now: number, complete: boolean): void {
    this.#flows.close(flow, now);
    flow.count();
    flow.accounted.end(complete);
  }

  #setMerging(): void {
    let bursts = false;
    for (const { settings, closedAt } of this.#flows) bursts ||= settings.gso && closedAt === Infinity;
    this.#parts!.port.mergeReceived(bursts);
    if (!bursts) this.#drops.single();
  }

  #tidy(): void {
    followWallClock(this.#parts!.port.clock, this.#host);
    const now = this.#parts!.port.clock.now(), attended = this.#time.at(now);
    this.#reporters.tidy();
    for (const flow of this.#flows) {
      if (flow.closedAt !== Infinity) {
        if (now > flow.closedAt + LINGER_NANOS) this.#flows.remove(flow);
      } else if (attended - flow.lastReceived > SILENCE_NANOS) {
        const seconds = SILENCE_NANOS / 1e9;
        this.#log.log(`flow ${flow.name.text} of ${flow.address.unmapped()} is silent for ${seconds} s: it is over`);
        this.#lose(flow, now);
      }
    }
    this.#reportStrays();
  }

  #reportStrays(): void {
    const line = this.#strays.take();
    if (line !== undefined) this.#host.log(line);
  }

  #report(flow: GroupFlow): void {
    flow.count();
    const report = flow.news(this.#drops.packets, this.#parts!.port.clock.now());
    if (report !== undefined) this.#host.progress(flow.name.text, report);
  }
}

/** Remembers a text; the oldest one makes room. */
function remember(texts: Set<string>, text: string): void {
  if (texts.size >= MAX_REMEMBERED) texts.delete(texts.values().next().value!);
  texts.add(text);
}

function refused(hmac: Hmac | undefined, signed: boolean): TineError {
  return new TineError(
    "other-key",
    hmac === undefined
      ? "its sender signs with a key, and this receiver has none"
      : signed
      ? "its sender has another key"
      : "its sender signs with no key",
  );
}
