import { SockAddr } from "../../sys/address.ts";
import { SystemError } from "../../sys/errno.ts";
import {
  flagsOf,
  isHeaderSigned,
  isOfFlow,
  isPacket,
  limitedDistance,
  numberOf,
  senderOf,
  SIGNED,
  WireTime,
} from "../packet/header.ts";
import { ControlSender } from "../packet/control_exchange.ts";
import { MAX_CONTROL_BYTES } from "../packet/control_packet.ts";
import type { PacketPort, PacketPorts } from "../packet/packet_port.ts";
import { PortReader, type PortUser } from "../packet/port_reader.ts";
import type { FlowHost, Timer } from "../engine/engine_flow.ts";
import type { Hmac } from "../hmac.ts";
import type { GroupFlow } from "./group_flow.ts";
import { ACKNOWLEDGE, type Announcement, groupPacket, readAcknowledgement, REPORT } from "./group_packets.ts";

/** The maximum delay of the first report, in nanoseconds, so that those of many receivers do not come at once. */
const FIRST_NANOS = 200e6;
/** The mean time between two reports, in nanoseconds, unless there are many receivers. */
const PAUSE_NANOS = 1e9;
/** The same for each receiver that reports: all together send at most a hundred reports a second. */
const PAUSE_NANOS_EACH = 10e6;
/** The maximum delay of the last report, in nanoseconds; more where there are many receivers. */
const LAST_NANOS = 20e6;
const LAST_NANOS_EACH = 2e6;
/** The time without an acknowledgement after which the last report is sent again, in nanoseconds. */
const AGAIN_NANOS = 200e6;
/** The number of times that the last report is sent. */
const LAST_TRIES = 5;
/** The number of reports without an acknowledgement after which only last reports are sent. */
const MAX_UNACKNOWLEDGED = 3;

/** The options of a reporter. */
export interface ReporterOptions {
  readonly host: FlowHost;
  /** Connected to where the sender wants reports; it is closed with the reporter. */
  readonly port: PacketPort;
  readonly flow: GroupFlow;
  /** Of the key of the flow. */
  readonly hmac: Hmac;
  /** Returns how many packets the socket of the group had no room for. */
  readonly socketDrops: () => number;
}

/**
 * Reports to the sender of a flow what this receiver has counted: now and then, and at the end until that is
 * acknowledged.
 */
export class Reporter implements PortUser, Disposable {
  readonly #options: ReporterOptions;
  /** Names this receiver to the sender. */
  readonly #receiver = crypto.randomUUID();
  readonly #control: ControlSender;
  readonly #time: WireTime;
  readonly #timer: Timer;
  /** Of the last report, by its number. */
  readonly #sentAt = new Map<number, number>();
  /** Senders of which the last report is not acknowledged. */
  readonly #open: Set<number>;
  #number = 0;
  /** Reports with greater numbers are the last ones. */
  #lastBefore = Infinity;
  #unacknowledged = 0;
  #tries = 0;
  /** How many receivers report, as the sender announces. */
  receivers = 0;

  constructor(options: ReporterOptions) {
    const { host, port, flow } = options;
    this.#options = options;
    this.#control = new ControlSender(port);
    this.#time = new WireTime(port.clock.tinit);
    this.#open = new Set(Array.from({ length: flow.measured }, (_, i) => i));
    this.#timer = host.timer(() => this.#report());
    new PortReader(host, port, this);
    this.#timer.set(host.now() + Math.random() * FIRST_NANOS);
  }

  readonly canTake = true;
  readonly prompt = false;
  readonly wantsRoom = false;
  onRoom(): void {}

  onError(error: unknown): void {
    if (!(error instanceof SystemError)) throw error;
    // The sender is gone.
    if (error.errnoName === "ECONNREFUSED") this[Symbol.dispose]();
  }

  /** Whether the sender has acknowledged all, or further reports are useless. */
  get over(): boolean {
    return this.#options.port.closed;
  }

  /** The flow is over: reports for the last time, soon. */
  finish(): void {
    if (this.over) return;
    this.#lastBefore = this.#number;
    const within = Math.max(LAST_NANOS, this.receivers * LAST_NANOS_EACH);
    this.#timer.set(this.#options.host.now() + Math.random() * within);
  }

