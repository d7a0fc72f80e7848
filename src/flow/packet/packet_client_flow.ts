import { DEFAULT_MAX_PACKET_BYTES, MAX_PACKET_BYTES } from "../../base/limits.ts";
import type { SockAddr } from "../../sys/address.ts";
import { TineError } from "../../base/errors.ts";
import type { PacketClientConfig } from "../config.ts";
import type { Fragment } from "../../sys/ip_options.ts";
import { type PayloadKind, payloadKind, payloadProblem } from "../payload.ts";
import type { EngineFlowFactory, FlowHost, FlowRequest } from "../engine/engine_flow.ts";
import type { FlowInfoEvent } from "../flows.ts";
import { exchangeOf, type TransactionPlan, transactionPlan, TransactionRun } from "../transaction/packet_run.ts";
import { DialledFlow, type DialledRun, type Dialling, type Handshake } from "./dialled_flow.ts";
import { ClientOpening, type OpeningState, secondsText } from "./opening.ts";
import { limitValues } from "../serving_limits.ts";
import { ClientRun } from "./client_run.ts";
import { MAX_CONTROL_BYTES } from "./control_packet.ts";
import { ControlSender } from "./control_exchange.ts";
import { flagsOf, FlowName, headerBytes, isOfFlow, isPacket, MAX_SENDERS, OPEN, REPLY, SIGNED } from "./header.ts";
import type { IncomingPackets, PacketPort, PacketPorts } from "./packet_port.ts";
import { bitRateOf, formatSettings, PACKET_VERSION } from "./open_settings.ts";
import { durationOf, PacketSender, type SenderConfig, withWarmUp } from "./packet_sender.ts";

/** How long an answer may take before a line is logged, in nanoseconds. */
const SLOW_NANOS = 1e9;

/** Makes the flows of packetClient, over ports of a kind. */
export function packetClientFlow(ports: (host: FlowHost) => PacketPorts): EngineFlowFactory<PacketClientConfig> {
  return (host, request) => {
    const kind = ports(host);
    return new DialledFlow(host, request, kind, new PacketDialling(host, request, kind.kind));
  };
}

/** Opens the flows of a client at a server. */
class PacketDialling implements Dialling {
  readonly host: FlowHost;
  readonly request: FlowRequest<PacketClientConfig>;
  readonly engine: PacketPorts["kind"];
  readonly flow: FlowName;
  readonly plan: ClientPlan | TransactionPlan;
  readonly peer = "server";
  readonly refused = "no server listens for UDP flows";

  constructor(host: FlowHost, request: FlowRequest<PacketClientConfig>, engine: PacketPorts["kind"]) {
    const { config, key } = request;
    this.host = host;
    this.request = request;
    this.engine = engine;
    this.flow = new FlowName(config.flow);
    const plan = exchangeOf(config) === undefined ? clientPlan : transactionPlan;
    this.plan = plan(config, key !== undefined);
  }

  get longest(): number {
    return this.plan.longest;
  }

  get room(): number {
    const { maxPacketSize = DEFAULT_MAX_PACKET_BYTES } = this.request.config;
    return Math.max(maxPacketSize, this.plan.longest, MAX_CONTROL_BYTES);
  }

  begin(server: SockAddr, port: PacketPort): Handshake {
    if (this.plan.receivesBursts) port.mergeReceived(true);
    return new PacketHandshake(this, server, port);
  }
}

/** Opens a flow at one address of its server. */
class PacketHandshake implements Handshake {
  readonly #client: PacketDialling;
  readonly #server: SockAddr;
  readonly #port: PacketPort;
  readonly #control: ControlSender;
  readonly #opening: ClientOpening;

  constructor(client: PacketDialling, server: SockAddr, port: PacketPort) {
    this.#client = client;
    this.#server = server;
    this.#port = port;
    this.#control = new ControlSender(port);
    this.#opening = new ClientOpening(client.flow, client.plan.settings, client.request.key, server.toString());
  }

  send(): number {
    const { packet, pauseNanos } = this.#opening.attempt(this.#port.clock.now());
    this.#control.send(packet);
    return pauseNanos;
  }

