import { SockAddr } from "../../sys/address.ts";
import { systemSetting } from "../../sys/socket_options.ts";
import { hasEcn } from "../../sys/tcp_info.ts";
import { READABLE } from "../../sys/poller.ts";
import type { StreamClientConfig } from "../config.ts";
import type { EngineFlow, EngineFlowFactory, FlowHost, FlowRequest } from "../engine/engine_flow.ts";
import { Hmac } from "../hmac.ts";
import type { SenderReport, StreamReport } from "../report.ts";
import {
  AFTER_SERVER_MS,
  endedByServer,
  type FlowLimits,
  isOpenEnded,
  limitText,
  readLimits,
} from "../serving_limits.ts";
import { goodput } from "./io_meter.ts";
import { Connector, Opening, patience } from "./opening.ts";
import { StreamPeer } from "./stream_peer.ts";
import type { StreamPort, StreamPorts } from "./stream_port.ts";
import { receiveStream } from "./stream_receiver.ts";
import { sendStream } from "./stream_sender.ts";
import { streamInfo, type Transfer, type TransferResult, warmupEnd } from "./transfer.ts";
import { encodeStreamFrame, type FrameKey } from "./wire.ts";
import { checkReport, isEndedByServer, requestAt, requestOf, type StreamRequest } from "./messages.ts";

/** Makes the flows of streamClient, over ports of a kind. */
export function streamClientFlow(ports: (host: FlowHost) => StreamPorts): EngineFlowFactory<StreamClientConfig> {
  return (host, request) => new StreamClientFlow(host, request, ports(host));
}

/** A TCP flow, from its connection to its end. */
class StreamClientFlow implements EngineFlow {
  readonly #host: FlowHost;
  readonly #ports: StreamPorts;
  readonly #request: StreamRequest;
  readonly #file: Uint8Array | undefined;
  readonly #expectsEcn: boolean;
  readonly #hmac: Hmac | undefined;
  readonly #connector: Connector;
  #tinitNanos = 0;
  #tinit = 0n;
  /** When the warm-up is over, since `tinit`. */
  #warmupEndNanos: number | undefined;
  #peer: StreamPeer | undefined;
  #transfer: Transfer | undefined;
  /** From the connection until the key could be proved; undefined without a key. */
  #keyProofNanos: number | undefined;
  #accepted = false;
  #finished = false;
  /** It is to stop sending as soon as it has begun. */
  #finishing = false;
  /** What the server lets it have. */
  #limits: FlowLimits = {};
  /** It has lasted as long as the server lets it. */
  #limited = false;

