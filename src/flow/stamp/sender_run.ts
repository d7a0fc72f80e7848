import { SystemError } from "../../sys/errno.ts";
import { TineError } from "../../base/errors.ts";
import type { SockAddr } from "../../sys/address.ts";
import { every, type FlowHost, type Timer } from "../engine/engine_flow.ts";
import { DropCounter, DuplicateWindow } from "../packet/arrivals.ts";
import { ReportedRates, rttSummary, senderReport } from "../packet/client_counts.ts";
import { type Arrivals, roundTripTime, RttEstimator } from "../packet/client_receiver.ts";
import { Retries } from "../packet/control_exchange.ts";
import type { DialledRun } from "../packet/dialled_flow.ts";
import { ECHO, type FlowName, limitedDistance, REPLY } from "../packet/header.ts";
import {
  followOddTime,
  followWallClock,
  type IncomingPackets,
  messagesAtATime,
  type PacketPort,
} from "../packet/packet_port.ts";
import { PacketSamples, ReceivedPacket } from "../packet/packet_samples.ts";
import type { PacketSender } from "../packet/packet_sender.ts";
import { lateNanos, Refusals } from "../packet/run_end.ts";
import { Transmitter } from "../packet/transmitter.ts";
import { packetPayload } from "../payload.ts";
import type { PacketReport, PacketSenderReport } from "../report.ts";
import { ReceivedCount, type ReflectorCount } from "./reflector_count.ts";
import type { SenderPlan } from "./sender.ts";
import type { SenderSession, SinglePackets, TestReply } from "./sender_session.ts";

const PROGRESS_NANOS = 250e6;
const WALL_CLOCK_NANOS = 1e9;

/** How long the first answer at the end is waited for, at least. */
const MIN_PAUSE_NANOS = 200e6;
/** Replies that are under way may put a count this much above what was sent: duplicates are known late. */
const MAX_SURPLUS = 64;

/** The options of a run. */
export interface SenderRunOptions {
  readonly host: FlowHost;
  readonly port: PacketPort;
  readonly reflector: SockAddr;
  readonly flow: FlowName;
  readonly plan: SenderPlan;
  /** The content of the file that the packets carry; undefined: there is no file. */
  readonly file: Uint8Array | undefined;
  readonly session: SenderSession;
  /** What opening the session has shown. */
  readonly reflectorCount: ReflectorCount;
  /** Sends single packets. */
  readonly single: SinglePackets;
  readonly openRttNanos: number;
  /** Called after packets were sent, or could not be for lack of room. */
  readonly onPumped: () => void;
}

/** A session that is open, from its sender's side: sends, takes replies, waits for what is late, and ends. */
export class SenderRun implements DialledRun {
  readonly #options: SenderRunOptions;
  readonly #transmitter: Transmitter;
  readonly #samples: PacketSamples;
  readonly #pumpTimer: Timer;
  readonly #endTimer: Timer;
  /** The zero of the flow's time, in the time of the host. */
  readonly #epoch: number;
  /** By sender: its replies, and what the reflector has received of it. */
  readonly #arrivals: readonly Arrivals[];
  readonly #received: readonly ReceivedCount[];
  /** Where the numbers of each sender begin in the session; Infinity before its first packet. */
  readonly #firsts: number[];
  readonly #packet = new ReceivedPacket();
  readonly #rtt = new RttEstimator();
  readonly #drops = new DropCounter();
  #start: number;
  #sentBy = Infinity;
  /** The number of the first packet that asks whether the reflector is still there; Infinity before. */
  #closingFirst = Infinity;
  #retries: Retries | undefined;
  /** Of the measured sender, all that the reflector has received, as its last reply shows. */
  #total: number | undefined;
  #complete = false;
  #bytesReceived = 0;
  #bad = 0;
  readonly #refusals = new Refusals();
  #firstError: string | undefined;
  #errors = 0;
  readonly #rates: ReportedRates;

