import { SockAddr } from "../../sys/address.ts";
import { READABLE } from "../../sys/poller.ts";
import { TineError } from "../../base/errors.ts";
import type { StreamClientConfig } from "../config.ts";
import type { EngineFlow, EngineFlowFactory, FlowHost, FlowRequest } from "../engine/engine_flow.ts";
import { Hmac } from "../hmac.ts";
import {
  AFTER_SERVER_MS,
  endedByServer,
  type FlowLimits,
  limitText,
  limitValues,
  readLimits,
} from "../serving_limits.ts";
import { DEFAULT_DURATION_MS, PROGRESS_MS, STALL_TIMEOUT_MS } from "../stream/limits.ts";
import { requestAt } from "../stream/messages.ts";
import { Connector, Opening, patience } from "../stream/opening.ts";
import { StreamPeer } from "../stream/stream_peer.ts";
import type { StreamPort, StreamPorts } from "../stream/stream_port.ts";
import { encodeStreamFrame, type FrameKey } from "../stream/wire.ts";
import { ConnectingExchange } from "./connecting_exchange.ts";
import { Exchanging } from "./exchanging.ts";
import {
  checkTransactionReceipt,
  explained,
  portOf,
  socketRequest,
  type TransactionReceipt,
  type TransactionRequest,
  transactionRequest,
} from "./messages.ts";
import { TransactionLimit, TransactionMeter } from "./meter.ts";

const MILLISECOND = 1e6;

/** Makes the flows of streamClient that have requests and responses, over ports of a kind. */
export function streamTransactionsFlow(ports: (host: FlowHost) => StreamPorts): EngineFlowFactory<StreamClientConfig> {
  return (host, request) => new StreamTransactions(host, request, ports(host));
}

/** The transactions of a flow under way. */
export interface RunningExchange {
  /** How much of the awaited response has come, for messages. */
  readonly underWay: string;
  /** Begins. */
  start(): void;
  /** Asks the server to end the flow; nothing is under way any more. */
  askForEnd(): void;
  /** Closes what it has opened. */
  close(): void;
}

/** The context of transactions. */
export interface ExchangeContext {
  readonly host: FlowHost;
  readonly ports: StreamPorts;
  /** The connection that the server has taken the flow over. */
  readonly peer: StreamPeer;
  readonly server: SockAddr;
  readonly request: TransactionRequest;
  readonly config: NonNullable<StreamClientConfig["requestResponse"]>;
  /** Where connections of the client are bound; undefined: as the route decides. */
  readonly bind: string | undefined;
  readonly meter: TransactionMeter;
  readonly limit: TransactionLimit;
  /** The flow's `tinit`, in the time of the host. */
  readonly tinitNanos: number;
  /** Called once, when nothing is under way any more and nothing begins. */
  onDone(): void;
}

/** A flow of requests and responses over TCP, from its connection to its end. */
class StreamTransactions implements EngineFlow {
  readonly #host: FlowHost;
  readonly #ports: StreamPorts;
  readonly #config: ExchangeContext["config"];
  readonly #bind: string | undefined;
  readonly #request: TransactionRequest;
  readonly #hmac: Hmac | undefined;
  readonly #connector: Connector;
  #tinitNanos = 0;
  #tinit = 0n;
  #peer: StreamPeer | undefined;
  #exchange: RunningExchange | undefined;
  #meter: TransactionMeter | undefined;
  #limit: TransactionLimit | undefined;
  /** What the server lets it have. */
  #limits: FlowLimits = {};
  /** When the server lets no more transactions begin, in the time of the host. */
  #limitNanos = Infinity;
  /** Whether it begins no more transactions. */
  #finishing = false;
  #ending = false;

  constructor(host: FlowHost, { addresses, config, key }: FlowRequest<StreamClientConfig>, ports: StreamPorts) {
    this.#host = host;
    this.#ports = ports;
    this.#config = config.requestResponse!;
    this.#bind = config.bind;
    this.#request = transactionRequest(config);
    this.#hmac = key === undefined ? undefined : new Hmac(key);
    this.#connector = new Connector({
      host,
      ports,
      addresses: addresses.map((address) => SockAddr.parse(address)),
      request: requestAt("client", socketRequest(this.#request)),
      bind: config.bind,
      onConnected: (port, address) => this.#open(port, address),
    });
  }

  start(): void {
    this.#tinitNanos = this.#host.now();
    this.#tinit = this.#ports.wallNanos();
    this.#connector.start();
  }

  finish(): void {
    this.#finishing = true;
    this.#limit?.end();
  }

  close(): void {
    this.#connector.close();
    this.#exchange?.close();
    this.#peer?.port.close();
    if (this.#meter !== undefined && !this.#ending) {
      this.#host.progress(this.#request.flow, this.#meter.report({ complete: false, ...this.#warmup }));
    }
  }

