import type { SocketAddress } from "../../sys/address.ts";
import { TineError } from "../../base/errors.ts";
import type { PacketClientConfig, PacketServerConfig } from "../config.ts";
import type { PacketPort, PacketPorts } from "../packet/packet_port.ts";
import { networkError } from "./network_error.ts";
import { DatagramPort } from "./datagram_port.ts";
import type { PacketHost } from "./packet_host.ts";

/** What Deno's network API cannot do. */
const needsRawSockets = ["dscp", "ecn", "sockopt"] as const;

/** Ports that are datagram sockets of Deno's own network API. */
export class DatagramPorts implements PacketPorts {
  readonly kind = "portable";
  readonly #host: PacketHost;

  constructor(host: PacketHost) {
    this.#host = host;
  }

  /** @throws {TineError} `ffi-unavailable`, for what Deno's API cannot do */
  connect(address: SocketAddress, config: PacketClientConfig, maxBytes: number): PacketPort {
    const wanted: string[] = needsRawSockets.filter((key) => config[key] !== undefined);
    if (config.sender.some(({ unresponsive }) => unresponsive?.gso)) wanted.push("gso");
    if (wanted.length > 0) {
      throw new TineError(
        "ffi-unavailable",
        `${wanted.join(" and ")} cannot be set: raw sockets are not to be had here, only Deno's own network API`,
      );
    }
    // Replies from this machine need no door to others.
    const any = address.family === "ipv4" ? "0.0.0.0" : "::";
    const hostname = !address.isLoopback ? any : address.family === "ipv4" ? "127.0.0.1" : "::1";
    return new DatagramPort(open(hostname, 0), this.#host, maxBytes, address);
  }

  listen(address: SocketAddress, _config: PacketServerConfig, maxBytes: number): PacketPort {
    return new DatagramPort(open(address.host, address.port), this.#host, maxBytes);
  }
}

function open(hostname: string, port: number): Deno.DatagramConn {
  try {
    return Deno.listenDatagram({ transport: "udp", hostname, port });
  } catch (error) {
    throw networkError(error, `bind to ${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`);
  }
}
