import { DEFAULT_MAX_PACKET_BYTES } from "../../base/limits.ts";
import { SockAddr } from "../../sys/address.ts";
import { SystemError } from "../../sys/errno.ts";
import type { PacketServerConfig } from "../config.ts";
import {
  type EngineFlow,
  type EngineFlowFactory,
  every,
  type FlowHost,
  type FlowRequest,
} from "../engine/engine_flow.ts";
import { LogLimiter } from "../../base/log_limiter.ts";
import { AttendedTime, PortReader, type PortUser } from "./port_reader.ts";
import {
  CLOSE_BYTES,
  closePacket,
  type ClosingPacket,
  isSealed,
  MAX_CONTROL_BYTES,
  SHORT_CLOSE_BYTES,
} from "./control_packet.ts";
import { DropCounter, StrayPackets } from "./arrivals.ts";
import { ControlSender } from "./control_exchange.ts";
import { Echoes } from "./echoes.ts";
import {
  followOddTime,
  followWallClock,
  type IncomingPackets,
  isMarked,
  type PacketPort,
  type PacketPorts,
  replyEcn,
} from "./packet_port.ts";
import {
  AT_TIME,
  CLOSE,
  ECHO,
  flagsOf,
  isHeaderSigned,
  isPacket,
  limitedDistance,
  numberOf,
  OPEN,
  REVERSE,
  senderOf,
  SIGNED,
  WireTime,
} from "./header.ts";
import { FlowTable, isStale, type ServedFlow, whyLost } from "./served_flow.ts";
import { ReceivedPacket } from "./packet_samples.ts";
import { ReverseRun, ReverseRuns } from "./reverse_run.ts";
import { Steering } from "./steering.ts";
import { Admission } from "./admission.ts";
import { ServerOpening } from "./opening.ts";
import { ServerAccount } from "../server_account.ts";
import { durationText, type ServingLimits, servingLimits } from "../serving_limits.ts";

const PROGRESS_NANOS = 250e6;
const SECOND_NANOS = 1e9;

/** The least time between two notices to a client whose packets the server cannot send. */
const NOTICE_NANOS = 200e6;

/** Echoes of all messages that are received at once have room. */
const ECHO_BATCH = 128;

/** Makes the flows of packetServer, over ports of a kind. */
export function packetServerFlow(
  ports: (host: FlowHost) => PacketPorts,
): EngineFlowFactory<PacketServerConfig> {
  return (host, request) => new PacketServerFlow(host, request, ports(host));
}

/**
 * A server: counts the packets of its clients' flows, echoes packets on request, and runs the clients' senders at this
 * end.
 */
class PacketServerFlow implements EngineFlow, PortUser {
  readonly #host: FlowHost;
  readonly #request: FlowRequest<PacketServerConfig>;
  readonly #ports: PacketPorts;
  readonly #maxBytes: number;
  readonly #limits: ServingLimits;
  readonly #steering: Steering | undefined;
  readonly #flows: FlowTable;
  readonly #reverse = new ReverseRuns();
  readonly #log: LogLimiter;
  readonly #time = new AttendedTime();
  /** In that time, when the last messages came. */
  #attended = 0;
  #parts: Parts | undefined;
  readonly #drops = new DropCounter();
  readonly #packet = new ReceivedPacket();
  /** Whether some of the last messages were to be echoed. */
  #echoing = false;
  /** Messages that belong to no flow. */
  readonly #strays = new StrayPackets();

  constructor(host: FlowHost, request: FlowRequest<PacketServerConfig>, ports: PacketPorts) {
    this.#host = host;
    this.#request = request;
    this.#ports = ports;
    this.#maxBytes = request.config.maxPacketSize ?? DEFAULT_MAX_PACKET_BYTES;
    const { share } = request, memory = share?.memory;
    this.#steering = memory && new Steering({ ...share!, memory });
    this.#flows = new FlowTable(this.#steering);
    this.#limits = servingLimits(request.config);
    this.#log = new LogLimiter((line) => host.log(line));
  }

