import { DEFAULT_MAX_PACKET_BYTES, MAX_FLOW_MS } from "../../base/limits.ts";
import { SystemError } from "../../sys/errno.ts";
import { TineError } from "../../base/errors.ts";
import type { PacketClientConfig } from "../config.ts";
import type { Timer } from "../engine/engine_flow.ts";
import type { ClientRunOptions } from "../packet/client_run.ts";
import type { DialledRun } from "../packet/dialled_flow.ts";
import { ClientClosing } from "../packet/client_closing.ts";
import { closePacket } from "../packet/control_packet.ts";
import {
  AT_TIME,
  CLOSE,
  ECHO,
  flagsOf,
  headerBytes,
  isHeaderSigned,
  isOfFlow,
  isPacket,
  numberOf,
  type PacketHeader,
  REPLY,
  SIGNED,
  signHeader,
  WireTime,
  writeHeader,
} from "../packet/header.ts";
import { formatSettings, PACKET_VERSION } from "../packet/open_settings.ts";
import type { IncomingPackets, OutgoingPackets } from "../packet/packet_port.ts";
import { GUESSED_RTT_NANOS, Refusals } from "../packet/run_end.ts";
import { endedByServer } from "../serving_limits.ts";
import { packetPayload, type PayloadKind, payloadKind } from "../payload.ts";
import { DEFAULT_PACKET_DURATION_MS, DEFAULT_TIMEOUT_MS } from "./limits.ts";
import { TransactionLimit, TransactionMeter } from "./meter.ts";

const MILLISECOND = 1e6;
const PROGRESS_NANOS = 250e6;

/** What a client of requests and responses over UDP is going to do. */
export interface TransactionPlan {
  readonly requestBytes: number;
  readonly responseBytes: number;
  readonly timeoutNanos: number;
  /** Infinity: until there were as many transactions as asked for, or it is stopped. */
  readonly durationNanos: number;
  /** Infinity: as many as there is time for. */
  readonly transactions: number;
  readonly inFlight: number;
  readonly warmupNanos: number;
  /** The longest packet, in bytes. */
  readonly longest: number;
  readonly receivesBursts: false;
  readonly payload: PayloadKind;
  /** For the server, as text. */
  readonly settings: string;
}

/** The configuration of requests and responses; undefined of a flow that has none. */
export function exchangeOf({ sender }: Pick<PacketClientConfig, "sender">) {
  return sender.find(({ requestResponse }) => requestResponse !== undefined)?.requestResponse;
}

/**
 * Checks a configuration of requests and responses, and makes settings for the server of it.
 *
 * @param signed whether packets are
 * @throws {TineError} `bad-packet-flow`
 */
export function transactionPlan(config: PacketClientConfig, signed: boolean): TransactionPlan {
  const { flow, maxPacketSize = DEFAULT_MAX_PACKET_BYTES, warmup = 0, ecn = 0 } = config;
  const header = headerBytes(signed);
  const { request = header, response = header, duration, transactions, timeout = DEFAULT_TIMEOUT_MS, inFlight = 1 } =
    exchangeOf(config)!;
  if (config.sender.length > 1) throw bad(flow, "requests and responses are its only sender, or it has none");
  const longest = Math.max(request, response);
  if (Math.min(request, response) < header) {
    throw bad(flow, `the header of a packet alone has ${header} bytes${signed ? " where it is signed" : ""}`);
  }
  if (longest > maxPacketSize && longest > header) {
    throw bad(flow, `it has packets of ${longest} bytes, over its maxPacketSize of ${maxPacketSize}`);
  }
  const ms = duration ?? (transactions === undefined ? DEFAULT_PACKET_DURATION_MS : 0);
  // Of a number of transactions the server learns how long they take if none is answered: no end is longer than needed.
  const longestMs = ms || Math.min(MAX_FLOW_MS, (transactions ?? Infinity) * timeout);
  return {
    requestBytes: request,
    responseBytes: response,
    timeoutNanos: timeout * MILLISECOND,
    durationNanos: (ms || Infinity) * MILLISECOND,
    transactions: transactions ?? Infinity,
    inFlight,
    warmupNanos: warmup * MILLISECOND,
    longest,
    receivesBursts: false,
    payload: payloadKind(config.payload),
    settings: formatSettings({
      version: PACKET_VERSION,
      senders: 1,
      longest,
      duration: longestMs,
      gso: false,
      reverse: [],
      ecn,
      ...ms === 0 ? { openEnded: true } : {},
      ...config.fragment === undefined ? {} : { fragment: config.fragment },
      response,
    }),
  };
}

function bad(flow: string, why: string): TineError {
  return new TineError("bad-packet-flow", `the flow ${flow} cannot be: ${why}`);
}

/** What a run of transactions works with. */
export interface TransactionRunOptions extends Omit<ClientRunOptions, "plan" | "openRttNanos"> {
  readonly plan: TransactionPlan;
  /** Describes the flow, once its warm-up has a place in time. */
  onBegin(values: Readonly<Record<string, string | number | boolean>>): void;
}

