import { Clock } from "../../sys/clock.ts";
import { READABLE } from "../../sys/poller.ts";
import type { Socket } from "../../sys/socket.ts";
import { lingerSeconds } from "../../sys/socket_options.ts";
import { TineError } from "../../base/errors.ts";
import type { StreamClientConfig } from "../config.ts";
import type { EngineFlow, EngineFlowFactory, FlowHost, FlowRequest, Timer } from "../engine/engine_flow.ts";
import { Hmac } from "../hmac.ts";
import type { SenderReport, StreamReport } from "../report.ts";
import { Connector } from "./connector.ts";
import { goodput } from "./io_meter.ts";
import { HANDSHAKE_TIMEOUT_MS } from "./limits.ts";
import { Opening } from "./opening.ts";
import { Peer } from "./peer.ts";
import { setUpClient } from "./socket_setup.ts";
import { streamInfo } from "./stream_info.ts";
import { receiveStream } from "./stream_receiver.ts";
import { sendStream } from "./stream_sender.ts";
import type { Transfer, TransferResult } from "./transfer.ts";
import { encodeFrame, type FrameKey } from "./wire.ts";
import { checkReport, requestAt, requestOf, type StreamRequest } from "./messages.ts";

const MILLISECOND = 1e6;

/** A TCP flow, from its connection to its end. */
export const streamClientFlow: EngineFlowFactory<StreamClientConfig> = (host, request) =>
  new StreamClientFlow(host, request);

class StreamClientFlow implements EngineFlow {
  readonly #host: FlowHost;
  readonly #request: StreamRequest;
  readonly #hmac: Hmac | undefined;
  readonly #connector: Connector;
  #tinitNanos = 0;
  #tinit = 0n;
  #peer: Peer | undefined;
  #transfer: Transfer | undefined;
  /** How long it took until the key could be proved, where it has to be. */
  #keyProofNanos: number | undefined;
  #accepted = false;
  #finished = false;

  constructor(host: FlowHost, { addresses, config, key }: FlowRequest<StreamClientConfig>) {
    this.#host = host;
    this.#request = requestOf(config);
    this.#hmac = key === undefined ? undefined : new Hmac(key);
    this.#connector = new Connector(host, addresses, {
      setUp: (socket) => setUpClient(socket, requestAt("client", this.#request)),
      onConnected: (socket, address) => this.#open(socket, address.toString()),
    });
  }

  start(): void {
    this.#tinitNanos = this.#host.now();
    this.#tinit = new Clock("realtime").now();
    this.#connector.start();
  }

  close(): void {
    this.#connector.close();
    this.#transfer?.stop();
    const socket = this.#peer?.socket;
    if (socket === undefined) return;
    // Else the kernel would go on sending what a canceled transfer has left with it.
    if (this.#transfer !== undefined && !this.#finished) socket.set(lingerSeconds, 0);
    socket.close();
  }

  /** It is connected: a signature needs the greeting first, all else goes out at once. */
  #open(socket: Socket, address: string): void {
    const peer = this.#peer = new Peer(socket, address);
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
  #ask(peer: Peer, opening: Opening, key?: FrameKey): void {
    const upload = this.#request.direction === "upload";
    peer.say(encodeFrame(requestAt("server", this.#request), key), upload);
    const answer = this.#patience(() => opening.awaited);
    const accepted = () => {
      if (this.#accepted) return true;
      if (!opening.readAnswer()) return false;
      answer.clear();
      this.#accepted = true;
      this.#host.info(streamInfo(peer.socket, this.#request, { server: false, tinit: this.#tinit }));
      return true;
    };
    if (upload) return this.#begin(peer, accepted);
    const watch = this.#host.watch(peer.socket.fd, READABLE, () => {
      if (!accepted()) return;
      watch.close();
      this.#begin(peer);
    });
  }

  #begin(peer: Peer, accepted?: () => boolean): void {
    const request = requestAt("client", this.#request);
    const upload = request.direction === "upload";
    const start = upload ? sendStream : receiveStream;
    this.#transfer = start({
      host: this.#host,
      scope: this.#host,
      fail: (error) => this.#host.fail(error),
      peer,
      request,
      server: false,
      tinitNanos: this.#tinitNanos,
      accepted,
    }, (result) => {
      // What proves the key is tine's, and no part of the flow.
      const fctNanos = this.#host.now() - this.#tinitNanos - (this.#keyProofNanos ?? 0);
      if (upload) return this.#end(result, fctNanos, result.report);
      this.#await(() => "report", () => {
        const frame = peer.readFrame();
        if (frame === undefined) return false;
        this.#end(result, fctNanos, checkReport(frame.value));
        return true;
      });
    });
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
    this.#host.progress(this.#request.flow, report);
    this.#host.end(report);
  }

  /**
   * Waits for a word of the server, with limited patience.
   *
   * @param what names it
   * @param read called whenever there is something to read, until it returns true
   */
  #await(what: () => string, read: () => boolean): void {
    const timer = this.#patience(what);
    const watch = this.#host.watch(this.#peer!.socket.fd, READABLE, () => {
      if (!read()) return;
      timer.clear();
      watch.close();
    });
  }

  #patience(what: () => string): Timer {
    const timer = this.#host.timer(() => {
      const seconds = HANDSHAKE_TIMEOUT_MS / 1000;
      const { name } = this.#peer!;
      throw new TineError("no-answer", `${name} gave no ${what()} of a tine server of TCP flows for ${seconds} s`);
    });
    timer.set(this.#host.now() + HANDSHAKE_TIMEOUT_MS * MILLISECOND);
    return timer;
  }
}
