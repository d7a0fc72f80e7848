import { DEFAULT_MAX_PACKET_BYTES, MAX_PACKET_BYTES } from "../../base/limits.ts";
import { SocketAddress } from "../../sys/address.ts";
import { SystemError } from "../../sys/errno.ts";
import { TineError } from "../../base/errors.ts";
import type { PacketClientConfig } from "../config.ts";
import type { Fragment } from "../../sys/ip_options.ts";
import { type PayloadKind, payloadKind, payloadProblem } from "../payload.ts";
import type { EngineFlow, EngineFlowFactory, FlowHost, FlowRequest } from "../engine/engine_flow.ts";
import type { FlowInfoEvent } from "../flows.ts";
import { exchangeOf, type TransactionPlan, transactionPlan, TransactionRun } from "../transaction/packet_run.ts";
import { ClientOpening, secondsText } from "./opening.ts";
import { limitValues } from "../serving_limits.ts";
import { ClientRun } from "./client_run.ts";
import { MAX_CONTROL_BYTES } from "./control_packet.ts";
import { ControlSender } from "./control_exchange.ts";
import { flagsOf, FlowName, headerBytes, isOfFlow, isPacket, OPEN, REPLY, SIGNED } from "./header.ts";
import type { PacketPort, PacketPorts } from "./packet_port.ts";
import { PortReader, type PortUser } from "./port_reader.ts";
import { bitRateOf, formatSettings, MAX_SENDERS, PACKET_VERSION } from "./open_settings.ts";
import { durationOf, PacketSender, type SenderConfig, withWarmUp } from "./packet_sender.ts";

/** An answer that takes longer is worth a word, in nanoseconds. */
const SLOW_NANOS = 1e9;

/** Makes the flows of packetClient, over ports of a kind. */
export function packetClientFlow(ports: (host: FlowHost) => PacketPorts): EngineFlowFactory<PacketClientConfig> {
  return (host, request) => new PacketClientFlow(host, request, ports(host));
}

/** A client: opens its flow at the first of the server's addresses where that works, and runs it. */
class PacketClientFlow implements EngineFlow, PortUser {
  readonly #host: FlowHost;
  readonly #request: FlowRequest<PacketClientConfig>;
  readonly #ports: PacketPorts;
  readonly #flow: FlowName;
  readonly #plan: ClientPlan | TransactionPlan;
  #next = 0;
  #attempt: Attempt | undefined;
  #run: ClientRun | TransactionRun | undefined;
  #held: boolean;
  /** It is to send no more as soon as it has begun. */
  #finishing = false;

  constructor(host: FlowHost, request: FlowRequest<PacketClientConfig>, ports: PacketPorts) {
    this.#host = host;
    this.#request = request;
    this.#ports = ports;
    this.#flow = new FlowName(request.config.flow);
    const plan = exchangeOf(request.config) === undefined ? clientPlan : transactionPlan;
    this.#plan = plan(request.config, request.key !== undefined);
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
    throw error ?? new TineError("no-address", `flow ${this.#flow.text} has no address of a server`);
  }

