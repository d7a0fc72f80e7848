import { DEFAULT_MAX_PACKET_BYTES, MAX_PACKET_BYTES } from "../../base/limits.ts";
import { TineError } from "../../base/errors.ts";
import { SocketAddress } from "../../sys/address.ts";
import { SystemError } from "../../sys/errno.ts";
import type { Fragment } from "../../sys/ip_options.ts";
import type { PacketClientConfig } from "../config.ts";
import type { EngineFlow, EngineFlowFactory, FlowHost, FlowRequest } from "../engine/engine_flow.ts";
import { Hmac } from "../hmac.ts";
import { Retries } from "../packet/control_exchange.ts";
import { FlowName } from "../packet/header.ts";
import { checkPath } from "../packet/packet_client_flow.ts";
import { type IncomingPackets, MAX_HOPS, type PacketPort, type PacketPorts } from "../packet/packet_port.ts";
import { durationOf, PacketSender, withWarmUp } from "../packet/packet_sender.ts";
import { PortReader, type PortUser } from "../packet/port_reader.ts";
import { type PayloadKind, payloadKind } from "../payload.ts";
import { ReflectorCount } from "./reflector_count.ts";
import { SenderRun } from "./sender_run.ts";
import { SenderSession, SinglePackets, type TestReply } from "./sender_session.ts";
import { layoutOf } from "./test_packet.ts";
import { readErrorEstimate } from "./timestamp.ts";

/** How long the first answer is waited for before another packet is sent, in nanoseconds. */
const FIRST_PAUSE_NANOS = 250e6;

/** Makes session-senders of STAMP, over ports of a kind. */
export function stampSenderFlow(ports: (host: FlowHost) => PacketPorts): EngineFlowFactory<PacketClientConfig> {
  return (host, request) => new StampSender(host, request, ports(host));
}

/**
 * A session-sender of STAMP (RFC 8762, 4.2), for reflectors of that and of TWAMP Light: opens a session with two packets
 * that show whether the reflector answers and counts, and runs it.
 */
class StampSender implements EngineFlow, PortUser {
  readonly #host: FlowHost;
  readonly #request: FlowRequest<PacketClientConfig>;
  readonly #ports: PacketPorts;
  readonly #flow: FlowName;
  readonly #hmac: Hmac | undefined;
  readonly #plan: SenderPlan;
  #next = 0;
  #attempt: Attempt | undefined;
  #run: SenderRun | undefined;
  #held: boolean;
  /** It is to send no more as soon as it has begun. */
  #finishing = false;

  constructor(host: FlowHost, request: FlowRequest<PacketClientConfig>, ports: PacketPorts) {
    this.#host = host;
    this.#request = request;
    this.#ports = ports;
    this.#flow = new FlowName(request.config.flow);
    this.#hmac = request.key && new Hmac(request.key);
    this.#plan = senderPlan(request.config, this.#hmac !== undefined);
    this.#held = request.held ?? false;
  }

  start(): void {
    this.#tryNext();
  }

  release(): void {
    this.#held = false;
    this.#run?.send();
  }

  finish(): void {
    this.#finishing = true;
    this.#run?.finish();
  }

  close(): void {
    this.#run?.close();
    this.#attempt?.port[Symbol.dispose]();
  }