  takeAll(count: number): void {
    const { port, flow, hmac } = this.#options, { incoming, clock } = port;
    const now = clock.now();
    for (let i = 0; i < count; i++) {
      const view = incoming.view(i), length = incoming.length(i);
      if (!isPacket(view, 0, length) || flagsOf(view, 0) !== (ACKNOWLEDGE | SIGNED)) continue;
      if (!isOfFlow(view, 0, flow.name) || !isHeaderSigned(hmac, incoming.bytes(i), 0)) continue;
      const number = numberOf(view, 0), sentAt = this.#sentAt.get(number);
      if (sentAt === undefined) continue;
      this.#sentAt.delete(number);
      this.#unacknowledged = 0;
      const arrival = incoming.arrival(i), { received, sent } = readAcknowledgement(view, this.#time);
      const t = Number.isNaN(arrival) ? now : arrival;
      flow.bound({ least: limitedDistance(sentAt - received), most: limitedDistance(t - sent) });
      if (number > this.#lastBefore) this.#open.delete(senderOf(view, 0));
      if (this.#open.size === 0) return this[Symbol.dispose]();
    }
  }

  #report(): void {
    const { host, flow } = this.#options;
    const final = flow.closedAt !== Infinity;
    if (final) {
      if (this.#tries++ === LAST_TRIES) return this[Symbol.dispose]();
      for (const sender of this.#open) this.#send(sender);
      return this.#timer.set(host.now() + AGAIN_NANOS);
    }
    if (this.#unacknowledged++ === MAX_UNACKNOWLEDGED) return;
    for (let sender = 0; sender < flow.measured; sender++) this.#send(sender);
    const pause = Math.max(PAUSE_NANOS, this.receivers * PAUSE_NANOS_EACH);
    this.#timer.set(host.now() + pause * (0.5 + Math.random()));
  }

  #send(sender: number): void {
    const { port, flow, hmac, socketDrops } = this.#options;
    if (this.over) return;
    const t = port.clock.now(), number = ++this.#number;
    this.#sentAt.set(number, t);
    // Those that are lost are forgotten.
    this.#sentAt.delete(number - 64 * flow.measured);
    const text = JSON.stringify({ receiver: this.#receiver, ...flow.reception(sender, socketDrops()) });
    const { name, nonce } = flow;
    const packet = groupPacket({ flags: REPORT, flow: name, sender, number, nonce, text, time: this.#time, t, hmac });
    try {
      this.#control.send(packet);
    } catch (error) {
      this.onError(error);
    }
  }

  [Symbol.dispose](): void {
    this.#timer.clear();
    this.#options.port[Symbol.dispose]();
  }
}

/** Flows that are reported on at a time: each takes a socket. */
const MAX_REPORTERS = 256;

/** The options of reporters. */
export interface ReportersOptions extends Pick<ReporterOptions, "socketDrops"> {
  readonly host: FlowHost;
  readonly ports: PacketPorts;
  /** Logs a line for people. */
  log(line: string): void;
}

/** The reporters of a receiver, one for each flow that it may report on. */
export class Reporters implements Disposable {
  readonly #options: ReportersOptions;
  readonly #byFlow = new Map<GroupFlow, Reporter>();

  constructor(options: ReportersOptions) {
    this.#options = options;
  }

  /** The reporter of a flow; undefined without one. */
  get(flow: GroupFlow): Reporter | undefined {
    return this.#byFlow.get(flow);
  }

  /**
   * Starts to report on a flow that is signed, if its sender wants that: only to the address in the signed
   * announcement, and only if it came from there, see group_packets.ts.
   *
   * @param source where it came from
   */
  start(flow: GroupFlow, { reportTo }: Announcement, source: SockAddr): void {
    const { hmac, name } = flow, { host, ports, socketDrops, log } = this.#options;
    if (hmac === undefined || reportTo === undefined || this.#byFlow.size >= MAX_REPORTERS) return;
    const to = SockAddr.parse(reportTo);
    if (!to.ip.every((byte, k) => byte === source.ip[k])) {
      return log(
        `flow ${name.text} of ${source} wants its reports at ${to}, which is another address: nothing is reported`,
      );
    }
    try {
      const port = ports.connect(source.withPort(to.port), { flow: name.text, sender: [] }, MAX_CONTROL_BYTES);
      this.#byFlow.set(flow, new Reporter({ host, port, flow, hmac, socketDrops }));
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      log(`flow ${name.text} of ${source}: nothing can be reported to its sender: ${error.message}`);
    }
  }

  /** Ends the reports on a flow. */
  drop(flow: GroupFlow): void {
    this.#byFlow.get(flow)?.[Symbol.dispose]();
    this.#byFlow.delete(flow);
  }

  /** Forgets the reporters that are over. */
  tidy(): void {
    for (const [flow, reporter] of this.#byFlow) if (reporter.over) this.#byFlow.delete(flow);
  }

  [Symbol.dispose](): void {
    for (const flow of [...this.#byFlow.keys()]) this.drop(flow);
  }
}
