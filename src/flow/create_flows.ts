import { availability } from "../sys/libc.ts";
import type { FlowOptions, Flows, FlowServer, PacketClientOptions, ServerOptions } from "./flows.ts";
import { type FlowReport, type PacketReport, reportOf, type StreamReport, type TransactionReport } from "./report.ts";
import type { FlowKinds, FlowRequest } from "./engine/engine_flow.ts";
import { ConnectionPorts } from "./portable/connection_port.ts";
import { DatagramPorts } from "./portable/datagram_port.ts";
import { type EventLoop, PortableThread, refuseSettings } from "./portable/portable_host.ts";
import { groupReceiverFlow } from "./multicast/group_receiver_flow.ts";
import { groupSenderFlow } from "./multicast/group_sender_flow.ts";
import { joinedAddress, parseJoin } from "./multicast/join.ts";
import { packetClientFlow } from "./packet/packet_client_flow.ts";
import { packetServerFlow } from "./packet/packet_server_flow.ts";
import { stampReflectorFlow } from "./stamp/reflector.ts";
import { stampSenderFlow } from "./stamp/sender.ts";
import { streamClientFlow } from "./stream/stream_client_flow.ts";
import { streamServerFlow } from "./stream/stream_server_flow.ts";
import { streamTransactionsFlow } from "./transaction/stream_client.ts";
import { type Family, ipFamily, isGroup, parseDialAddress, parseHostPort } from "../base/address.ts";
import { SockAddr } from "../sys/address.ts";
import { resolve, type ResolveOptions } from "../sys/resolve.ts";
import type {
  PacketClientConfig,
  PacketProtocol,
  PacketServerConfig,
  StreamClientConfig,
  StreamProtocol,
  StreamServerConfig,
} from "./config.ts";
import { parseBind } from "./bind.ts";
import { ServerAccount } from "./server_account.ts";
import { readPayload } from "./payload.ts";
import { type ServerFlow, startSharedServer } from "./shared_server.ts";
import type { Placement } from "../sys/placement.ts";
import { FlowPool, PlacedPools, PoolWorker } from "./engine/flow_pool.ts";
import type { WarmUpName } from "./flow_worker.ts";
import { messageOf, TineError } from "../base/errors.ts";

/**
 * Makes traffic: over raw sockets in workers where Linux system calls can be made, which is faster and measures more,
 * else over Deno's own network API. The kind of the result, and the info events of its flows, name the way. A pool
 * of workers starts with it; dispose of it when there is no more traffic.
 *
 * @example
 * ```ts
 * import { createFlows } from "./create_flows.ts";
 * const events = { info() {}, progress() {}, log: console.error };
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
  return ffi.available ? ffiFlows() : portableFlows(ffi.reason);
}

/** The code of workers. */
export const flowWorker = new URL("./flow_worker.ts", import.meta.url);

/** Makes traffic over raw sockets in workers. */
export function ffiFlows(): Flows {
  const packets: WarmUpName = "packets";
  const pools = new PlacedPools((...args) => new PoolWorker(flowWorker, ...args));
  return new PoolFlows({
    kind: "ffi",
    resolve,
    poolOf(kind, placement = {}) {
      const pool = pools.of(placement);
      if (kind !== "streamServer" && kind !== "streamClient" && kind !== "streamTransactions") pool.warmUp(packets);
      return pool;
    },
    [Symbol.asyncDispose]: () => pools[Symbol.asyncDispose](),
  });
}

/**
 * Makes traffic over Deno's own network API, in the thread that asks for it.
 *
 * @param reason why there are no raw sockets: a clause that fits behind a colon
 */
