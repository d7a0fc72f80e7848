import { TineError } from "../../base/errors.ts";
import type { PacketClientConfig, PacketServerConfig, StreamClientConfig, StreamServerConfig } from "../config.ts";
import type { FlowOptions, Flows, FlowServer, PacketClientOptions } from "../flows.ts";
import type { PacketReport, StreamReport } from "../report.ts";
import { portablePacketClient, portablePacketServer } from "./packet_flows.ts";
import { portableStreamClient } from "./stream_client.ts";
import { portableStreamServer } from "./stream_server.ts";

/** Traffic over Deno's own network API, in the thread that asks for it. */
export class PortableFlows implements Flows {
  readonly kind = "portable";
  readonly #closing = new AbortController();
  readonly #open = new Set<Promise<unknown>>();
  readonly #reason: string;
  #told = false;

  /** @param reason why there are no raw sockets: a clause that fits behind a colon */
  constructor(reason: string) {
    this.#reason = reason;
  }

  async streamServer(config: StreamServerConfig, options: FlowOptions): Promise<FlowServer> {
    const server = await portableStreamServer(config, this.#within(options));
    this.#remember(server.ended);
    return server;
  }

  streamClient(addr: string, config: StreamClientConfig, options: FlowOptions): Promise<StreamReport> {
    return this.#remember(portableStreamClient(addr, config, this.#within(options)));
  }

  async packetServer(config: PacketServerConfig, options: FlowOptions): Promise<FlowServer> {
    const server = await portablePacketServer(config, this.#within(options));
    this.#remember(server.ended);
    return server;
  }

  packetClient(addr: string, config: PacketClientConfig, options: PacketClientOptions): Promise<PacketReport> {
    return this.#remember(portablePacketClient(addr, config, this.#within(options)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new TineError("flows-closed", "the flows were closed"));
    await Promise.allSettled(this.#open);
  }

  /** All ends with these flows. */
  #within<Options extends FlowOptions>(options: Options): Options {
    if (!this.#told) {
      this.#told = true;
      options.events.log(`Deno's own network API serves, which measures less than raw sockets: ${this.#reason}`);
    }
    return { ...options, signal: AbortSignal.any([options.signal, this.#closing.signal]) };
  }

  #remember<T>(promise: Promise<T>): Promise<T> {
    const settled: Promise<unknown> = promise.then(() => {}, () => {}).then(() => this.#open.delete(settled));
    this.#open.add(settled);
    return promise;
  }
}