/**
 * A flow of requests and responses that is open, from the client's side, UDP_RR: a request follows when a response is
 * there, or is no longer waited for. Later responses are ignored.
 */
export class TransactionRun implements DialledRun {
  readonly #options: TransactionRunOptions;
  readonly #outgoing: OutgoingPackets;
  readonly #time: WireTime;
  readonly #header: PacketHeader;
  readonly #closing: ClientClosing;
  readonly #timeoutTimer: Timer;
  readonly #closeTimer: Timer;
  /** The zero of the flow's time, in the time of the host. */
  readonly #epoch: number;
  /** When requests that are under way were sent, by their numbers, the oldest first. */
  readonly #underWay = new Map<number, number>();
  #meter: TransactionMeter | undefined;
  #limit = new TransactionLimit(0);
  /** When the server lets no more transactions begin; Infinity: they end before. */
  #limitNanos = Infinity;
  /** Whether it was asked to begin no more. */
  #finished = false;
  /** Whether a request that is due has no room in the socket. */
  #blocked = false;
  readonly #refusals = new Refusals();
  #hasSendError = false;
  #rtt = GUESSED_RTT_NANOS;
  #over = false;

  constructor(options: TransactionRunOptions) {
    const { host, port, flow, hmac, plan, file } = options;
    this.#options = options;
    this.#epoch = host.now() - port.clock.now();
    this.#time = new WireTime(port.clock.tinit);
    const payload = packetPayload(host.shared, { kind: plan.payload, file, longestBytes: plan.requestBytes });
    this.#outgoing = port.outgoing(1, plan.requestBytes, payload);
    const flags = ECHO | (hmac === undefined ? 0 : SIGNED);
    this.#header = { flags, sender: 0, length: plan.requestBytes, number: -1, count: 0, flow };
    this.#closing = new ClientClosing(flow, 1, hmac, port.clock);
    this.#timeoutTimer = host.timer(() => this.#expire());
    this.#closeTimer = host.timer(() => this.#close());
  }

  /** Each packet is waited for. */
  readonly prompt = true;

  /** Whether there is no room to send what is due. */
  get blocked(): boolean {
    return this.#blocked;
  }

  /** Starts to report. */
  start(): void {
    const { host, port, flow } = this.#options;
    const timer = host.timer(() => {
      timer.set(host.now() + PROGRESS_NANOS);
      if (this.#meter !== undefined && !this.#over) host.progress(flow.text, this.#report(false, port.clock.now()));
      port.clock.checkWallClock();
    });
    timer.set(host.now() + PROGRESS_NANOS);
  }

  /** Starts to send. */
  send(): void {
    const { host, port, flow, plan } = this.#options;
    const now = port.clock.now();
    const { requestBytes, responseBytes, inFlight, timeoutNanos, warmupNanos } = plan;
    const longest = (this.#options.limits.durationMs ?? Infinity) * MILLISECOND;
    if (longest < plan.durationNanos) this.#limitNanos = now + longest;
    this.#meter = new TransactionMeter(host.samples("transactionIO", flow.text), now);
    this.#limit = new TransactionLimit(plan.transactions, Math.min(this.#limitNanos, now + plan.durationNanos));
    this.#options.onBegin({
      transport: "udp",
      connect: false,
      requestBytes,
      responseBytes,
      inFlight,
      timeoutNanos,
      ...warmupNanos > 0 ? { warmupNanos, warmupEndNanos: now + warmupNanos } : {},
    });
    this.pump();
  }

  /** Begins no more transactions. */
  finish(): void {
    this.#finished = true;
    this.#limit.end();
  }

