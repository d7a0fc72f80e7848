import { type PacketReport, reportOf } from "../report.ts";
import { type Family, ipFamily } from "../../base/ip_address.ts";
import { SocketAddress } from "../../sys/address.ts";
import { messageOf, TineError } from "../../base/errors.ts";
import type { PacketClientConfig, PacketProtocol, PacketServerConfig } from "../config.ts";
import type { EngineFlowFactory } from "../engine/engine_flow.ts";
import type { FlowOptions, FlowServer, PacketClientOptions } from "../flows.ts";
import { parseDialAddress, parseHostPort } from "../../base/address.ts";
import { packetClientFlow } from "../packet/packet_client_flow.ts";
import { packetServerFlow } from "../packet/packet_server_flow.ts";
import { PacketHost } from "./packet_host.ts";
import { DatagramPorts } from "./datagram_port.ts";

/** Listens for UDP flows over Deno's own network API; see Flows. */
export async function portablePacketServer(config: PacketServerConfig, options: FlowOptions): Promise<FlowServer> {
  const { hostname, port } = parseHostPort(config.listenAddr);
  // Without a host, only this machine reaches the server.
  const [address] = await addressesOf(
    hostname || (config.protocol === "udp6" ? "::1" : "127.0.0.1"),
    port,
    config.protocol,
  );
  const host = new PacketHost(options);
  const factory = packetServerFlow(() => new DatagramPorts(host)) as EngineFlowFactory;
  host.begin(factory, { kind: "packetServer", addresses: [address], config, key: options.key });
  const bound = await host.address;
  const ended = host.ended.then(() => {}, (error) => {
    if (!options.signal.aborted) throw error; // To be canceled is the usual end of a server.
  });
  // It is not unhandled only because nobody has asked yet.
  ended.catch(() => {});
  return { address: bound, ended, [Symbol.asyncDispose]: () => host[Symbol.asyncDispose]() };
}

/** Runs a UDP flow to its end over Deno's own network API; see Flows. */
export async function portablePacketClient(
  addr: string,
  config: PacketClientConfig,
  options: PacketClientOptions,
): Promise<PacketReport> {
  const { hostname, port } = parseDialAddress(addr);
  const addresses = await addressesOf(hostname, port, config.protocol);
  const host = new PacketHost(options);
  const factory = packetClientFlow(() => new DatagramPorts(host)) as EngineFlowFactory;
  const { key, sendAfter } = options;
  host.begin(factory, { kind: "packetClient", addresses, config, key, held: sendAfter !== undefined });
  void sendAfter?.then(() => host.release());
  return reportOf("packets", await host.ended);
}

async function addressesOf(host: string, port: number, protocol: PacketProtocol = "udp"): Promise<string[]> {
  const family = protocol === "udp4" ? "ipv4" : protocol === "udp6" ? "ipv6" : undefined;
  const hosts = ipFamily(host) !== undefined ? [host] : await lookUp(host, family);
  return hosts.map((ip) => {
    const address = SocketAddress.of(ip, port);
    if (family === undefined || address.family === family) return address.toString();
    throw new TineError("invalid-address", `${ip} is not an ${family === "ipv4" ? "IPv4" : "IPv6"} address`);
  });
}

/** Asks the system, as Deno's own function asks name servers only, and datagrams want an address. */
async function lookUp(host: string, family: Family | undefined): Promise<string[]> {
  const { lookup } = await import("node:dns/promises");
  try {
    const found = await lookup(host, { all: true, family: family === undefined ? 0 : family === "ipv4" ? 4 : 6 });
    return found.map(({ address }) => address);
  } catch (error) {
    throw new TineError("unresolved-host", `the name ${host} has no address: ${messageOf(error)}`, { cause: error });
  }
}