  constructor(host: FlowHost, { addresses, config, key, file }: FlowRequest<StreamClientConfig>, ports: StreamPorts) {
    this.#host = host;
    this.#ports = ports;
    this.#request = requestOf(config);
    this.#file = file;
    this.#expectsEcn = (config.upload ?? config.download)?.ecn === true;
    this.#hmac = key === undefined ? undefined : new Hmac(key);
    this.#connector = new Connector({
      host,
      ports,
      addresses: addresses.map((address) => SockAddr.parse(address)),
      request: requestAt("client", this.#request),
      bind: config.bind,
      onConnected: (port, address) => this.#open(port, address.toString()),
    });
  }

  start(): void {
    this.#tinitNanos = this.#host.now();
    this.#tinit = this.#ports.wallNanos();
    this.#connector.start();
  }

  finish(): void {
    this.#finishing = true;
    if (!this.#finished) this.#transfer?.finish();
  }

  close(): void {
    this.#connector.close();
    this.#transfer?.stop();
    // Else the kernel would go on sending what a canceled transfer has left with it.
    if (this.#transfer !== undefined && !this.#finished) this.#peer?.port.reset();
    else this.#peer?.port.close();
  }

  /** Begins once it is connected: a signature needs the greeting first, all else goes out at once. */
  #open(port: StreamPort, address: string): void {
    const peer = this.#peer = new StreamPeer(port, address);
    const opening = new Opening(peer, this.#hmac !== undefined);
    const hmac = this.#hmac;
    if (hmac === undefined) return this.#ask(peer, opening);
    const connectedAt = this.#host.now();
    this.#await(() => opening.awaited, () => {
      const greeting = opening.readGreeting();
      if (greeting === undefined) return false;
      this.#keyProofNanos = this.#host.now() - connectedAt;
      this.#ask(peer, opening, { hmac, nonce: greeting.nonce });
      return true;
    });
  }

  /** Requests the transfer; an upload starts right behind the request. */
  #ask(peer: StreamPeer, opening: Opening, key?: FrameKey): void {
    const upload = this.#request.direction === "upload";
    peer.send(encodeStreamFrame(requestAt("server", this.#request), key), upload);
    const answer = patience(this.#host, peer, () => opening.awaited);
    const begins = () => this.#warmupEndNanos = warmupEnd(this.#request, this.#host.now() - this.#tinitNanos);
    const accepted = () => {
      if (this.#accepted) return true;
      const fields = opening.readAnswer();
      if (fields === undefined) return false;
      answer.clear();
      this.#keepTo(readLimits(fields.limits));
      this.#accepted = true;
      if (!upload) begins();
      this.#host.info(streamInfo(peer.port, this.#request, {
        engine: this.#ports.kind,
        server: false,
        tinit: this.#tinit,
        warmupEndNanos: this.#warmupEndNanos,
        expectsEcn: this.#expectsEcn,
        limits: this.#limits,
      }));
      if (this.#expectsEcn) this.#checkEcn(peer.port);
      return true;
    };
    if (upload) {
      begins();
      return this.#begin(peer, accepted);
    }
    const watch = peer.port.watch(this.#host, READABLE, () => {
      if (!accepted()) return;
      watch.close();
      this.#begin(peer);
    });
  }

  /** Ends an upload when it has lasted as long as the server lets it; a server stops sending by itself. */
  #keepTo(limits: FlowLimits): void {
    this.#limits = limits;
    const { flow, direction, durationMs } = this.#request;
    if (limits.bitsPerSecond !== undefined) {
      this.#host.log(`flow ${flow}: the server lets it have ${limitText(limits)}`);
      this.#transfer?.limitRate?.(limits);
    }
    if (limits.durationMs === undefined || direction === "download" || !isOpenEnded(durationMs)) return;
    this.#host.timer(() => {
      if (this.#finished || this.#finishing) return;
      this.#limited = true;
      this.#transfer?.finish();
    }).set(this.#host.now() + (limits.durationMs + AFTER_SERVER_MS) * 1e6);
  }

  /** Logs where ECN was asked for and is not used: only the system can ask the other end for it. */
  #checkEcn({ kernel }: StreamPort): void {
    const ecn = kernel && hasEcn(kernel.tcpInfo());
    if (ecn) return;
    const flow = `flow ${this.#request.flow}: `;
    if (ecn === undefined) this.#host.log(`${flow}whether ECN was negotiated is not known without tcp_info`);
    else this.#host.log(`${flow}ECN was not negotiated; ${whyNoEcn()}`);
  }

  #begin(peer: StreamPeer, accepted?: () => boolean): void {
    const request = requestAt("client", this.#request);
    const upload = request.direction === "upload";
    const start = upload ? sendStream : receiveStream;
    this.#transfer = start({
      host: this.#host,
      scope: this.#host,
      fail: (error) => this.#host.fail(error),
      peer,
      request,
      file: this.#file,
      server: false,
      tinitNanos: this.#tinitNanos,
      warmupEndNanos: this.#warmupEndNanos,
      accepted,
    }, (result) => {
      this.#finished = true;
      // The proof of the key is part of tine's protocol, not of the flow.
      const fctNanos = this.#host.now() - this.#tinitNanos - (this.#keyProofNanos ?? 0);
      if (upload) return this.#end(result, fctNanos, result.report);
      this.#await(() => "report", () => {
        const frame = peer.readFrame();
        if (frame === undefined) return false;
        this.#limited = isEndedByServer(frame.value);
        this.#end(result, fctNanos, checkReport(frame.value));
        return true;
      });
    });
    if (this.#finishing) this.#transfer.finish();
  }

  #end({ bytes, durationNanos, serverCpuNanos }: TransferResult, fctNanos: number, sender: SenderReport): void {
    this.#finished = true;
    const goodputBitsPerSecond = goodput(bytes, durationNanos, (sender.minRttMicros ?? 0) * 1000);
    const report: StreamReport = {
      kind: "stream",
      ...{ bytes, durationNanos, goodputBitsPerSecond, fctNanos },
      ...this.#keyProofNanos === undefined ? {} : { keyProofNanos: this.#keyProofNanos },
      ...serverCpuNanos === undefined ? {} : { serverCpuNanos },
      ...sender,
    };
    const { flow, lengthBytes = Infinity } = this.#request;
    this.#host.progress(flow, report);
    if (this.#limited && bytes < lengthBytes) this.#host.fail(endedByServer(flow, this.#peer!.name, this.#limits));
    else this.#host.end(report);
  }

  /**
   * Waits for a message of the server, with limited patience.
   *
   * @param what the name of the message
   * @param read called whenever there is something to read, until it returns true
   */
  #await(what: () => string, read: () => boolean): void {
    const peer = this.#peer!;
    const timer = patience(this.#host, peer, what);
    const watch = peer.port.watch(this.#host, READABLE, () => {
      if (!read()) return;
      timer.clear();
      watch.close();
    });
  }
}

/** Returns what to do for ECN; source: ip-sysctl.rst of the kernel, tcp_ecn. */
function whyNoEcn(): string {
  const setting = systemSetting("tcp_ecn");
  return setting === undefined || !["0", "2"].includes(setting)
    ? "the server's system may not speak it (net.ipv4.tcp_ecn), or something on the path takes it away"
    : `net.ipv4.tcp_ecn is ${setting} at the client, which does not ask for it: set it to 1, or give the route to the ` +
      "server features ecn (ip route change ... features ecn)";
}