  constructor(options: SenderRunOptions) {
    const { host, port, flow, plan, file, session, reflectorCount } = options;
    this.#options = options;
    this.#start = port.clock.now();
    this.#epoch = host.now() - this.#start;
    this.#samples = new PacketSamples(host.samples("packetIO", flow.text), false);
    this.#arrivals = plan.senders.map(() => ({ window: new DuplicateWindow(), lastNumber: -1, lastCount: 0 }));
    this.#received = plan.senders.map(() => new ReceivedCount(reflectorCount));
    this.#firsts = plan.senders.map(() => Infinity);
    this.#rtt.seed(options.openRttNanos);
    this.#rates = new ReportedRates(port.clock);
    const payload = packetPayload(host.shared, { kind: plan.payload, file, longestBytes: plan.longest });
    const capacity = messagesAtATime({ bursts: false, fast: plan.fast });
    const outgoing = port.outgoing(capacity, plan.longest, payload);
    this.#transmitter = new Transmitter(plan.senders, outgoing, {
      flow,
      clock: port.clock,
      hmac: undefined,
      format: {
        bytes: session.headerBytes,
        write: (outgoing, at, { sender, number, length }, t) => {
          // Senders are one after another: the warm-up is over when the measured one begins.
          if (this.#firsts[sender] === Infinity) this.#firsts[sender] = session.next - number;
          session.write(outgoing, at, this.#firsts[sender] + number, length, t);
        },
      },
      probes: plan.fragment === "probe",
      longest: () => port.longest,
      onSent: (packets) => this.#samples.sent(packets),
      onError: (error) => this.#onSendError(error),
    });
    this.#pumpTimer = host.timer(() => this.pump(), { precise: true });
    this.#endTimer = host.timer(() => this.#endOrAsk());
  }

  /** The kernel stamps packets as they arrive, so they may wait. */
  readonly prompt = false;

  /** Whether there is no room to send what is due. */
  get blocked(): boolean {
    return this.#transmitter.blocked;
  }