  start(): void {
    const { addresses: [address], config, key, account, share } = this.#request;
    const room = Math.max(this.#maxBytes, MAX_CONTROL_BYTES);
    const port = this.#ports.listen(SockAddr.parse(address), config, room, share);
    // First, so that it is closed whatever happens.
    const control = new ControlSender(port);
    this.#parts = {
      port,
      control,
      echoes: new Echoes(port.outgoing(ECHO_BATCH, this.#maxBytes), port.clock),
      time: new WireTime(port.clock.tinit),
      admission: new Admission({
        host: this.#host,
        port,
        control,
        kind: this.#ports.kind,
        opening: new ServerOpening(key, this.#maxBytes, share?.secret),
        steering: this.#steering,
        maxBytes: this.#maxBytes,
        limits: this.#limits,
        account: new ServerAccount(account),
        flows: this.#flows,
        drops: this.#drops,
        log: (text) => this.#log.log(text),
        onBegin: (flow, i) => this.#begin(flow, i),
        forget: (flow) => this.#remove(flow),
        lose: (flow, now, why) => this.#lose(flow, now, why),
      }),
    };
    this.#parts.reader = new PortReader(this.#host, port, this);
    every(this.#host, PROGRESS_NANOS, () => {
      for (const flow of this.#flows) this.#report(flow);
    });
    every(this.#host, SECOND_NANOS, () => this.#tidy());
    this.#host.listening(port.local.toString());
  }

  close(): void {
    if (this.#parts === undefined) return;
    this.#reverse[Symbol.dispose]();
    const now = this.#parts.port.clock.now();
    for (const flow of this.#flows) {
      this.#reportLast(flow, now);
      flow.accounted.end(flow.closedAt !== Infinity);
    }
    this.#reportStrays();
    this.#log.end();
    this.#parts.port[Symbol.dispose]();
  }

  /** Packets that cannot be echoed yet wait in the socket. */
  get canTake(): boolean {
    return !this.#parts!.echoes.blocked;
  }

  /** Clients want their echoes soon. */
  get prompt(): boolean {
    return this.#echoing;
  }

  get wantsRoom(): boolean {
    return this.#parts!.echoes.blocked || this.#reverse.blocked;
  }

  onRoom(): void {
    this.#parts!.echoes.flush();
    this.#reverse.runBlocked();
  }

  onError(error: unknown): void {
    // An ICMP error about a packet concerns one client alone.
    if (!(error instanceof SystemError)) throw error;
  }

  takeAll(count: number): void {
    const { port, echoes } = this.#parts!, { incoming, clock } = port;
    this.#echoing = false;
    const now = clock.now();
    this.#attended = this.#time.at(now);
    followOddTime(incoming.arrival(count - 1), now, clock, this.#host);
    for (let i = 0; i < count; i++) {
      const arrival = incoming.arrival(i);
      const byKernel = !Number.isNaN(arrival), t = byKernel ? arrival : now;
      const length = incoming.length(i), segment = incoming.segmentBytes(i);
      this.#drops.add(incoming.drops(i), segment === 0 ? 1 : Math.ceil(length / segment));
      const packet = this.#packet, step = segment || length;
      packet.t = t;
      packet.byKernel = byKernel;
      packet.trafficClass = incoming.trafficClass(i);
      packet.merged = segment !== 0;
      let at = 0;
      do {
        packet.length = Math.min(step, length - at);
        this.#take(incoming, i, at, now);
        at += step;
      } while (at < length);
    }
    echoes.flush();
  }

  /** Takes the packet at `at` of message `i`. */
  #take(incoming: IncomingPackets, i: number, at: number, now: number): void {
    const view = incoming.view(i), packet = this.#packet, { length, t } = packet;
    if (!isPacket(view, at, length)) {
      this.#strays.add();
      return;
    }
    const all = flagsOf(view, at), flags = all & ~SIGNED;
    if (flags === OPEN) return this.#open(incoming, i, at, length, now);
    const flow = this.#flows.find(incoming, i, view, at);
    if (flow === undefined) {
      this.#strays.add();
      return;
    }
    if (flags === CLOSE) return this.#closeFlow(flow, incoming, i, at, now);
    const index = senderOf(view, at);
    const { hmac } = flow;
    if (
      index >= flow.windows.length || (hmac === undefined) !== (all === flags) ||
      hmac !== undefined && !isHeaderSigned(hmac, incoming.bytes(i), at)
    ) {
      flow.bad++;
      return;
    }
    const number = numberOf(view, at);
    if ((flow.trouble?.fatal || this.#reverse.isSpent(flow)) && now - flow.noticedAt >= NOTICE_NANOS) {
      this.#notice(flow, incoming, i, t, now);
    }
    if (flags === 0 || flags === ECHO) {
      if (now > flow.cutAt) return this.#cut(flow, incoming, i, t, now);
      if (flow.incomingLimit?.take(length, t) === false) {
        flow.overRate++;
        flow.lastReceived = this.#attended;
        return;
      }
      const window = flow.windows[index];
      const isNew = window.accept(number);
      packet.sender = index;
      packet.number = number;
      packet.flags = flags;
      flow.samples.received(packet);
      if (!isNew) return;
      flow.lastReceived = this.#attended;
      flow.bytes += length;
      if (flow.marked !== undefined && isMarked(packet.trafficClass)) flow.marked[index]++;
      if (flags !== ECHO) {
        const delay = limitedDistance(t - this.#parts!.time.read(view, at + AT_TIME));
        return flow.arrivals[index].add(number, delay);
      }
      if (flow.echoLimit?.take(flow.settings.response ?? length, t) === false) {
        flow.overRate++;
        flow.echoErrors[index]++;
        return;
      }
      this.#echoing = true;
      this.#parts!.echoes.add(flow, incoming, i, at, packet, window.accepted);
    } else if (flags !== REVERSE) flow.bad++;
    else if (number > flow.lastKeepalive) {
      flow.lastKeepalive = number;
      flow.lastReceived = this.#attended;
    }
  }

  #open(incoming: IncomingPackets, i: number, at: number, length: number, now: number): void {
    if (!this.#parts!.admission.open(incoming, i, { at, length, now, attended: this.#attended })) this.#strays.add();
  }

  /** Begins what a flow does at this end. */
  #begin(flow: ServedFlow, i: number): void {
    const { port, reader } = this.#parts!;
    if (flow.senders.length > 0) {
      this.#reverse.start(new ReverseRun(flow, this.#host, port, i, () => reader!.update()));
    }
    this.#setMerging();
  }

  #closeFlow(flow: ServedFlow, incoming: IncomingPackets, i: number, at: number, now: number): void {
    const { length, t } = this.#packet;
    const index = senderOf(incoming.view(i), at);
    if (at !== 0 || index >= flow.windows.length || !isSealed(incoming.view(i), length, flow.hmac)) {
      flow.bad++;
      return;
    }
    flow.lastReceived = this.#attended;
    const repeated = flow.closedAt !== Infinity;
    this.#flows.close(flow, now);
    this.#reverse.end(flow);
    flow.count();
    flow.accounted.end(true);
    // A number of transactions has a deadline of its own: the time that they take if none is answered.
    const { durationMs = Infinity } = this.#limits;
    if (!repeated && flow.openEnded && now >= flow.start + durationMs * 1e6) {
      this.#log.log(`flow ${flow.name.text} of ${flow.address.unmapped()} has ended: ${durationText(this.#limits)}`);
    }
    const lengthBytes = length >= CLOSE_BYTES ? CLOSE_BYTES : SHORT_CLOSE_BYTES;
    const attempt = numberOf(incoming.view(i), 0);
    this.#sendTotals(flow, { sender: index, attempt, lengthBytes }, incoming, i, t);
  }

  /** Informs a client at once that nothing more comes, and why, unless all of it was sent. */
  #notice(flow: ServedFlow, incoming: IncomingPackets, i: number, t: number, now: number): void {
    if (flow.settings.notices !== true || flow.closedAt !== Infinity) return;
    flow.noticedAt = now;
    this.#sendTotals(flow, { sender: flow.senders[0]?.index ?? 0, attempt: 0 }, incoming, i, t);
  }

  /** Sends the counts of a sender where message `i` came from. */
  #sendTotals(
    flow: ServedFlow,
    { sender, attempt, lengthBytes }: Omit<ClosingPacket, "flow" | "hmac" | "time" | "t" | "reply">,
    incoming: IncomingPackets,
    i: number,
    t: number,
  ): void {
    const { control, port, time } = this.#parts!;
    const ended = this.#reverse.isSpent(flow);
    const pathMtuBytes = port.pathMtu(flow.address);
    const totals = { ...flow.totals(sender, this.#drops.packets), ended, pathMtuBytes };
    const reply = closePacket({
      flow: flow.name,
      sender,
      hmac: flow.hmac,
      attempt,
      time,
      t,
      reply: { totals, sent: port.clock.now() },
      lengthBytes,
    });
    control.answer(reply, incoming, i, replyEcn(flow.settings.ecn, incoming.trafficClass(i)));
  }

  /** Ends a flow that goes on beyond its time, and informs its client. */
  #cut(flow: ServedFlow, incoming: IncomingPackets, i: number, t: number, now: number): void {
    const text = `its client goes on although ${durationText(this.#limits)}`;
    flow.trouble = { text, fatal: true };
    this.#notice(flow, incoming, i, t, now);
    this.#lose(flow, now, text);
  }

  /** Ends a flow that its client has not closed. */
  #lose(flow: ServedFlow, now: number, why: string): void {
    this.#log.log(`flow ${flow.name.text} of ${flow.address.unmapped()} ended without a close: ${why}`);
    this.#reportLast(flow, now);
    this.#forget(flow);
  }

  #remove(flow: ServedFlow): void {
    this.#report(flow);
    this.#forget(flow);
  }

  #forget(flow: ServedFlow): void {
    flow.accounted.end(flow.closedAt !== Infinity);
    this.#flows.remove(flow);
    this.#reverse.end(flow);
    this.#setMerging();
  }

  /** Bursts are taken as such while there are flows that have some; others get a time of arrival for each packet. */
  #setMerging(): void {
    let bursts = false;
    for (const { settings, closedAt } of this.#flows) bursts ||= settings.gso && closedAt === Infinity;
    this.#parts!.port.mergeReceived(bursts);
    if (!bursts) this.#drops.single();
  }

  #tidy(): void {
    followWallClock(this.#parts!.port.clock, this.#host);
    const now = this.#parts!.port.clock.now(), attended = this.#time.at(now);
    for (const { name, address } of this.#reverse.stopSilent(attended)) {
      this.#host.log(`flow ${name.text}: nothing comes from ${address.unmapped()}: the server sends no more`);
    }
    for (const flow of this.#flows) {
      const lost = whyLost(flow, now, attended);
      if (lost !== undefined) this.#lose(flow, now, lost);
      else if (isStale(flow, now)) this.#remove(flow);
    }
    this.#reportStrays();
    this.#setMerging();
  }

  #reportStrays(): void {
    const line = this.#strays.take();
    if (line !== undefined) this.#log.log(line);
  }

  #report(flow: ServedFlow): void {
    flow.count();
    const report = flow.news(this.#drops.packets, this.#parts!.port.clock.now());
    if (report !== undefined) this.#host.progress(flow.name.text, report);
  }

  /** Reports for the last time; a flow without a close lasted until the last packet of its client. */
  #reportLast(flow: ServedFlow, now: number): void {
    if (flow.closedAt !== Infinity) return this.#report(flow);
    flow.count();
    const silence = this.#time.at(now) - flow.lastReceived;
    this.#host.progress(flow.name.text, flow.report(this.#drops.packets, now - silence, "unclosed"));
  }
}

/** What exists from the start on. */
interface Parts {
  readonly port: PacketPort;
  readonly control: ControlSender;
  readonly echoes: Echoes;
  readonly time: WireTime;
  readonly admission: Admission;
  reader?: PortReader;
}