export function portableFlows(reason: string): Flows {
  const kinds = (loop: EventLoop): FlowKinds => ({
    streamServer: streamServerFlow(() => new ConnectionPorts(loop)),
    streamClient: streamClientFlow(() => new ConnectionPorts(loop)),
    streamTransactions: streamTransactionsFlow(() => new ConnectionPorts(loop)),
    packetServer: packetServerFlow((host) => new DatagramPorts(host)),
    packetClient: packetClientFlow((host) => new DatagramPorts(host)),
    stampReflector: stampReflectorFlow((host) => new DatagramPorts(host)),
    groupReceiver: groupReceiverFlow((host) => new DatagramPorts(host)),
    groupSender: groupSenderFlow((host) => new DatagramPorts(host)),
    stampSender: stampSenderFlow((host) => new DatagramPorts(host)),
  });
  let reported = false;
  const pool = new FlowPool((_name, onMessage) => new PortableThread(kinds, onMessage), 1);
  return new PoolFlows({
    kind: "portable",
    resolve: resolveByDeno,
    poolOf(_kind, placement, { events }) {
      refuseSettings(Object.keys(placement ?? {}));
      if (!reported) events.log(`Deno's own network API serves, which measures less than raw sockets: ${reason}`);
      reported = true;
      return pool;
    },
    [Symbol.asyncDispose]: () => pool[Symbol.asyncDispose](),
  });
}

/** The names of {@linkcode FlowKinds}. */
type Kind =
  | "streamServer"
  | "streamClient"
  | "streamTransactions"
  | "packetServer"
  | "packetClient"
  | "groupReceiver"
  | "groupSender"
  | "stampReflector"
  | "stampSender";

/** In what the ways to make traffic differ. */
interface FlowEngine {
  readonly kind: Flows["kind"];
  /** Finds the addresses of a host, best first. */
  resolve(host: string, port: number, options: ResolveOptions): Promise<SockAddr[]>;
  /**
   * Returns the pool for a flow or server.
   *
   * @throws {TineError} where it cannot be placed
   */
  poolOf(kind: Kind, placement: Placement | undefined, options: FlowOptions): FlowPool;
  [Symbol.asyncDispose](): Promise<void>;
}

/** The number of addresses of a name that are tried. */
const MAX_ADDRESSES = 8;

/** Flows of a pool. */
class PoolFlows implements Flows {
  readonly #engine: FlowEngine;

  constructor(engine: FlowEngine) {
    this.#engine = engine;
  }

  get kind(): Flows["kind"] {
    return this.#engine.kind;
  }

  streamServer(config: StreamServerConfig, options: ServerOptions): Promise<FlowServer> {
    return this.#serve("streamServer", config, options);
  }

  streamClient(addr: string, config: StreamClientConfig, options: FlowOptions): Promise<StreamReport> {
    return this.#run("stream", "streamClient", addr, config, options);
  }

  streamTransactions(addr: string, config: StreamClientConfig, options: FlowOptions): Promise<TransactionReport> {
    return this.#run("transactions", "streamTransactions", addr, config, options);
  }

  packetServer(config: PacketServerConfig, options: ServerOptions): Promise<FlowServer> {
    const kind = config.join !== undefined ? "groupReceiver" : config.stamp ? "stampReflector" : "packetServer";
    return this.#serve(kind, config, options);
  }

  packetClient(addr: string, config: PacketClientConfig, options: PacketClientOptions): Promise<PacketReport> {
    const isOfGroup = isGroup(parseHostPort(addr).hostname);
    const kind = isOfGroup ? "groupSender" : config.stamp === undefined ? "packetClient" : "stampSender";
    return this.#run("packets", kind, addr, config, options);
  }

  packetTransactions(
    addr: string,
    config: PacketClientConfig,
    options: PacketClientOptions,
  ): Promise<TransactionReport> {
    return this.#run("transactions", "packetClient", addr, config, options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#engine[Symbol.asyncDispose]();
  }

