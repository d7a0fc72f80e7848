import { DEFAULT_MAX_PACKET_BYTES, MAX_PACKET_BYTES } from "../../base/limits.ts";
import { TineError } from "../../base/errors.ts";
import type { SockAddr } from "../../sys/address.ts";
import type { Fragment } from "../../sys/ip_options.ts";
import type { PacketClientConfig } from "../config.ts";
import type { EngineFlowFactory, FlowHost, FlowRequest } from "../engine/engine_flow.ts";
import { Hmac } from "../hmac.ts";
import { Retries } from "../packet/control_exchange.ts";
import { FlowName } from "../packet/header.ts";
import { DialledFlow, type DialledRun, type Dialling, type Handshake } from "../packet/dialled_flow.ts";
import type { OpeningState } from "../packet/opening.ts";
import { type IncomingPackets, MAX_HOPS, type PacketPort, type PacketPorts } from "../packet/packet_port.ts";
import { durationOf, PacketSender, withWarmUp } from "../packet/packet_sender.ts";
import { type PayloadKind, payloadKind } from "../payload.ts";
import { ReflectorCount } from "./reflector_count.ts";
import { SenderRun } from "./sender_run.ts";
import { SenderSession, SinglePackets } from "./sender_session.ts";
import { layoutOf } from "./test_packet.ts";
import { readErrorEstimate } from "./timestamp.ts";

/** How long the first answer is waited for before another packet is sent, in nanoseconds. */
const FIRST_PAUSE_NANOS = 250e6;

/** Makes session-senders of STAMP, over ports of a kind. */
export function stampSenderFlow(ports: (host: FlowHost) => PacketPorts): EngineFlowFactory<PacketClientConfig> {
  return (host, request) => {
    const kind = ports(host);
    return new DialledFlow(host, request, kind, new StampDialling(host, request, kind.kind));
  };
}

/** Opens sessions of STAMP, as a session-sender (RFC 8762, 4.2) for reflectors of that and of TWAMP Light. */
class StampDialling implements Dialling {
  readonly host: FlowHost;
  readonly request: FlowRequest<PacketClientConfig>;
  readonly engine: PacketPorts["kind"];
  readonly flow: FlowName;
  readonly hmac: Hmac | undefined;
  readonly plan: SenderPlan;
  readonly peer = "reflector";
  readonly refused = "no reflector of STAMP listens";

  constructor(host: FlowHost, request: FlowRequest<PacketClientConfig>, engine: PacketPorts["kind"]) {
    this.host = host;
    this.request = request;
    this.engine = engine;
    this.flow = new FlowName(request.config.flow);
    this.hmac = request.key && new Hmac(request.key);
    this.plan = senderPlan(request.config, this.hmac !== undefined);
  }

  get longest(): number {
    return this.plan.longest;
  }

  get room(): number {
    return Math.max(this.request.config.maxPacketSize ?? DEFAULT_MAX_PACKET_BYTES, this.plan.longest);
  }

  begin(reflector: SockAddr, port: PacketPort): Handshake {
    return new StampHandshake(this, reflector, port);
  }
}

/** Opens a session with two packets that show whether the reflector answers, and whether it counts. */
class StampHandshake implements Handshake {
  readonly #sender: StampDialling;
  readonly #reflector: SockAddr;
  readonly #port: PacketPort;
  readonly #session: SenderSession;
  readonly #count = new ReflectorCount();
  readonly #single: SinglePackets;
  #retries = new Retries(FIRST_PAUSE_NANOS);
  /** The number of the packet after the gap; Infinity before that. */
  #second = Infinity;
  #rttNanos = NaN;
  /** Of the last reply: the reflector's error estimate, and the TTL that the packet arrived with. */
  #error = 0;
  #hops = MAX_HOPS;

  constructor(sender: StampDialling, reflector: SockAddr, port: PacketPort) {
    const { request: { config }, hmac, engine } = sender;
    this.#sender = sender;
    this.#reflector = reflector;
    this.#port = port;
    this.#session = new SenderSession(config.stamp!, hmac, port.clock, engine === "ffi");
    this.#single = new SinglePackets(port, this.#session);
  }

