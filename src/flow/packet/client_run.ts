import type { SockAddr } from "../../sys/address.ts";
import { SystemError } from "../../sys/errno.ts";
import { TineError } from "../../base/errors.ts";
import { every, type FlowHost, type Timer } from "../engine/engine_flow.ts";
import type { Hmac } from "../hmac.ts";
import { packetPayload } from "../payload.ts";
import type { PacketReport } from "../report.ts";
import { endedByServer, type FlowLimits, limitText } from "../serving_limits.ts";
import { ClientClosing, type ClosingAttempt } from "./client_closing.ts";
import { ClientCounts, type MissingPackets } from "./client_counts.ts";
import type { ClientPlan } from "./packet_client_flow.ts";
import { ClientReceiver } from "./client_receiver.ts";
import { closePacket, keepalivePacket } from "./control_packet.ts";
import { type ControlSender, KEEPALIVE_NANOS, REVERSE_KEEPALIVE_NANOS } from "./control_exchange.ts";
import type { DialledRun } from "./dialled_flow.ts";
import { CLOSE, flagsOf, type FlowName, isOfFlow, isPacket, OPEN, REPLY, SIGNED, WireTime } from "./header.ts";
import {
  followOddTime,
  followWallClock,
  type IncomingPackets,
  messagesAtATime,
  type PacketPort,
} from "./packet_port.ts";
import { PacketSamples } from "./packet_samples.ts";
import { GUESSED_RTT_NANOS, lateNanos, MAX_LATE_NANOS, Refusals } from "./run_end.ts";
import { Transmitter } from "./transmitter.ts";

const PROGRESS_NANOS = 250e6;
const WALL_CLOCK_NANOS = 1e9;

/** The options of a run. */
export interface ClientRunOptions {
  readonly host: FlowHost;
  readonly port: PacketPort;
  readonly control: ControlSender;
  readonly server: SockAddr;
  readonly flow: FlowName;
  readonly plan: ClientPlan;
  /** The content of the file that the packets carry; undefined: they carry none. */
  readonly file: Uint8Array | undefined;
  /** Of the key of the flow. */
  readonly hmac: Hmac | undefined;
  /** How long opening took, in nanoseconds; NaN if that is not known. */
  readonly openRttNanos: number;
  /** What the server lets it have. */
  readonly limits: FlowLimits;
  /** Called after packets were sent, or could not be for lack of room. */
  readonly onPumped: () => void;
}