  /** Asks for the flow once it is connected: a signature needs the greeting first. */
  #open(port: StreamPort, server: SockAddr): void {
    const peer = this.#peer = new StreamPeer(port, server.toString());
    const opening = new Opening(peer, this.#hmac !== undefined);
    const timer = patience(this.#host, peer, () => opening.awaited);
    const ask = (key?: FrameKey) => peer.send(encodeStreamFrame(this.#request, key));
    const hmac = this.#hmac;
    let asked = hmac === undefined;
    if (asked) ask();
    const watch = port.watch(this.#host, READABLE, () => {
      if (!asked) {
        const greeting = opening.readGreeting();
        if (greeting === undefined) return;
        ask({ hmac: hmac!, nonce: greeting.nonce });
        asked = true;
      }
      const answer = this.#readAnswer(opening, peer);
      if (answer === undefined) return;
      timer.clear();
      watch.close();
      this.#begin(peer, server, answer);
    });
  }

  #readAnswer(opening: Opening, peer: StreamPeer): Readonly<Record<string, unknown>> | undefined {
    try {
      return opening.readAnswer();
    } catch (error) {
      throw explained(error, peer.name);
    }
  }

  #begin(peer: StreamPeer, server: SockAddr, answer: Readonly<Record<string, unknown>>): void {
    const { transactions: { requestBytes, responseBytes, connect }, flow, dscp } = this.#request;
    const { duration, transactions, inFlight = 1 } = this.#config;
    const host = this.#host, now = host.now(), elapsed = now - this.#tinitNanos;
    const limits = this.#limits = readLimits(answer.limits);
    const warmup = this.#warmup.warmupNanos;
    host.info({
      type: "transactionInfo",
      flow,
      server: false,
      tinit: this.#tinit,
      values: {
        engine: this.#ports.kind,
        transport: "tcp",
        connect,
        client: peer.port.local.toString(),
        server: peer.port.remote.toString(),
        requestBytes,
        responseBytes,
        inFlight,
        ...dscp === undefined ? {} : { dscp },
        ...warmup === undefined ? {} : { warmupNanos: warmup, warmupEndNanos: elapsed + warmup },
        ...limitValues(limits),
      },
    });
    const meter = this.#meter = new TransactionMeter(host.samples("transactionIO", flow), elapsed);
    const ms = duration === 0 ? Infinity : duration ?? (transactions === undefined ? DEFAULT_DURATION_MS : Infinity);
    if (limits.durationMs !== undefined && limits.durationMs < ms) {
      this.#limitNanos = now + (limits.durationMs + AFTER_SERVER_MS) * MILLISECOND;
    }
    const context: ExchangeContext = {
      host,
      ports: this.#ports,
      peer,
      server: connect ? server.withPort(portOf(answer, peer.name)) : server,
      request: this.#request,
      config: this.#config,
      bind: this.#bind,
      meter,
      limit: this.#limit = new TransactionLimit(transactions, Math.min(this.#limitNanos, now + ms * MILLISECOND)),
      tinitNanos: this.#tinitNanos,
      onDone: () => this.#end(peer),
    };
    if (this.#finishing) this.#limit.end();
    const exchange = this.#exchange = connect ? new ConnectingExchange(context) : new Exchanging(context);
    this.#follow(peer, exchange, meter);
    exchange.start();
  }

  /** Reports, and watches whether there are still responses. */
  #follow(peer: StreamPeer, exchange: RunningExchange, meter: TransactionMeter): void {
    const host = this.#host;
    let before = -1, changedAt = host.now();
    const timer = host.timer(() => {
      const now = host.now();
      timer.set(now + PROGRESS_MS * MILLISECOND);
      if (!this.#ending) {
        const report = meter.report({ complete: false, ...this.#warmup }, now - this.#tinitNanos);
        host.progress(this.#request.flow, report);
      }
      if (meter.transactions !== before) {
        before = meter.transactions;
        changedAt = now;
      } else if (now - changedAt > STALL_TIMEOUT_MS * MILLISECOND) {
        const seconds = STALL_TIMEOUT_MS / 1000;
        throw new TineError(
          "peer-stalled",
          `${peer.name} has answered nothing for ${seconds} s, after ${meter.transactions} transactions and ` +
            exchange.underWay,
        );
      }
    });
    timer.set(host.now() + PROGRESS_MS * MILLISECOND);
  }

  /** Ends the flow at the server, and waits for the count of that. */
  #end(peer: StreamPeer): void {
    const timer = patience(this.#host, peer, () => "receipt");
    this.#exchange!.askForEnd();
    const watch = peer.port.watch(this.#host, READABLE, () => {
      const frame = peer.readFrame();
      if (frame === undefined) return;
      timer.clear();
      watch.close();
      this.#finish(peer, checkTransactionReceipt(frame.value));
    });
  }

  #finish(peer: StreamPeer, { transactions, serverCpuNanos, held }: TransactionReceipt): void {
    const meter = this.#meter!;
    if (transactions !== meter.transactions) {
      throw new TineError(
        "incoherent-counts",
        `${peer.name} has answered ${transactions} requests, but ${meter.transactions} responses came`,
      );
    }
    const report = meter.report({
      complete: true,
      ...this.#warmup,
      serverTransactions: transactions,
      ...serverCpuNanos !== undefined && { serverCpuNanos },
    });
    this.#ending = true;
    const { flow } = this.#request;
    if (held) this.#host.log(`flow ${flow}: ${peer.name} held its answers back: ${limitText(this.#limits)}`);
    this.#host.progress(flow, report);
    if (this.#isLimited) this.#host.fail(endedByServer(flow, peer.name, this.#limits));
    else this.#host.end(report);
  }

  /** Whether more transactions would have begun if the server let the flow last. */
  get #isLimited(): boolean {
    const { transactions = Infinity } = this.#config;
    return !this.#finishing && this.#limit!.begun < transactions && this.#host.now() >= this.#limitNanos;
  }

  get #warmup(): { readonly warmupNanos?: number } {
    const { warmup } = this.#config;
    return warmup ? { warmupNanos: warmup * MILLISECOND } : {};
  }
}