  /** @param error why the address before did not do */
  #tryNext(error?: unknown): void {
    const { addresses } = this.#request;
    this.#attempt?.timer.clear();
    this.#attempt?.port[Symbol.dispose]();
    this.#attempt = undefined;
    for (; this.#next < addresses.length; this.#next++) {
      try {
        this.#attempt = this.#connect(SocketAddress.parse(addresses[this.#next]));
        this.#next++;
        this.#send();
        return;
      } catch (cause) {
        if (!(cause instanceof SystemError)) throw cause;
        error = cause;
      }
    }
    throw error ?? new TineError("no-address", `flow ${this.#flow.text} has no address of a reflector`);
  }

  #connect(reflector: SocketAddress): Attempt {
    const { config } = this.#request;
    const room = Math.max(config.maxPacketSize ?? DEFAULT_MAX_PACKET_BYTES, this.#plan.longest);
    const port = this.#ports.connect(reflector, config, room);
    try {
      checkPath(port, this.#plan.longest, reflector);
      const session = new SenderSession(config.stamp!, this.#hmac, port.clock, this.#ports.kind === "ffi");
      return {
        reflector,
        port,
        session,
        count: new ReflectorCount(),
        single: new SinglePackets(port, session),
        reader: new PortReader(this.#host, port, this),
        timer: this.#host.timer(() => this.#retry()),
        retries: new Retries(FIRST_PAUSE_NANOS),
        second: Infinity,
        rttNanos: NaN,
      };
    } catch (error) {
      port[Symbol.dispose]();
      throw error;
    }
  }

  #retry(): void {
    try {
      this.#send();
    } catch (error) {
      this.#giveUp(error);
    }
  }

  #send(): void {
    const { single, timer, retries } = this.#attempt!;
    const waited = retries.nanos, pauseNanos = retries.next();
    if (pauseNanos === undefined) throw this.#noAnswer(waited);
    single.send();
    timer.set(this.#host.now() + pauseNanos);
  }

  get canTake(): boolean {
    return true;
  }

  /** Opening is a matter of round trips; later the kernel notes when packets come. */
  get prompt(): boolean {
    return this.#run === undefined;
  }

  get wantsRoom(): boolean {
    return this.#run?.blocked ?? false;
  }

  onRoom(): void {
    this.#run?.pump();
  }

  onError(error: unknown): void {
    if (!(error instanceof SystemError)) throw error;
    if (this.#run === undefined) this.#giveUp(error);
    else this.#run.onRefused(error);
  }

  takeAll(count: number): void {
    const { port: { incoming } } = this.#attempt!;
    let i = 0;
    for (; i < count && this.#run === undefined; i++) {
      try {
        this.#take(incoming, i);
      } catch (error) {
        return this.#giveUp(error);
      }
    }
    this.#run?.takeAll(incoming, i, count);
  }

  #take(incoming: IncomingPackets, i: number): void {
    const attempt = this.#attempt!, { session, port, count } = attempt;
    const reply = session.read(incoming, i);
    if (reply === undefined) return;
    const isSecond = reply.number >= attempt.second;
    count.begin(reply.number, reply.reflectorNumber, isSecond);
    const arrival = incoming.arrival(i);
    attempt.rttNanos = Math.max(1, (Number.isNaN(arrival) ? port.clock.now() : arrival) - reply.sent);
    if (isSecond) return this.#open(reply);
    if (attempt.second !== Infinity) return;
    // The number that is left out shows whether the reflector counts.
    attempt.second = ++session.next;
    attempt.retries = new Retries(Math.max(FIRST_PAUSE_NANOS, 2 * attempt.rttNanos));
    this.#send();
  }

  #open({ error, hops }: TestReply): void {
    const { reflector, port, session, count, single, reader, timer, rttNanos } = this.#attempt!;
    timer.clear();
    const { config, file } = this.#request, { ssid = 0, timestamps = "ntp" } = config.stamp!;
    const { sender: { length: senders }, warmup = 0 } = config;
    const { synchronized, format, errorNanos } = readErrorEstimate(error);
    const { aheadSeconds } = session;
    if (aheadSeconds !== 0) {
      const days = Math.round(Math.abs(aheadSeconds) / 86_400);
      this.#host.log(
        `flow ${this.#flow.text}: the clock of the reflector at ${reflector} is about ${days} days ` +
          `${aheadSeconds > 0 ? "ahead" : "behind"}: ${Math.abs(aheadSeconds)} s are taken off that`,
      );
    }
    this.#host.info({
      type: "packetInfo",
      flow: this.#flow.text,
      server: false,
      tinit: port.clock.tinit,
      values: {
        engine: this.#ports.kind,
        client: port.local.toString(),
        server: reflector.unmapped().toString(),
        senders,
        ...warmup > 0 ? { warmupNanos: warmup * 1e6 } : {},
        dscp: config.dscp ?? 0,
        ecn: config.ecn ?? 0,
        fragment: config.fragment ?? "forbid",
        payload: this.#plan.payload,
        signed: this.#hmac !== undefined,
        // Its times are what it claims: even on one machine they may be of another clock.
        sharesClock: false,
        protocol: "stamp",
        ssid,
        timestamps,
        reflectorCounts: count.counts ?? false,
        reflectorTimestamps: format,
        reflectorSynchronized: synchronized,
        reflectorErrorNanos: errorNanos,
        ...aheadSeconds === 0 ? {} : { reflectorAheadSeconds: aheadSeconds },
        // Only raw sockets send with the greatest TTL.
        ...this.#ports.kind !== "ffi" || hops === MAX_HOPS || hops === 0 ? {} : { hopsToReflector: MAX_HOPS - hops },
      },
    });
    this.#run = new SenderRun({
      host: this.#host,
      port,
      reflector,
      flow: this.#flow,
      plan: this.#plan,
      file,
      session,
      reflectorCount: count,
      single,
      openRttNanos: rttNanos,
      onPumped: () => reader.update(),
    });
    this.#run.start();
    if (!this.#held) this.#run.send();
    if (this.#finishing) this.#run.finish();
  }

  #noAnswer(waitedNanos: number): TineError {
    const { reflector, second } = this.#attempt!;
    const key = this.#hmac === undefined ? "" : "; it may have another key, or expect no key";
    const seconds = (waitedNanos / 1e9).toFixed(0);
    return new TineError(
      "no-answer",
      second === Infinity
        ? `no reflector of STAMP answers at ${reflector} for ${seconds} s${key}`
        : `the reflector at ${reflector} answered once, and then not again for ${seconds} s`,
    );
  }

  /** Tries the next address; fails if that was the last one. */
  #giveUp(error: unknown): void {
    const { reflector } = this.#attempt!;
    const refused = error instanceof SystemError && error.errnoName === "ECONNREFUSED";
    this.#tryNext(
      refused
        ? new TineError("connection-refused", `no reflector of STAMP listens at ${reflector} (${error.errnoName})`, {
          cause: error,
        })
        : error,
    );
  }
}