/** A flow that is open, from the client's side: sends, receives, waits for what is late, and closes. */
export class ClientRun implements DialledRun {
  readonly #options: ClientRunOptions;
  readonly #transmitter: Transmitter;
  readonly #receiver: ClientReceiver;
  readonly #pumpTimer: Timer;
  readonly #endTimer: Timer;
  /** The zero of the flow's time, in the time of the host. */
  readonly #epoch: number;
  /** When its senders start. */
  #start: number;
  readonly #time: WireTime;
  /** When the last sender ends; Infinity while that is not known. */
  #sentBy = Infinity;
  readonly #closing: ClientClosing;
  readonly #counts: ClientCounts;
  /** The server's counts are known, and packets that they count may still arrive. */
  #waiting = false;
  /** What was missing when it began to wait at last; undefined: it did not. */
  #missedBefore: MissingPackets | undefined;
  /** For how long it has waited, in nanoseconds. */
  #waited = 0;
  #failed = false;
  #finished = false;
  /** It has lasted as long as the server lets it. */
  #limited = false;
  #keepalives = 0;
  /** Packets sent when it was last checked whether a keepalive is wanted. */
  #sentBefore = 0;
  readonly #refusals = new Refusals();
  #errors = 0;
  #firstError: string | undefined;
  #reportedMtu: number | undefined;

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
    this.#counts = new ClientCounts(plan.senders, this.#receiver, this.#closing, port);
    const forward = plan.senders.filter(({ reverse }) => !reverse);
    const bursts = forward.some(({ burst }) => burst > 1);
    const capacity = messagesAtATime({ bursts, fast: plan.fast });
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
    const { host, port, flow, plan } = this.#options;
    this.#counts.rates.start(this.#start);
    every(host, PROGRESS_NANOS, () => host.progress(flow.text, this.#counts.rates.withRates(this.#report())));
    every(host, WALL_CLOCK_NANOS, () => followWallClock(port.clock, host, flow.text));
    this.#keepToLimits();
    const receives = plan.senders.some(({ reverse }) => reverse);
    every(host, receives ? REVERSE_KEEPALIVE_NANOS : KEEPALIVE_NANOS, () => this.#keepAlive());
  }

  #keepToLimits(): void {
    const { host, flow, limits, plan } = this.#options;
    if (limits.bitsPerSecond !== undefined && plan.senders.some(({ reverse, unpaced }) => reverse && unpaced)) {
      host.log(`flow ${flow.text}: the server lets it have ${limitText(limits)}`);
    }
    if (limits.durationMs === undefined || !plan.openEnded) return;
    const end = host.timer(() => {
      if (this.#finished || this.#sentBy <= this.#options.port.clock.now()) return;
      this.#limited = true;
      this.finish();
    });
    end.set(host.now() + limits.durationMs * 1e6);
  }

  /** Starts to send. */
  send(): void {
    const { host, port, plan } = this.#options;
    this.#start = port.clock.now();
    for (const sender of plan.senders) sender.start(this.#start);
    // The caller finishes first: errors of sending take the same way as all later ones.
    this.#pumpTimer.set(host.now());
  }

  /** The kernel stamps packets as they arrive, so they may wait. */
  readonly prompt = false;

  /** Whether there is no room to send what is due. */
  get blocked(): boolean {
    return this.#transmitter.blocked;
  }

  /** Reports for the last time; a flow that did not come to its end is closed on a best-effort basis. */
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

  /** Called when this end has sent everything; senders at the server end by their own clock. */
  #onSent(): void {
    const { port, plan } = this.#options;
    const ended = this.#finished || this.#closing.ended;
    const reverse = ended ? [] : plan.senders.filter((sender) => sender.reverse);
    const ends = reverse.map(({ schedule }) => this.#start + schedule.durationNanos);
    this.#sentBy = Math.max(port.clock.now(), ...ends);
    this.#endTimer.set(this.#epoch + this.#sentBy + lateNanos(this.#rtt()));
  }

  #rtt(): number {
    const { rttNanos } = this.#counts;
    return Number.isNaN(rttNanos) ? GUESSED_RTT_NANOS : rttNanos;
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
    if (this.#counts.missing.toServer === 0) return this.#end();
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
    const missing = this.#counts.missing, before = this.#missedBefore;
    const isSettled = missing.toServer + missing.fromServer === 0;
    // Where an earlier wait brought nothing to the server, the rest is lost.
    const isLost = before !== undefined && before.toServer === missing.toServer;
    if (isSettled || isLost || this.#waited >= MAX_LATE_NANOS) return this.#end();
    this.#missedBefore = missing;
    this.#waiting = true;
    const wait = Math.min(MAX_LATE_NANOS - this.#waited, lateNanos(this.#rtt(), this.#counts.delaySpread));
    this.#waited += wait;
    this.#endTimer.set(this.#options.host.now() + wait);
  }

  #end(): void {
    const { host, flow, server } = this.#options;
    const { known, trouble } = this.#closing;
    if (!known) host.log(`flow ${flow.text}: the server at ${server} did not report its counts at the end`);
    if (trouble?.fatal) throw this.#serverFailed(trouble.text);
    if (trouble !== undefined) host.log(`flow ${flow.text}: at the server at ${server}, ${trouble.text}`);
    const why = this.#counts.whyNothingSent(this.#firstError, `${server}`);
    if (why !== undefined) {
      this.#failed = true;
      throw new TineError("no-packets", `flow ${flow.text}: no packet was sent: ${why}`);
    }
    if (this.#limited) throw endedByServer(flow.text, `${server}`, this.#options.limits);
    host.end(this.#report());
  }

  #serverFailed(why: string): TineError {
    const { flow, server } = this.#options;
    this.#failed = true;
    return new TineError("server-cannot-send", `flow ${flow.text}: the server at ${server} sends no more: ${why}`);
  }

  /** Takes the messages [from, to). */
  takeAll(incoming: IncomingPackets, from: number, to: number): void {
    if (from >= to) return;
    const { host, port, flow } = this.#options, now = port.clock.now();
    followOddTime(incoming.arrival(to - 1), now, port.clock, host, flow.text);
    for (let i = from; i < to; i++) this.#take(incoming, i, now);
    if (!this.#waiting) return;
    const { toServer, fromServer } = this.#counts.missing;
    if (toServer + fromServer === 0) this.#endTimer.set(this.#options.host.now());
  }

  #take(incoming: IncomingPackets, i: number, now: number): void {
    const { flow } = this.#options;
    const view = incoming.view(i), length = incoming.length(i);
    const segment = incoming.segmentBytes(i);
    this.#counts.drops.add(incoming.drops(i), segment === 0 ? 1 : Math.ceil(length / segment));
    const arrival = incoming.arrival(i);
    const byKernel = !Number.isNaN(arrival);
    const t = byKernel ? arrival : now;
    let good: number;
    if (isPacket(view, 0, length) && (flagsOf(view, 0) & (OPEN | CLOSE)) !== 0 && isOfFlow(view, 0, flow)) {
      good = this.#takeControl(view, length, t);
    } else {
      good = this.#receiver.receive(incoming, i, t, byKernel);
    }
    if (good > 0) this.#refusals.clear();
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
   * Takes an ICMP error about packets that were sent. Sending goes on after errors; but where
   * no server listens any more, there is nothing to measure.
   */
  onRefused(error: SystemError): void {
    if (error.errnoName !== "ECONNREFUSED") return this.#onSendError(error);
    const { host, port, server, flow } = this.#options;
    if (this.#closing.known) {
      // Its counts are known: it was only asked whether more packets have arrived since.
      this.#waited = MAX_LATE_NANOS;
      return this.#endTimer.set(host.now());
    }
    if (!this.#refusals.add(port.clock.now()) && !this.#closing.begun) return;
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

  #report(): PacketReport {
    const { port, plan: { warmupNanos } } = this.#options;
    return this.#counts.report({
      complete: !this.#failed && this.#closing.known,
      elapsedNanos: Math.min(this.#sentBy, port.clock.now()) - this.#start,
      ...warmupNanos > 0 ? { warmupNanos } : {},
    });
  }
}