  /** Starts to report. */
  start(): void {
    const { host, port, flow } = this.#options;
    this.#rates.start(this.#start);
    every(host, PROGRESS_NANOS, () => host.progress(flow.text, this.#rates.withRates(this.#report())));
    every(host, WALL_CLOCK_NANOS, () => followWallClock(port.clock, host, flow.text));
  }

  /** Starts to send. */
  send(): void {
    const { host, port, plan } = this.#options;
    this.#start = port.clock.now();
    for (const sender of plan.senders) sender.start(this.#start);
    this.#pumpTimer.set(host.now());
  }

  /** Sends what is due. */
  pump(): void {
    const next = this.#transmitter.run();
    this.#options.onPumped();
    if (next !== Infinity) this.#pumpTimer.set(this.#epoch + next);
    if (this.#transmitter.over && this.#sentBy === Infinity) this.#onSent();
  }

  /** Sends no more. */
  finish(): void {
    const { port, plan } = this.#options;
    if (this.#sentBy !== Infinity) return;
    for (const sender of plan.senders) sender.stop(port.clock.now());
    this.#pumpTimer.clear();
    this.pump();
  }

  /** Reports for the last time. */
  close(): void {
    const { host, flow } = this.#options;
    host.progress(flow.text, this.#report());
  }

  #onSent(): void {
    this.#sentBy = this.#options.port.clock.now();
    if (this.#isAnswered) this.#end(true);
    else this.#endTimer.set(this.#epoch + this.#sentBy + lateNanos(this.#rtt.smoothed));
  }

  /** Whether all packets have their replies. */
  get #isAnswered(): boolean {
    return this.#options.plan.senders.every(({ sent }, i) => this.#arrivals[i].window.accepted >= sent);
  }

  /**
   * Asks for one more reply: it proves that the reflector is still there, and where that counts, it shows how many of
   * the last packets have arrived.
   */
  #endOrAsk(): void {
    const { host, session, single, reflector, flow } = this.#options;
    this.#retries ??= new Retries(Math.max(MIN_PAUSE_NANOS, 2 * this.#rtt.smoothed));
    const pauseNanos = this.#retries.next();
    if (pauseNanos === undefined) {
      host.log(`flow ${flow.text}: the reflector at ${reflector} did not answer at the end`);
      return this.#end(false);
    }
    if (this.#closingFirst === Infinity) this.#closingFirst = session.next;
    this.#endTimer.set(host.now() + pauseNanos);
    try {
      single.send();
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      this.onRefused(error);
    }
  }

  #end(complete: boolean): void {
    const { host, flow, plan } = this.#options;
    this.#complete = complete;
    const sent = plan.senders.reduce((sum, { sent }) => sum + sent, 0);
    if (sent === 0) {
      this.#complete = false;
      const unsent = plan.senders.reduce((sum, { unsent }) => sum + unsent, 0);
      const why = this.#firstError !== undefined
        ? `${this.#errors} could not be (${this.#firstError})`
        : unsent > 0
        ? `${unsent} were due, and there was no time or room for them`
        : "the first one was due after the end";
      throw new TineError("no-packets", `flow ${flow.text}: no packet was sent: ${why}`);
    }
    host.end(this.#report());
  }

  /** Takes the messages [from, to). */
  takeAll(incoming: IncomingPackets, from: number, to: number): void {
    if (from >= to) return;
    const { host, port, flow } = this.#options, now = port.clock.now();
    followOddTime(incoming.arrival(to - 1), now, port.clock, host, flow.text);
    for (let i = from; i < to; i++) {
      this.#drops.add(incoming.drops(i), 1);
      const reply = this.#options.session.read(incoming, i);
      if (reply !== undefined && this.#take(reply, incoming, i, now)) this.#refusals.clear();
      else this.#bad++;
    }
    if (this.#sentBy !== Infinity && !this.#complete && (this.#total !== undefined || this.#isAnswered)) {
      this.#endTimer.clear();
      this.#end(true);
    }
  }

  /** @returns whether it answers a packet of this session */
  #take(reply: TestReply, incoming: IncomingPackets, i: number, now: number): boolean {
    const { reflectorCount, plan } = this.#options;
    if (reply.number >= this.#closingFirst) return this.#takeLast(reply);
    // The measured sender has the first index and the last numbers.
    const index = this.#firsts.findIndex((first) => reply.number >= first);
    if (index < 0) {
      // It answers a packet that opened the session.
      reflectorCount.of(reply.reflectorNumber);
      return true;
    }
    const sender = plan.senders[index], number = reply.number - this.#firsts[index];
    const arrivals = this.#arrivals[index], received = this.#received[index];
    const isNew = arrivals.window.accept(number);
    const counted = reflectorCount.counts ? received.add(number, reply.reflectorNumber, isNew) : undefined;
    if (counted !== undefined && counted > sender.number + MAX_SURPLUS) this.#distrust();
    // The reflector received the packet twice: it was duplicated on the way there.
    if (!isNew && counted !== undefined) {
      arrivals.window.refused--;
      return true;
    }
    const arrival = incoming.arrival(i), byKernel = !Number.isNaN(arrival), t = byKernel ? arrival : now;
    const packet = this.#packet;
    packet.sender = index;
    packet.number = number;
    packet.flags = ECHO | REPLY;
    packet.length = incoming.length(i);
    packet.t = t;
    packet.byKernel = byKernel;
    packet.trafficClass = incoming.trafficClass(i);
    packet.serverReceived = limitedDistance(reply.reflectorReceived - t);
    packet.serverTime = limitedDistance(reply.reflectorSent - reply.reflectorReceived);
    packet.serverCount = counted !== undefined && reflectorCount.counts ? Math.max(1, counted) : 0;
    this.#samples.received(packet);
    if (!isNew) return true;
    this.#bytesReceived += packet.length;
    if (number > arrivals.lastNumber) {
      arrivals.lastNumber = number;
      arrivals.lastCount = packet.serverCount;
    }
    const rtt = roundTripTime(t - sender.times!.get(number), packet.serverTime);
    if (!Number.isNaN(rtt)) this.#rtt.add(rtt);
    return true;
  }

  /** Takes the reply to a packet that asked whether the reflector is still there. */
  #takeLast(reply: TestReply): boolean {
    const { plan: { senders: [sender] }, reflectorCount } = this.#options;
    const first = this.#firsts[0];
    const counted = reflectorCount.counts && first !== Infinity
      ? this.#received[0].add(reply.number - first, reply.reflectorNumber, true)
      : undefined;
    // It is unknown where earlier packets that asked were lost; without an answer, most were on the way there.
    const total = counted === undefined ? 0 : counted - 1;
    this.#total = Math.max(this.#arrivals[0].window.accepted, Math.min(total, sender.sent));
    return true;
  }

  /** Its numbers count more than the packets of this session. */
  #distrust(): void {
    const { host, flow, reflector, reflectorCount } = this.#options;
    if (!reflectorCount.counts) return;
    reflectorCount.counts = false;
    host.log(
      `flow ${flow.text}: the numbers of the reflector at ${reflector} are not those of this session alone: in which ` +
        "direction packets were lost is unknown",
    );
  }

  /**
   * Takes an ICMP error about packets that were sent. Sending goes on after errors; but where
   * no reflector listens any more, there is nothing to measure.
   */
  onRefused(error: SystemError): void {
    if (error.errnoName !== "ECONNREFUSED") return this.#onSendError(error);
    const { port, reflector, flow } = this.#options;
    if (!this.#refusals.add(port.clock.now())) return;
    throw new TineError(
      "server-gone",
      `flow ${flow.text}: the reflector at ${reflector} is gone (${error.errnoName})`,
      {
        cause: error,
      },
    );
  }

  #onSendError(error: SystemError): void {
    if (error.errnoName === "ECONNREFUSED") return this.onRefused(error);
    this.#firstError ??= error.message;
    if (this.#errors++ > 0) return; // The others are counted.
    this.#options.host.log(`flow ${this.#options.flow.text}: packets cannot be sent: ${error.message}`);
  }

  #report(): PacketReport {
    const { port, plan: { senders, warmupNanos }, reflectorCount } = this.#options;
    const pathMtuBytes = port.pathMtu();
    return {
      kind: "packets",
      complete: this.#complete,
      elapsedNanos: Math.min(this.#sentBy, port.clock.now()) - this.#start,
      ...warmupNanos > 0 ? { warmupNanos } : {},
      senders: senders.map((sender, i) => this.#senderReport(sender, i)),
      bytesSent: senders.reduce((sum, { bytes }) => sum + bytes, 0),
      bytesReceived: this.#bytesReceived,
      bad: this.#bad,
      serverBad: 0,
      socketDrops: this.#drops.packets,
      serverSocketDrops: 0,
      ...pathMtuBytes === undefined ? {} : { pathMtuBytes },
      ...!reflectorCount.counts && { uncounted: true },
      rtt: rttSummary(this.#rtt),
    };
  }

  #senderReport(sender: PacketSender, index: number): PacketSenderReport {
    const arrivals = this.#arrivals[index], { accepted } = arrivals.window;
    const isOver = this.#complete && this.#sentBy !== Infinity;
    if (!this.#options.reflectorCount.counts) {
      const arrivable = isOver ? sender.sent : arrivals.lastNumber + 1 - sender.errors;
      const report = senderReport(sender, arrivals, undefined);
      return {
        ...report,
        serverReceived: accepted,
        lostToServer: 0,
        lostFromServer: Math.max(0, arrivable - accepted),
      };
    }
    if (!isOver) return senderReport(sender, arrivals, undefined);
    const received = index === 0 ? this.#total ?? accepted : Math.max(accepted, arrivals.lastCount);
    const { duplicates } = this.#received[index];
    return senderReport(sender, arrivals, {
      received,
      duplicates,
      reverseSent: 0,
      reverseSendErrors: 0,
      reverseUnsent: 0,
      socketDrops: 0,
      bad: 0,
    });
  }
}
