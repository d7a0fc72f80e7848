import type { SocketAddress } from "../../sys/address.ts";
import { SystemError } from "../../sys/errno.ts";
import { TineError } from "../../base/errors.ts";
import type { FlowHost, Timer } from "../engine/engine_flow.ts";
import type { Hmac } from "../hmac.ts";
import { packetPayload } from "../payload.ts";
import type { PacketReport, PacketSenderReport, RttSummary } from "../report.ts";
import { ClientClosing, type ClosingAttempt } from "./client_closing.ts";
import type { ClientPlan } from "./packet_client_flow.ts";
import { type Arrivals, ClientReceiver, type RttEstimator } from "./client_receiver.ts";
import {
  closePacket,
  type ControlSender,
  KEEPALIVE_NANOS,
  keepalivePacket,
  REVERSE_KEEPALIVE_NANOS,
  type Totals,
} from "./control_packet.ts";
import { DropCounter } from "./socket_port.ts";
import { CLOSE, flagsOf, type FlowName, isOfFlow, isPacket, OPEN, REPLY, SIGNED, WireTime } from "./header.ts";
import { type IncomingPackets, isOddTime, type PacketPort } from "./packet_port.ts";
import { PacketSamples } from "./packet_samples.ts";
import { Transmitter } from "./transmitter.ts";
import type { PacketSender } from "./packet_sender.ts";

const PROGRESS_NANOS = 250e6;
const WALL_CLOCK_NANOS = 1e9;

/** How long the end waits for late packets, in smoothed round-trip times, within bounds. */
const LATE_RTTS = 3;
/** What is sent from the server may be late although the way is short: a busy machine must not look like a lossy one. */
const MIN_LATE_NANOS = 50e6;
const MAX_LATE_NANOS = 10e9;
/** If no round-trip time is known. */
const GUESSED_RTT_NANOS = 300e6;

/** If packets are refused for so long, and nothing comes, the server is gone. */
const GONE_NANOS = 1e9;

/** How many messages are prepared at a time. */
const FAST_BATCH = 64;
const SLOW_BATCH = 16;
const BURST_BATCH = 8;

/** What a run needs. */
export interface ClientRunOptions {
  readonly host: FlowHost;
  readonly port: PacketPort;
  readonly control: ControlSender;
  readonly server: SocketAddress;
  readonly flow: FlowName;
  readonly plan: ClientPlan;
  /** The content of the file that the packets carry; undefined: they carry none. */
  readonly file: Uint8Array | undefined;
  /** Of the key of the flow. */
  readonly hmac: Hmac | undefined;
  /** How long opening took, in nanoseconds; NaN if that is not known. */
  readonly openRttNanos: number;
  /** Called after packets were sent, or could not be for want of room. */
  readonly onPumped: () => void;
}

/** A flow that is open, from the client's side: sends, receives, waits for what is late, and closes. */
export class ClientRun {
  readonly #options: ClientRunOptions;
  readonly #transmitter: Transmitter;
  readonly #receiver: ClientReceiver;
  readonly #pumpTimer: Timer;
  readonly #endTimer: Timer;
  /** What is 0 in the time of the flow, in the time of the host. */
  readonly #epoch: number;
  /** When its senders start. */
  #start: number;
  readonly #time: WireTime;
  /** When the last sender ends; Infinity while that is not known. */
  #sentBy = Infinity;
  readonly #closing: ClientClosing;
  /** The server's counts are known, and packets that they count may still arrive. */
  #waiting = false;
  /** What was missing when it began to wait at last; undefined: it did not. */
  #missedBefore: Missing | undefined;
  /** For how long it has waited, in nanoseconds. */
  #waited = 0;
  #failed = false;
  #finished = false;
  #keepalives = 0;
  /** Packets sent when it was last checked whether a keepalive is wanted. */
  #sentBefore = 0;
  readonly #drops = new DropCounter();
  #refusedSince = Infinity;
  #errors = 0;
  #firstError: string | undefined;
  #reportedMtu: number | undefined;
  #before = { t: 0, bytesSent: 0, bytesReceived: 0 };

