import { availability } from "../sys/libc.ts";
import type { FlowOptions, Flows, FlowServer, PacketClientOptions } from "./flows.ts";
import { type FlowReport, type PacketReport, reportOf, type StreamReport } from "./report.ts";
import { PortableFlows } from "./portable/portable_flows.ts";
import type { Family } from "../base/ip_address.ts";
import type { SocketAddress } from "../sys/address.ts";
import { resolve } from "../sys/resolve.ts";
import type {
  PacketClientConfig,
  PacketProtocol,
  PacketServerConfig,
  StreamClientConfig,
  StreamProtocol,
  StreamServerConfig,
} from "./config.ts";
import { FlowPool, PoolWorker } from "./engine/flow_pool.ts";
import type { WarmUpName } from "./flow_worker.ts";
import { parseDialAddress, parseHostPort } from "../base/address.ts";

/**
 * Makes traffic: over raw sockets in workers where Linux system calls can be made, which is faster and measures more,
 * else over Deno's own network API. The kind of the result says which, and so do the info events of its flows. A pool
 * of workers starts with it; dispose of it when there is no more traffic.
 *
 * @example
 * ```ts
 * import { createFlows } from "./create_flows.ts";
 * const events = { info() {}, records() {}, progress() {}, log: console.error };
 * const { signal } = new AbortController();
 * await using flows = createFlows();
 * await using server = await flows.streamServer({ listenAddr: ":0" }, { events, signal });
 * const upload = { flow: "bulk", duration: 1000 };
 * const result = await flows.streamClient(server.address, { upload }, { events, signal });
 * console.log(result.goodputBitsPerSecond);
 * ```
 */
export function createFlows(): Flows {
  const ffi = availability();
  return ffi.available ? new FfiFlows() : new PortableFlows(ffi.reason);
}

/** So many addresses of a name are tried. */
const MAX_ADDRESSES = 8;

/** The code of workers. */
export const flowWorker = new URL("./flow_worker.ts", import.meta.url);

const packets: WarmUpName = "packets";

/** Traffic over raw sockets in workers. */
export class FfiFlows implements Flows {
  readonly kind = "ffi";
  readonly #pool = new FlowPool((...args) => new PoolWorker(flowWorker, ...args));

  streamServer(config: StreamServerConfig, options: FlowOptions): Promise<FlowServer> {
    return this.#serve("streamServer", config, options);
  }

  streamClient(addr: string, config: StreamClientConfig, options: FlowOptions): Promise<StreamReport> {
    return this.#run("stream", "streamClient", addr, config, options);
  }

  packetServer(config: PacketServerConfig, options: FlowOptions): Promise<FlowServer> {
    this.#pool.warmUp(packets);
    return this.#serve("packetServer", config, options);
  }

  packetClient(addr: string, config: PacketClientConfig, options: PacketClientOptions): Promise<PacketReport> {
    this.#pool.warmUp(packets);
    return this.#run("packets", "packetClient", addr, config, options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#pool[Symbol.asyncDispose]();
  }

  async #serve(
    kind: string,
    config: StreamServerConfig | PacketServerConfig,
    { events, signal, key }: FlowOptions,
  ): Promise<FlowServer> {
    const { hostname, port } = parseHostPort(config.listenAddr);
    const family = familyOf(config.protocol);
    // Without a host, only this machine reaches the server.
    const loopback = family === "ipv6" ? "::1" : "127.0.0.1";
    const [address] = await resolve(hostname || loopback, port, { family, signal });
    const flow = this.#pool.start({ kind, addresses: [address.toString()], config, key }, { events, signal });
    const bound = await flow.listening;
    const ended = flow.ended.then(() => {}, (error) => {
      if (!flow.canceled) throw error;
    });
    // It is not unhandled only because nobody has asked yet.
    ended.catch(() => {});
    return {
      address: bound,
      ended,
      async [Symbol.asyncDispose]() {
        flow.cancel();
        await flow.ended.catch(() => {}); // What it failed with is told by `ended`.
      },
    };
  }

  async #run<K extends FlowReport["kind"]>(
    reported: K,
    kind: string,
    addr: string,
    config: StreamClientConfig | PacketClientConfig,
    { events, signal, key, sendAfter }: PacketClientOptions,
  ): Promise<Extract<FlowReport, { kind: K }>> {
    const { hostname, port } = parseDialAddress(addr);
    const found = await resolve(hostname, port, { family: familyOf(config.protocol), signal });
    const addresses = found.slice(0, MAX_ADDRESSES).map((address: SocketAddress) => address.toString());
    const request = { kind, addresses, config, key, held: sendAfter !== undefined };
    const flow = this.#pool.start(request, { events, signal });
    void sendAfter?.then(() => flow.release());
    return reportOf(reported, await flow.ended);
  }
}

function familyOf(protocol: StreamProtocol | PacketProtocol | undefined): Family | undefined {
  if (protocol?.endsWith("4")) return "ipv4";
  return protocol?.endsWith("6") ? "ipv6" : undefined;
}
