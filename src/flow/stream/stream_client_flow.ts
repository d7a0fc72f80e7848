import { Clock } from "../../sys/clock.ts";
import { READABLE } from "../../sys/poller.ts";
import { type Socket, WOULD_BLOCK } from "../../sys/socket.ts";
import { lingerSeconds } from "../../sys/socket_options.ts";
import { TineError } from "../../wire/errors.ts";
import type { StreamClientConfig } from "../config.ts";
import type { EngineFlow, EngineFlowFactory, FlowHost, FlowRequest } from "../engine/engine_flow.ts";
import { Hmac } from "../hmac.ts";
import { Connector } from "./connector.ts";
import { bitsPerSecond } from "./io_meter.ts";
import { HANDSHAKE_TIMEOUT_MS } from "./limits.ts";
import { Peer } from "./peer.ts";
import { setUpClient } from "./socket_setup.ts";
import { streamInfo } from "./stream_info.ts";
import { receiveStream } from "./stream_receiver.ts";
import { sendStream } from "./stream_sender.ts";
import type { Transfer, TransferResult } from "./transfer.ts";
import { type Frame, GreetingReader, signRequest } from "./wire.ts";
import { acceptedBy, checkReport, requestOf, type StreamReport, type StreamRequest } from "./words.ts";

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
  #finished = false;

  constructor(host: FlowHost, { addresses, config, key }: FlowRequest<StreamClientConfig>) {
    this.#host = host;
    this.#request = requestOf(config);
    this.#hmac = key === undefined ? undefined : new Hmac(key);
    this.#connector = new Connector(host, addresses, {
      setUp: (socket) => setUpClient(socket, this.#request),
      onConnected: (socket, address) => this.#awaitGreeting(socket, address.toString()),
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

  #awaitGreeting(socket: Socket, address: string): void {
    const peer = this.#peer = new Peer(socket, address);
    const reader = new GreetingReader(address);
    this.#await("greeting", () => {
      const count = peer.read(reader.room);
      const greeting = count === WOULD_BLOCK ? undefined : reader.filled(count);
      if (greeting === undefined) return false;
      peer.say(signRequest(this.#request, greeting, this.#hmac, address));
      this.#awaitFrame("answer", (frame) => {
        acceptedBy(address, frame.value);
        this.#begin(peer);
      });
      return true;
    });
  }

  #begin(peer: Peer): void {
    const request = this.#request;
    this.#host.info(streamInfo(peer.socket, request, { server: false, tinit: this.#tinit }));
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
    }, (result) => {
      const fctNanos = this.#host.now() - this.#tinitNanos;
      if (upload) return this.#end(result, fctNanos, result.report);
      this.#awaitFrame("report", (frame) => this.#end(result, fctNanos, checkReport(frame.value)));
    });
  }

  #end({ bytes, durationNanos, serverCpuNanos }: TransferResult, fctNanos: number, report: StreamReport): void {
    this.#finished = true;
    const goodputBitsPerSecond = bitsPerSecond(bytes, durationNanos);
    const cpu: StreamReport = serverCpuNanos === undefined ? {} : { serverCpuNanos };
    const values = { bytes, durationNanos, goodputBitsPerSecond, fctNanos, ...cpu, ...report };
    this.#host.progress(this.#request.flow, values);
    this.#host.end(values);
  }

  #awaitFrame(what: string, then: (frame: Frame) => void): void {
    this.#await(what, () => {
      const frame = this.#peer!.readFrame();
      if (frame === undefined) return false;
      then(frame);
      return true;
    });
  }

  /**
   * Waits for a word of the server, with limited patience.
   *
   * @param read called whenever there is something to read, until it returns true
   */
  #await(what: string, read: () => boolean): void {
    const { socket, name } = this.#peer!;
    const timer = this.#host.timer(() => {
      const seconds = HANDSHAKE_TIMEOUT_MS / 1000;
      throw new TineError("no-answer", `${name} gave no ${what} of a tine server of TCP flows for ${seconds} s`);
    });
    timer.set(this.#host.now() + HANDSHAKE_TIMEOUT_MS * MILLISECOND);
    const watch = this.#host.watch(socket.fd, READABLE, () => {
      if (!read()) return;
      timer.clear();
      watch.close();
    });
  }
}