  constructor(options: ClientRunOptions) {
    const { host, port, flow, plan, hmac } = options;
    this.#options = options;
    this.#start = port.clock.now();
    this.#epoch = host.now() - this.#start;
    this.#time = new WireTime(port.clock.tinit);
    const samples = new PacketSamples(host.samples("packetIO", flow.text), false);
    this.#receiver = new ClientReceiver(flow, hmac, plan.senders, this.#time, samples);
    if (!Number.isNaN(options.openRttNanos)) this.#receiver.rtt.seed(options.openRttNanos);
    this.#closing = new ClientClosing(flow, plan.senders.length, hmac, port.clock);
    const forward = plan.senders.filter(({ reverse }) => !reverse);
    const bursts = forward.some(({ burst }) => burst > 1);
    const capacity = bursts ? BURST_BATCH : plan.fast ? FAST_BATCH : SLOW_BATCH;
    const { payload: kind, longestMessage: longestBytes } = plan;
    const payload = packetPayload(host.shared, { kind, file: options.file, longestBytes });
    this.#transmitter = new Transmitter(forward, port.outgoing(capacity, longestBytes, payload), {
      flow,
      clock: port.clock,
      hmac,
      probes: plan.fragment === "probe",
      longest: () => port.longest,
      onSent: (packets) => samples.sent(packets),
      onError: (error) => this.#onSendError(error),
    });
    this.#pumpTimer = host.timer(() => this.pump(), { precise: true });
    this.#endTimer = host.timer(() => this.#endOrClose());
  }

  /** Starts to receive, to report and to send keepalives. */
  start(): void {
    const { plan } = this.#options;
    this.#before.t = this.#start;
    this.#every(PROGRESS_NANOS, () => this.#progress());
    this.#every(WALL_CLOCK_NANOS, () => this.#checkWallClock());
    const receives = plan.senders.some(({ reverse }) => reverse);
    this.#every(receives ? REVERSE_KEEPALIVE_NANOS : KEEPALIVE_NANOS, () => this.#keepAlive());
  }

  /** Starts to send. */
  send(): void {
    const { host, port, plan } = this.#options;
    this.#start = port.clock.now();
    for (const sender of plan.senders) sender.start(this.#start);
    // The caller finishes first: errors of sending take the same way as all later ones.
    this.#pumpTimer.set(host.now());
  }

  /** The kernel notes when packets come: they may wait. */
  readonly prompt = false;

  /** Whether there is no room to send what is due. */
  get blocked(): boolean {
    return this.#transmitter.blocked;
  }

  /** Reports for the last time; a flow that did not come to its end is closed as well as it can be. */
  close(): void {
    const { host, port, flow, control, hmac } = this.#options;
    if (!this.#closing.begun || !this.#closing.complete) {
      try {
        const packet = closePacket({ flow, sender: 0, hmac, attempt: 0, time: this.#time, t: port.clock.now() });
        control.send(packet);
      } catch (error) {
        if (!(error instanceof SystemError)) throw error; // The server is gone, or there is no way to it.
      }
    }
    host.progress(flow.text, this.#report());
  }

  /** Sends what is due. */
  pump(): void {
    const next = this.#transmitter.run();
    this.#options.onPumped();
    if (next !== Infinity) this.#pumpTimer.set(this.#epoch + next);
    if (this.#transmitter.over && this.#sentBy === Infinity) this.#onSent();
  }

  /** Sends no more, and has the server's senders stop by closing. */
  finish(): void {
    if (this.#closing.begun) return;
    this.#finished = true;
    const now = this.#options.port.clock.now();
    for (const sender of this.#options.plan.senders) if (!sender.reverse) sender.stop(now);
    this.#pumpTimer.clear();
    this.pump();
    if (this.#transmitter.over) this.#onSent();
  }

  /** All is sent from here; senders at the server end by their own clock. */
  #onSent(): void {
    const { port, plan } = this.#options;
    const ended = this.#finished || this.#closing.ended;
    const reverse = ended ? [] : plan.senders.filter((sender) => sender.reverse);
    const ends = reverse.map(({ schedule }) => this.#start + schedule.durationNanos);
    this.#sentBy = Math.max(port.clock.now(), ...ends);
    const late = Math.min(MAX_LATE_NANOS, Math.max(MIN_LATE_NANOS, LATE_RTTS * this.#rtt()));
    this.#endTimer.set(this.#epoch + this.#sentBy + late);
  }

  /** The round-trip time as far as it is known: of echoes, of opening, of closing. */
  #rtt(): number {
    const { smoothed } = this.#receiver.rtt, { rttNanos } = this.#closing;
    const known = [smoothed, rttNanos].filter((rtt) => !Number.isNaN(rtt));
    return known.length === 0 ? GUESSED_RTT_NANOS : Math.max(...known);
  }

  /** Asks for the server's counts, waits for packets that are under way by these counts, and ends. */
  #endOrClose(): void {
    if (!this.#closing.complete) {
      const attempt = this.#waited < MAX_LATE_NANOS ? this.#closing.attempt(this.#rtt()) : undefined;
      if (attempt === undefined) this.#end();
      else this.#ask(attempt);
      return;
    }
    if (!this.#waiting) return this.#waitOrEnd();
    this.#waiting = false;
    // What came to the server meanwhile is not lost.
    if (this.#missing().toServer === 0) return this.#end();
    this.#closing.again();
    this.#ask(this.#closing.attempt(this.#rtt())!);
  }

  #ask({ packets, pauseNanos }: ClosingAttempt): void {
    for (const packet of packets) this.#sendControl(packet);
    this.#endTimer.set(this.#options.host.now() + pauseNanos);
  }

  /**
   * The answer may have overtaken packets that were sent before it, in either direction: by as much as their delays
   * differ, and by some round trips where little is known of them.
   */
  #waitOrEnd(): void {
    const missing = this.#missing(), before = this.#missedBefore;
    const isSettled = missing.toServer + missing.fromServer === 0;
    // Where it waited before, and that has brought nothing to the server, the rest is lost.
    const isLost = before !== undefined && before.toServer === missing.toServer;
    if (isSettled || isLost || this.#waited >= MAX_LATE_NANOS) return this.#end();
    this.#missedBefore = missing;
    this.#waiting = true;
    const nanos = LATE_RTTS * this.#rtt() + this.#delaySpread();
    const wait = Math.min(MAX_LATE_NANOS - this.#waited, Math.max(MIN_LATE_NANOS, nanos));
    this.#waited += wait;
    this.#endTimer.set(this.#options.host.now() + wait);
  }

  /** Returns how many packets have not arrived, by the server's counts. */
  #missing(): Missing {
    const missing = { toServer: 0, fromServer: 0 };
    const { totals } = this.#closing, { arrivals } = this.#receiver;
    for (const { index, reverse, times, sent } of this.#options.plan.senders) {
      const { received = 0, echoErrors = 0, reverseSent = 0 } = totals[index] ?? {};
      const { accepted } = arrivals[index].window;
      if (reverse) missing.fromServer += Math.max(0, reverseSent - accepted);
      else {
        missing.toServer += Math.max(0, sent - received);
        if (times !== undefined) missing.fromServer += Math.max(0, received - echoErrors - accepted);
      }
    }
    return missing;
  }

  /** By how much delays differed, in nanoseconds: the greater of both directions. */
  #delaySpread(): number {
    const { clock, totals } = this.#closing;
    let spread = this.#receiver.delaySpread(clock && -clock.least);
    for (const total of totals) {
      if (total?.arrivals === undefined) continue;
      const { min, max } = total.arrivals.delay;
      spread = Math.max(spread, max - Math.min(min, clock?.most ?? Infinity));
    }
    return spread;
  }

  #end(): void {
    const { host, flow, server } = this.#options;
    const { known, trouble } = this.#closing;
    if (!known) host.log(`flow ${flow.text}: the server at ${server} did not report its counts at the end`);
    if (trouble?.fatal) throw this.#serverFailed(trouble.text);
    if (trouble !== undefined) host.log(`flow ${flow.text}: at the server at ${server}, ${trouble.text}`);
    this.#checkSent();
    host.end(this.#report());
  }

  /** Where no packet was sent, there is nothing to measure. */
  #checkSent(): void {
    const { plan, flow, server } = this.#options, { totals, known, trouble } = this.#closing;
    let errors = 0, unsent = 0;
    for (const sender of plan.senders) {
      const total = totals[sender.index];
      if (sender.sent > 0 || (total?.reverseSent ?? this.#receiver.arrivals[sender.index].window.next) > 0) return;
      errors += sender.errors + (total?.reverseSendErrors ?? 0);
      unsent += sender.unsent + (total?.reverseUnsent ?? 0);
    }
    const why = errors > 0
      ? `${errors} could not be (${this.#firstError ?? trouble?.text ?? "the server gives no reason"})`
      : unsent > 0
      ? `${unsent} were due, and there was no time or room for them`
      : known
      ? "the first one was due after the end"
      : `the server at ${server} gives no reason`;
    this.#failed = true;
    throw new TineError("no-packets", `flow ${flow.text}: no packet was sent: ${why}`);
  }

  #serverFailed(why: string): TineError {
    const { flow, server } = this.#options;
    this.#failed = true;
    return new TineError("server-cannot-send", `flow ${flow.text}: the server at ${server} sends no more: ${why}`);
  }

  /** Takes the messages [from, to). */
  takeAll(incoming: IncomingPackets, from: number, to: number): void {
    if (from >= to) return;
    const now = this.#options.port.clock.now();
    if (isOddTime(incoming.arrival(to - 1), now)) this.#checkWallClock();
    for (let i = from; i < to; i++) this.#take(incoming, i, now);
    if (!this.#waiting) return;
    const { toServer, fromServer } = this.#missing();
    if (toServer + fromServer === 0) this.#endTimer.set(this.#options.host.now());
  }

  #take(incoming: IncomingPackets, i: number, now: number): void {
    const { flow } = this.#options;
    const view = incoming.view(i), length = incoming.length(i);
    const segment = incoming.segmentBytes(i);
    this.#drops.add(incoming.drops(i), segment === 0 ? 1 : Math.ceil(length / segment));
    const arrival = incoming.arrival(i);
    const byKernel = !Number.isNaN(arrival);
    const t = byKernel ? arrival : now;
    let good: number;
    if (isPacket(view, 0, length) && (flagsOf(view, 0) & (OPEN | CLOSE)) !== 0 && isOfFlow(view, 0, flow)) {
      good = this.#takeControl(view, length, t);
    } else {
      good = this.#receiver.receive(incoming, i, t, byKernel);
    }
    if (good > 0) this.#refusedSince = Infinity;
  }

  #takeControl(view: DataView, length: number, t: number): number {
    // A late answer to a packet that opened is no error.
    if ((flagsOf(view, 0) & ~SIGNED) === (OPEN | REPLY)) return 0;
    if (this.#closing.receive(view, length, t)) {
      const { begun, complete, trouble } = this.#closing;
      if (!begun && trouble?.fatal) throw this.#serverFailed(trouble.text);
      if (!begun && this.#closing.ended && this.#transmitter.over) this.#onSent();
      if (begun && complete && !this.#waiting) this.#endTimer.set(this.#options.host.now());
      return 1;
    }
    this.#receiver.bad++;
    return 0;
  }

  #sendControl(packet: Uint8Array): void {
    try {
      this.#options.control.send(packet);
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      this.onRefused(error);
    }
  }

  /** Sends a keepalive, unless a packet was sent since the last call. */
  #keepAlive(): void {
    const { flow, plan, hmac } = this.#options;
    if (this.#closing.begun) return;
    let sent = 0;
    for (const sender of plan.senders) sent += sender.sent;
    if (sent === this.#sentBefore) this.#sendControl(keepalivePacket(flow, ++this.#keepalives, hmac));
    this.#sentBefore = sent;
  }

  /**
   * To be called with what came back for packets that were sent. Packets are sent whatever comes back; but where
   * no server listens any more, there is nothing to measure.
   */
  onRefused(error: SystemError): void {
    if (error.errnoName !== "ECONNREFUSED") return this.#onSendError(error);
    const { host, port, server, flow } = this.#options;
    const now = port.clock.now();
    if (this.#closing.known) {
      // Its counts are known: it was only asked whether more packets have arrived since.
      this.#waited = MAX_LATE_NANOS;
      return this.#endTimer.set(host.now());
    }
    this.#refusedSince = Math.min(this.#refusedSince, now);
    if (!this.#closing.begun && now - this.#refusedSince < GONE_NANOS) return;
    throw new TineError("server-gone", `flow ${flow.text}: the server at ${server} is gone (${error.errnoName})`, {
      cause: error,
    });
  }

  #onSendError(error: SystemError): void {
    if (error.errnoName === "ECONNREFUSED") return this.onRefused(error);
    if (error.errnoName === "EMSGSIZE" && this.#options.plan.fragment === "probe") return this.#onTooLong();
    this.#firstError ??= error.message;
    if (this.#errors++ > 0) return; // The others are counted.
    this.#options.host.log(`flow ${this.#options.flow.text}: packets cannot be sent: ${error.message}`);
  }

  /** A router, or this machine, reports the MTU of the path: packets that are longer are lost there. */
  #onTooLong(): void {
    const { host, port, flow } = this.#options;
    const mtu = port.pathMtu();
    if (mtu === this.#reportedMtu) return;
    this.#reportedMtu = mtu;
    host.log(
      `flow ${flow.text}: packets are too long for the path, which takes ${mtu ?? "less"} bytes with their headers`,
    );
  }

  #checkWallClock(): void {
    const { host, port, flow } = this.#options;
    const step = port.clock.checkWallClock();
    if (step === 0) return;
    host.log(`flow ${flow.text}: the wall clock was set by ${step / 1e6} ms; times are corrected for that`);
  }

  #progress(): void {
    const { host, port, flow } = this.#options;
    const report = this.#report();
    const { bytesSent, bytesReceived } = report;
    const t = port.clock.now(), before = this.#before;
    const seconds = (t - before.t) / 1e9;
    this.#before = { t, bytesSent, bytesReceived };
    host.progress(flow.text, {
      ...report,
      rates: {
        sentBitsPerSecond: (bytesSent - before.bytesSent) * 8 / seconds,
        receivedBitsPerSecond: (bytesReceived - before.bytesReceived) * 8 / seconds,
      },
    });
  }

  #report(): PacketReport {
    const { port, plan: { senders, warmupNanos } } = this.#options;
    const { bytes: bytesReceived, bad, rtt, arrivals } = this.#receiver;
    const { totals, clock, known } = this.#closing;
    return {
      kind: "packets",
      complete: !this.#failed && known,
      elapsedNanos: Math.min(this.#sentBy, port.clock.now()) - this.#start,
      ...warmupNanos > 0 ? { warmupNanos } : {},
      senders: senders.map((sender, i) => senderReport(sender, arrivals[sender.index], totals[i])),
      bytesSent: senders.reduce((sum, { bytes }) => sum + bytes, 0),
      bytesReceived,
      bad,
      serverBad: Math.max(0, ...totals.map((total) => total?.bad ?? 0)),
      socketDrops: this.#drops.packets,
      serverSocketDrops: Math.max(0, ...totals.map((total) => total?.socketDrops ?? 0)),
      ...pathMtus(port.pathMtu(), totals),
      rtt: rttSummary(rtt),
      serverClock: clock,
    };
  }

  #every(nanos: number, handler: () => void): void {
    const { host } = this.#options;
    const timer = host.timer(() => {
      timer.set(host.now() + nanos);
      handler();
    });
    timer.set(host.now() + nanos);
  }
}

/** Packets that were sent and have not arrived: at the server, and here. */
interface Missing {
  readonly toServer: number;
  readonly fromServer: number;
}

/** The MTU of the path in either direction, as far as it is known. */
function pathMtus(
  pathMtuBytes: number | undefined,
  totals: readonly (Totals | undefined)[],
): Pick<PacketReport, "pathMtuBytes" | "serverPathMtuBytes"> {
  const serverPathMtuBytes = totals.findLast((total) => total?.pathMtuBytes !== undefined)?.pathMtuBytes;
  return {
    ...pathMtuBytes === undefined ? {} : { pathMtuBytes },
    ...serverPathMtuBytes === undefined ? {} : { serverPathMtuBytes },
  };
}

/** What is known of the packets of a sender, from the server's counts where these have come. */
function senderReport(sender: PacketSender, arrivals: Arrivals, total: Totals | undefined): PacketSenderReport {
  const { window, lastNumber, lastCount } = arrivals;
  const received = window.accepted, duplicates = window.refused;
  const more = {
    ...total?.marked === undefined ? {} : { serverCongestionMarks: total.marked },
    ...total?.arrivals === undefined ? {} : { arrivals: total.arrivals },
  };
  if (sender.reverse) {
    const serverSent = total?.reverseSent ?? window.next;
    return {
      sent: 0,
      sendErrors: total?.reverseSendErrors ?? 0,
      unsent: total?.reverseUnsent ?? 0,
      received,
      duplicates,
      serverReceived: 0,
      serverDuplicates: 0,
      serverSent,
      serverSendErrors: 0,
      lostToServer: 0,
      lostFromServer: Math.max(0, serverSent - received),
      ...more,
    };
  }
  const serverReceived = total?.received ?? lastCount;
  const serverSendErrors = total?.echoErrors ?? 0;
  // Before the end, what is on its way is not lost.
  const arrivable = total === undefined ? lastNumber + 1 - sender.errors : sender.sent;
  return {
    sent: sender.sent,
    sendErrors: sender.errors,
    unsent: sender.unsent,
    received,
    duplicates,
    serverReceived,
    serverDuplicates: total?.duplicates ?? 0,
    serverSent: 0,
    serverSendErrors,
    lostToServer: Math.max(0, arrivable - serverReceived),
    lostFromServer: sender.times === undefined ? 0 : Math.max(0, serverReceived - serverSendErrors - received),
    ...more,
  };
}

function rttSummary({ count, smoothed, min, mean, max, last }: RttEstimator): RttSummary | undefined {
  if (count === 0) return undefined;
  return {
    smoothedMicros: smoothed / 1000,
    minMicros: min / 1000,
    meanMicros: mean / 1000,
    maxMicros: max / 1000,
    lastMicros: last / 1000,
  };
}