/** Where a session is being opened. */
interface Attempt {
  readonly reflector: SocketAddress;
  readonly port: PacketPort;
  readonly session: SenderSession;
  readonly count: ReflectorCount;
  readonly single: SinglePackets;
  readonly reader: PortReader;
  readonly timer: { set(at: number): void; clear(): void };
  retries: Retries;
  /** The number of the packet behind the one that was left out; Infinity before that. */
  second: number;
  rttNanos: number;
}

/** What a sender is going to do. */
export interface SenderPlan {
  /** The measured sender, and with a warm-up, that of the warm-up. */
  readonly senders: readonly PacketSender[];
  /** How long it warms up, in nanoseconds; 0: it does not. */
  readonly warmupNanos: number;
  /** The longest packet, in bytes. */
  readonly longest: number;
  /** It sends without a pace: many packets at a time. */
  readonly fast: boolean;
  readonly fragment: Fragment;
  readonly payload: PayloadKind;
}

/**
 * Checks a configuration, and makes its senders.
 *
 * @param signed whether packets are
 * @throws {TineError} `bad-packet-flow`
 */
function senderPlan(config: PacketClientConfig, signed: boolean): SenderPlan {
  const { flow, sender: [{ unresponsive } = {}, ...others], warmup = 0 } = config;
  const { maxPacketSize = DEFAULT_MAX_PACKET_BYTES } = config;
  const bad = (why: string) => new TineError("bad-packet-flow", `the flow ${flow} cannot be: ${why}`);
  if (unresponsive === undefined || unresponsive.reverse || unresponsive.gso || others.length > 0) {
    throw bad("a session of STAMP has one sender, without reverse and gso");
  }
  if (warmup >= durationOf(unresponsive)) {
    throw bad(`its warm-up of ${warmup} ms is not shorter than its duration of ${durationOf(unresponsive)} ms`);
  }
  const least = layoutOf(signed).bytes;
  const { length = [least] } = unresponsive;
  const configs = withWarmUp([{ ...unresponsive, length, echo: true }], warmup);
  const senders = configs.map((each, i) => new PacketSender(i, each, signed));
  const longest = Math.max(...length), shortest = Math.min(...length);
  if (shortest < least) throw bad(`it has packets of ${shortest} bytes, and the header alone has ${least}`);
  if (longest > Math.max(maxPacketSize, least)) {
    throw bad(`it has packets of ${longest} bytes, over its maxPacketSize of ${maxPacketSize}`);
  }
  if (longest > MAX_PACKET_BYTES) throw bad(`UDP carries no packets of ${longest} bytes`);
  return {
    senders,
    warmupNanos: warmup * 1e6,
    longest,
    fast: senders.some(({ unpaced }) => unpaced),
    fragment: config.fragment ?? "forbid",
    payload: payloadKind(config.payload),
  };
}