  async #serve(
    kind: Kind,
    config: StreamServerConfig | PacketServerConfig,
    options: ServerOptions,
  ): Promise<FlowServer> {
    const { events, signal, key, account } = options;
    const placement = placementOf(config);
    const pool = this.#engine.poolOf(kind, placement, options);
    const address = await this.#listenAddress(config, signal);
    const request = {
      kind,
      addresses: [address],
      config,
      key,
      account: (account ?? new ServerAccount()).memory,
      placement,
    };
    const flow = this.#startServer(pool, request, { events, signal });
    const bound = await flow.listening;
    const ended = flow.ended.then(() => {}, (error) => {
      if (!flow.canceled) throw error;
    });
    // It is not unhandled only because it was not awaited yet.
    ended.catch(() => {});
    return {
      address: bound,
      ended,
      async [Symbol.asyncDispose]() {
        flow.cancel();
        await flow.ended.catch(() => {}); // `ended` rejects with what it failed with.
      },
    };
  }

  #startServer(
    pool: FlowPool,
    request: FlowRequest<StreamServerConfig | PacketServerConfig>,
    options: Pick<FlowOptions, "events" | "signal">,
  ): ServerFlow {
    const { kind } = this.#engine, { workers = 1 } = request.config;
    if (workers > 1 && kind === "ffi") return startSharedServer(pool, request, workers, options);
    if (workers > 1) {
      options.events.log(`one worker serves, not ${workers}: Deno's own network API has all flows in one thread`);
    }
    return pool.start(request, options);
  }

  async #listenAddress(config: StreamServerConfig | PacketServerConfig, signal: AbortSignal): Promise<string> {
    if ("join" in config && config.join !== undefined) return joinedAddress(parseJoin(config.join));
    const { hostname, port } = parseHostPort(config.listenAddr!);
    const family = familyOf(config.protocol);
    // An address without a host means this machine alone.
    const loopback = family === "ipv6" ? "::1" : "127.0.0.1";
    const [address] = await this.#engine.resolve(hostname || loopback, port, { family, signal });
    return address.toString();
  }

  async #run<K extends FlowReport["kind"]>(
    reported: K,
    kind: Kind,
    addr: string,
    config: StreamClientConfig | PacketClientConfig,
    options: PacketClientOptions,
  ): Promise<Extract<FlowReport, { kind: K }>> {
    const { events, signal, key, sendAfter, finish } = options;
    const placement = placementOf(config);
    const pool = this.#engine.poolOf(kind, placement, options);
    const { hostname, port } = parseDialAddress(addr);
    const found = await this.#engine.resolve(hostname, port, { family: dialledFamily(config), signal });
    const addresses = found.slice(0, MAX_ADDRESSES).map((address) => address.toString());
    const file = await readPayload(payloadOf(config));
    const request = { kind, addresses, config, key, file, held: sendAfter !== undefined, placement };
    const flow = pool.start(request, { events, signal });
    void sendAfter?.then(() => flow.release());
    const onFinish = () => flow.finish();
    if (finish?.aborted) onFinish();
    finish?.addEventListener("abort", onFinish, { once: true });
    try {
      return reportOf(reported, await flow.ended);
    } finally {
      finish?.removeEventListener("abort", onFinish);
    }
  }
}

/** Returns where the thread of a flow or server is to run; undefined: wherever the system has it run. */
function placementOf({ cpu, priority }: Placement): Placement | undefined {
  if (cpu === undefined && priority === undefined) return undefined;
  return { ...cpu !== undefined && { cpu }, ...priority !== undefined && { priority } };
}

/** A name is dialled at addresses that the source address can reach. */
function dialledFamily({ protocol, bind }: StreamClientConfig | PacketClientConfig): Family | undefined {
  return familyOf(protocol) ?? (bind === undefined ? undefined : parseBind(bind).family);
}

function payloadOf(config: StreamClientConfig | PacketClientConfig): string | undefined {
  return "sender" in config ? config.payload : (config.upload ?? config.download)?.payload;
}

function familyOf(protocol: StreamProtocol | PacketProtocol | undefined): Family | undefined {
  if (protocol?.endsWith("4")) return "ipv4";
  return protocol?.endsWith("6") ? "ipv6" : undefined;
}

/** Resolves without system calls of our own. */
async function resolveByDeno(host: string, port: number, { family }: ResolveOptions): Promise<SockAddr[]> {
  const hosts = ipFamily(host) !== undefined ? [host] : await lookUp(host, family);
  return hosts.map((ip) => {
    const address = SockAddr.of(ip, port);
    if (family === undefined || address.family === family) return address;
    throw new TineError("invalid-address", `${ip} is not an ${family === "ipv4" ? "IPv4" : "IPv6"} address`);
  });
}

/** Asks the system: Deno's own function asks name servers only. */
async function lookUp(host: string, family: Family | undefined): Promise<string[]> {
  const { lookup } = await import("node:dns/promises");
  try {
    const found = await lookup(host, { all: true, family: family === undefined ? 0 : family === "ipv4" ? 4 : 6 });
    return found.map(({ address }) => address);
  } catch (error) {
    throw new TineError("unresolved-host", `the name ${host} has no address: ${messageOf(error)}`, { cause: error });
  }
}