  send(): number {
    const waited = this.#retries.nanos, pauseNanos = this.#retries.next();
    if (pauseNanos === undefined) throw this.#noAnswer(waited);
    this.#single.send();
    return pauseNanos;
  }

  take(incoming: IncomingPackets, i: number): OpeningState {
    const session = this.#session, reply = session.read(incoming, i);
    if (reply === undefined) return "waiting";
    const isSecond = reply.number >= this.#second;
    this.#count.begin(reply.number, reply.reflectorNumber, isSecond);
    const arrival = incoming.arrival(i);
    this.#rttNanos = Math.max(1, (Number.isNaN(arrival) ? this.#port.clock.now() : arrival) - reply.sent);
    this.#error = reply.error;
    this.#hops = reply.hops;
    if (isSecond) return "open";
    if (this.#second !== Infinity) return "waiting";
    // The number that is left out shows whether the reflector counts.
    this.#second = ++session.next;
    this.#retries = new Retries(Math.max(FIRST_PAUSE_NANOS, 2 * this.#rttNanos));
    return "next";
  }

  open(onPumped: () => void): DialledRun {
    const { host, request: { config, file }, engine, flow, hmac, plan } = this.#sender;
    const { ssid = 0, timestamps = "ntp" } = config.stamp!;
    const { sender: { length: senders }, warmup = 0 } = config;
    const port = this.#port, reflector = this.#reflector, session = this.#session, hops = this.#hops;
    const { synchronized, format, errorNanos } = readErrorEstimate(this.#error);
    const { aheadSeconds } = session;
    if (aheadSeconds !== 0) {
      const days = Math.round(Math.abs(aheadSeconds) / 86_400);
      host.log(
        `flow ${flow.text}: the clock of the reflector at ${reflector} is about ${days} days ` +
          `${aheadSeconds > 0 ? "ahead" : "behind"}: ${Math.abs(aheadSeconds)} s are taken off that`,
      );
    }
    host.info({
      type: "packetInfo",
      flow: flow.text,
      server: false,
      tinit: port.clock.tinit,
      values: {
        engine,
        client: port.local.toString(),
        server: reflector.unmapped().toString(),
        senders,
        ...warmup > 0 ? { warmupNanos: warmup * 1e6 } : {},
        dscp: config.dscp ?? 0,
        ecn: config.ecn ?? 0,
        fragment: config.fragment ?? "forbid",
        payload: plan.payload,
        signed: hmac !== undefined,
        // Its times are what it claims: even on one machine they may be of another clock.
        sharesClock: false,
        protocol: "stamp",
        ssid,
        timestamps,
        reflectorCounts: this.#count.counts ?? false,
        reflectorTimestamps: format,
        reflectorSynchronized: synchronized,
        reflectorErrorNanos: errorNanos,
        ...aheadSeconds === 0 ? {} : { reflectorAheadSeconds: aheadSeconds },
        // Only raw sockets send with the greatest TTL.
        ...engine !== "ffi" || hops === MAX_HOPS || hops === 0 ? {} : { hopsToReflector: MAX_HOPS - hops },
      },
    });
    return new SenderRun({
      host,
      port,
      reflector,
      flow,
      plan,
      file,
      session,
      reflectorCount: this.#count,
      single: this.#single,
      openRttNanos: this.#rttNanos,
      onPumped,
    });
  }

  #noAnswer(waitedNanos: number): TineError {
    const key = this.#sender.hmac === undefined ? "" : "; it may have another key, or expect no key";
    const seconds = (waitedNanos / 1e9).toFixed(0);
    return new TineError(
      "no-answer",
      this.#second === Infinity
        ? `no reflector of STAMP answers at ${this.#reflector} for ${seconds} s${key}`
        : `the reflector at ${this.#reflector} answered once, and then not again for ${seconds} s`,
    );
  }
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