  /** Reports for the last time; a flow that did not come to its end is closed on a best-effort basis. */
  close(): void {
    const { host, port, flow, hmac, control } = this.#options;
    if (this.#over) return;
    try {
      control.send(closePacket({ flow, sender: 0, hmac, attempt: 0, time: this.#time, t: port.clock.now() }));
    } catch (error) {
      if (!(error instanceof SystemError)) throw error; // The server is gone, or there is no way to it.
    }
    if (this.#meter !== undefined) host.progress(flow.text, this.#report(false));
  }

  /** Sends as many requests as may be under way; ends the flow when nothing is. */
  pump(): void {
    const { port, plan: { inFlight } } = this.#options;
    this.#blocked = false;
    for (let now = port.clock.now(); this.#underWay.size < inFlight && this.#limit.allows(now);) {
      if (!this.#request(now)) {
        this.#blocked = true;
        break;
      }
      now = port.clock.now();
    }
    this.#options.onPumped();
    if (this.#underWay.size === 0 && !this.#blocked && !this.#closing.begun) this.#close();
    this.#waitForOldest();
  }

  /** @returns whether there was room */
  #request(now: number): boolean {
    const { hmac } = this.#options, header = this.#header, outgoing = this.#outgoing;
    header.number = this.#limit.begun;
    outgoing.setLength(0, header.length);
    const { bytes, view } = outgoing, place = outgoing.place(0);
    writeHeader(view, place, header);
    this.#time.write(view, place + AT_TIME, now);
    if (hmac !== undefined) signHeader(hmac, bytes, place);
    try {
      if (outgoing.send(0, 1) < 1) return false;
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      // It is lost, like one that a router drops.
      this.onRefused(error);
    }
    this.#underWay.set(header.number, now);
    this.#limit.begun++;
    return true;
  }

  /** Takes the messages [from, to). */
  takeAll(incoming: IncomingPackets, from: number, to: number): void {
    const { port } = this.#options;
    for (let i = from; i < to; i++) this.#take(incoming, i, port.clock.now());
    if (!this.#over && !this.#closing.begun) this.pump();
  }

  #take(incoming: IncomingPackets, i: number, now: number): void {
    const { flow, hmac, plan: { responseBytes }, server } = this.#options;
    const view = incoming.view(i), length = incoming.length(i);
    if (!isPacket(view, 0, length) || !isOfFlow(view, 0, flow)) return;
    const flags = flagsOf(view, 0) & ~SIGNED;
    if (flags === (CLOSE | REPLY)) {
      if (!this.#closing.receive(view, length, now)) return;
      if (this.#closing.begun && this.#closing.complete) this.#end();
      return;
    }
    const isSigned = (flagsOf(view, 0) & SIGNED) !== 0;
    if (flags !== (ECHO | REPLY) || isSigned !== (hmac !== undefined)) return;
    if (hmac !== undefined && !isHeaderSigned(hmac, incoming.bytes(i), 0)) return;
    if (length !== responseBytes) {
      throw new TineError(
        "old-server",
        `the server at ${server} answers with ${length} bytes, and was asked for ${responseBytes}: an earlier version ` +
          "of tine answers each request with as many bytes; update it",
      );
    }
    const number = numberOf(view, 0), sentAt = this.#underWay.get(number);
    this.#refusals.clear();
    if (sentAt === undefined) return;
    this.#underWay.delete(number);
    this.#rtt = now - sentAt;
    this.#meter!.add(now, now - sentAt);
  }

  /** Gives up requests whose timeout is over. */
  #expire(): void {
    const { port, plan: { timeoutNanos } } = this.#options;
    const now = port.clock.now();
    for (const [number, sentAt] of this.#underWay) {
      if (now - sentAt < timeoutNanos) break;
      this.#underWay.delete(number);
      this.#meter!.lose(now, now - sentAt);
    }
    this.pump();
  }

  #waitForOldest(): void {
    const { value: oldest } = this.#underWay.values().next();
    if (oldest === undefined) this.#timeoutTimer.clear();
    else this.#timeoutTimer.set(this.#epoch + oldest + this.#options.plan.timeoutNanos);
  }

  /** Closes the flow at the server, and asks again where no answer comes. */
  #close(): void {
    const { host, control } = this.#options;
    const attempt = this.#closing.attempt(this.#rtt);
    if (attempt === undefined) return this.#end();
    this.#closeTimer.set(host.now() + attempt.pauseNanos);
    for (const packet of attempt.packets) {
      try {
        control.send(packet);
      } catch (error) {
        if (!(error instanceof SystemError)) throw error;
        this.onRefused(error);
      }
    }
  }

  #end(): void {
    const { host, flow, server, limits, port, plan } = this.#options;
    const { known, trouble } = this.#closing;
    if (trouble !== undefined) host.log(`flow ${flow.text}: at the server at ${server}, ${trouble.text}`);
    if (!known) host.log(`flow ${flow.text}: the server at ${server} did not report its counts at the end`);
    const report = this.#report(known);
    this.#over = true;
    host.progress(flow.text, report);
    const wantsMore = !this.#finished && this.#limit.begun < plan.transactions;
    if (wantsMore && port.clock.now() >= this.#limitNanos) throw endedByServer(flow.text, `${server}`, limits);
    host.end(report);
  }

  #report(complete: boolean, now?: number) {
    const { plan: { warmupNanos } } = this.#options;
    return this.#meter!.report({ complete, ...warmupNanos > 0 ? { warmupNanos } : {} }, now);
  }

  /** Takes an ICMP error about packets that were sent: they are lost, unless the server is gone. */
  onRefused(error: SystemError): void {
    const { host, port, flow, server } = this.#options;
    if (error.errnoName !== "ECONNREFUSED") {
      if (!this.#hasSendError) host.log(`flow ${flow.text}: packets cannot be sent: ${error.message}`);
      this.#hasSendError = true;
      return;
    }
    if (!this.#refusals.add(port.clock.now()) && !this.#closing.begun) return;
    throw new TineError(
      "server-gone",
      `flow ${flow.text}: the server at ${server} is gone (${error.errnoName}), after ` +
        `${this.#meter?.transactions ?? 0} transactions`,
      { cause: error },
    );
  }
}