  take(incoming: IncomingPackets, i: number): OpeningState {
    const view = incoming.view(i), length = incoming.length(i);
    if (!isPacket(view, 0, length) || (flagsOf(view, 0) & ~SIGNED) !== (OPEN | REPLY)) return "waiting";
    if (!isOfFlow(view, 0, this.#client.flow)) return "waiting";
    return this.#opening.receive(view, length, this.#port.clock.now());
  }

  open(onPumped: () => void): DialledRun {
    const { host, request, engine, flow, plan } = this.#client, { config, key, file } = request;
    const server = this.#server, port = this.#port, control = this.#control, opening = this.#opening;
    if (opening.rttNanos >= SLOW_NANOS) {
      const seconds = secondsText(opening.rttNanos);
      host.log(`flow ${flow.text}: answers of the server at ${server} come after ${seconds} s`);
    }
    const inform = (type: "packetInfo" | "transactionInfo", values: FlowInfoEvent["values"]) =>
      host.info({
        type,
        flow: flow.text,
        server: false,
        tinit: port.clock.tinit,
        values: {
          engine,
          client: port.local.toString(),
          server: server.unmapped().toString(),
          ...values,
          dscp: config.dscp ?? 0,
          ecn: config.ecn ?? 0,
          fragment: config.fragment ?? "forbid",
          payload: plan.payload,
          signed: key !== undefined,
          sharesClock: opening.sharesClock,
          ...limitValues(opening.limits),
        },
      });
    const options = {
      host,
      port,
      control,
      server,
      flow,
      file,
      hmac: opening.sessionHmac(),
      openRttNanos: opening.rttNanos,
      limits: opening.limits,
      onPumped,
    };
    if ("senders" in plan) {
      const { sender: { length: senders }, warmup = 0 } = config;
      inform("packetInfo", warmup > 0 ? { senders, warmupNanos: warmup * 1e6 } : { senders });
      return new ClientRun({ ...options, plan });
    }
    return new TransactionRun({ ...options, plan, onBegin: (values) => inform("transactionInfo", values) });
  }
}

/** The plan of a client. */
export interface ClientPlan {
  /** All senders by their index; of those at the server, this end only knows their schedule. */
  readonly senders: readonly PacketSender[];
  /** How long it warms up, in nanoseconds: the second half of the senders is that of the warm-up; 0: it does not. */
  readonly warmupNanos: number;
  /** The longest packet, in bytes. */
  readonly longest: number;
  /** The longest message that this end sends, in bytes: a packet, or a burst. */
  readonly longestMessage: number;
  /** This end sends without a pace, or bursts: many packets at a time. */
  readonly fast: boolean;
  /** Bursts are received. */
  readonly receivesBursts: boolean;
  /** What becomes of packets that are too long for the path. */
  readonly fragment: Fragment;
  /** What packets carry behind their headers. */
  readonly payload: PayloadKind;
  /** One of its senders ends when it is stopped, or after a number of packets or bytes, however long that takes. */
  readonly openEnded: boolean;
  /** For the server, as text. */
  readonly settings: string;
}

/**
 * Checks a configuration, and makes its senders.
 *
 * @param signed whether packets are
 * @throws {TineError} `bad-packet-flow`, `settings-too-long`
 */
export function clientPlan(config: PacketClientConfig, signed: boolean): ClientPlan {
  const { flow, sender, warmup = 0, maxPacketSize = DEFAULT_MAX_PACKET_BYTES } = config;
  const given = sender.map(({ unresponsive }, i) => {
    if (unresponsive === undefined) throw bad(flow, `sender ${i} is of no kind`);
    return unresponsive;
  });
  const shortestMs = Math.min(...given.map(durationOf));
  if (warmup >= shortestMs && warmup > 0) {
    throw bad(flow, `its warm-up of ${warmup} ms is not shorter than its duration of ${shortestMs} ms`);
  }
  const configs = withWarmUp(given, warmup);
  if (configs.length === 0 || configs.length > MAX_SENDERS) {
    const most = warmup > 0 ? MAX_SENDERS / 2 : MAX_SENDERS;
    throw bad(flow, `it has ${given.length} senders, 1 to ${most} are possible${warmup > 0 ? " with a warm-up" : ""}`);
  }
  const senders = configs.map((each, i) => new PacketSender(i, each, signed));
  const longest = Math.max(...senders.map(({ schedule }) => schedule.longest));
  const header = headerBytes(signed);
  const shortest = Math.min(...senders.map(({ schedule }) => schedule.shortest));
  if (shortest < header) {
    throw bad(
      flow,
      `it has packets of ${shortest} bytes, and the header alone has ${header}${
        signed ? " where they are signed" : ""
      }`,
    );
  }
  if (longest > maxPacketSize && longest > header) {
    throw bad(flow, `it has packets of ${longest} bytes, over its maxPacketSize of ${maxPacketSize}`);
  }
  if (longest > MAX_PACKET_BYTES) throw bad(flow, `UDP carries no packets of ${longest} bytes`);
  const forward = senders.filter(({ reverse }) => !reverse);
  const payload = payloadKind(config.payload);
  if (payload === "file" && forward.length < senders.length) throw bad(flow, payloadProblem(config.payload, true)!);
  // With a warm-up, the first half sends what is measured.
  const measured = senders.slice(0, given.length).filter(({ reverse }) => !reverse);
  const openEnded = given.some(({ duration }) => !duration);
  return {
    senders,
    warmupNanos: warmup * 1e6,
    openEnded,
    longest,
    longestMessage: Math.max(header, ...forward.map(({ burst, schedule }) => burst * schedule.longest)),
    fast: forward.some(({ unpaced, burst }) => unpaced || burst > 1),
    receivesBursts: senders.some(({ reverse, burst }) => reverse && burst > 1),
    fragment: config.fragment ?? "forbid",
    payload,
    settings: formatSettings({
      version: PACKET_VERSION,
      senders: senders.length,
      longest,
      duration: Math.max(...configs.map(durationOf)),
      gso: forward.some(({ burst }) => burst > 1),
      reverse: configs.flatMap((each, i): [number, SenderConfig][] =>
        each.reverse ? [[i, { ...each, duration: durationOf(each) }]] : []
      ),
      ecn: config.ecn ?? 0,
      notices: true,
      rate: bitRateOf(measured),
      echoRate: bitRateOf(measured.filter(({ times }) => times !== undefined)),
      openEnded,
      ...config.fragment === undefined ? {} : { fragment: config.fragment },
      // What the server sends; its files are its own.
      ...payload === "file" || payload === "zeros" ? {} : { payload },
      ...warmup > 0 ? { warmup } : {},
    }),
  };
}

function bad(flow: string, why: string): TineError {
  return new TineError("bad-packet-flow", `the flow ${flow} cannot be: ${why}`);
}