  #connect(server: SocketAddress): Attempt {
    const { config, key } = this.#request;
    const { maxPacketSize = DEFAULT_MAX_PACKET_BYTES } = config;
    const room = Math.max(maxPacketSize, this.#plan.longest, MAX_CONTROL_BYTES);
    const port = this.#ports.connect(server, config, room);
    try {
      checkPath(port, this.#plan.longest, server);
      if (this.#plan.receivesBursts) port.mergeReceived(true);
      return {
        server,
        port,
        reader: new PortReader(this.#host, port, this),
        control: new ControlSender(port),
        opening: new ClientOpening(this.#flow, this.#plan.settings, key, server.toString()),
        timer: this.#host.timer(() => this.#retry()),
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
    const { opening, control, port, timer } = this.#attempt!;
    const { packet, pauseNanos } = opening.attempt(port.clock.now());
    control.send(packet);
    timer.set(this.#host.now() + pauseNanos);
  }

  get canTake(): boolean {
    return true;
  }

  /** Opening is a matter of round trips; later the kernel notes when packets come. */
  get prompt(): boolean {
    return this.#run?.prompt ?? true;
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
    const { incoming } = this.#attempt!.port;
    let i = 0;
    // What came right behind the answer that opened the flow is for its run.
    for (; i < count && this.#run === undefined; i++) {
      try {
        this.#take(incoming.view(i), incoming.length(i));
      } catch (error) {
        return this.#giveUp(error);
      }
    }
    this.#run?.takeAll(incoming, i, count);
  }

  #take(view: DataView, length: number): void {
    const { port, opening } = this.#attempt!;
    if (!isPacket(view, 0, length) || (flagsOf(view, 0) & ~SIGNED) !== (OPEN | REPLY)) return;
    if (!isOfFlow(view, 0, this.#flow)) return;
    const state = opening.receive(view, length, port.clock.now());
    if (state === "next") this.#send();
    if (state === "open") this.#open();
  }

  #open(): void {
    const { server, port, reader, control, opening, timer } = this.#attempt!;
    timer.clear();
    const { config } = this.#request;
    if (opening.rttNanos >= SLOW_NANOS) {
      const seconds = secondsText(opening.rttNanos);
      this.#host.log(`flow ${this.#flow.text}: answers of the server at ${server} come after ${seconds} s`);
    }
    const inform = (type: "packetInfo" | "transactionInfo", values: FlowInfoEvent["values"]) =>
      this.#host.info({
        type,
        flow: this.#flow.text,
        server: false,
        tinit: port.clock.tinit,
        values: {
          engine: this.#ports.kind,
          client: port.local.toString(),
          server: server.unmapped().toString(),
          ...values,
          dscp: config.dscp ?? 0,
          ecn: config.ecn ?? 0,
          fragment: config.fragment ?? "forbid",
          payload: this.#plan.payload,
          signed: this.#request.key !== undefined,
          sharesClock: opening.sharesClock,
          ...limitValues(opening.limits),
        },
      });
    const options = {
      host: this.#host,
      port,
      control,
      server,
      flow: this.#flow,
      file: this.#request.file,
      hmac: opening.sessionHmac(),
      openRttNanos: opening.rttNanos,
      limits: opening.limits,
      onPumped: () => reader.update(),
    };
    const plan = this.#plan;
    if ("senders" in plan) {
      const { sender: { length: senders }, warmup = 0 } = config;
      inform("packetInfo", warmup > 0 ? { senders, warmupNanos: warmup * 1e6 } : { senders });
      this.#run = new ClientRun({ ...options, plan });
    } else {
      this.#run = new TransactionRun({ ...options, plan, onBegin: (values) => inform("transactionInfo", values) });
    }
    this.#run.start();
    if (!this.#held) this.#run.send();
    if (this.#finishing) this.#run.finish();
  }

  /** Tries the next address; fails if that was the last one. */
  #giveUp(error: unknown): void {
    const { server } = this.#attempt!;
    const refused = error instanceof SystemError && error.errnoName === "ECONNREFUSED";
    this.#tryNext(
      refused
        ? new TineError("connection-refused", `no server listens for UDP flows at ${server} (${error.errnoName})`, {
          cause: error,
        })
        : error,
    );
  }
}

/** Where a flow is being opened. */
interface Attempt {
  readonly server: SocketAddress;
  readonly port: PacketPort;
  readonly reader: PortReader;
  readonly control: ControlSender;
  readonly opening: ClientOpening;
  readonly timer: { set(at: number): void; clear(): void };
}

/**
 * Checks that the path takes the packets of a flow.
 *
 * @throws {TineError} `packet-too-long`
 */
export function checkPath(port: PacketPort, longest: number, server: SocketAddress): void {
  if (longest <= port.longest) return;
  throw new TineError(
    "packet-too-long",
    `packets of ${longest} bytes are too long for the path to ${server}, which takes ${port.longest} uncut (EMSGSIZE): ` +
      "use a shorter length, or allow fragments",
  );
}

/** What a client is going to do. */
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
  /** One of its senders ends when it is stopped, or after so many packets or bytes, however long that takes. */
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
