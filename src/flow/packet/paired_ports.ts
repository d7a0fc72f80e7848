import { SocketAddress } from "../../sys/address.ts";
import type { Socket } from "../../sys/socket.ts";
import { receiveDrops, receiveTimestamps } from "../../sys/socket_options.ts";
import type { FlowHost } from "../engine/engine_flow.ts";
import { MAX_PACKET_BYTES } from "./header.ts";
import type { PacketPorts } from "./packet_port.ts";
import { SocketPort } from "./socket_port.ts";

/** Where both ends seem to be. */
export const NOWHERE = SocketAddress.loopback("ipv4", 1);

/** The port of one end of Socket.packetPair(), whether it is to connect or to listen: the other end is all there is. */
export class PairedPorts implements PacketPorts {
  readonly kind = "ffi";
  readonly #host: FlowHost;
  readonly #socket: Socket;

  constructor(host: FlowHost, socket: Socket) {
    this.#host = host;
    this.#socket = socket;
  }

  connect(_address: unknown, _config: unknown, maxBytes: number): SocketPort {
    this.#socket.set(receiveTimestamps, true);
    this.#socket.set(receiveDrops, true);
    const port = new PairedPort(this.#socket, this.#host, maxBytes, NOWHERE);
    port.presumeSource(NOWHERE);
    return port;
  }

  listen(address: unknown, config: unknown, maxBytes: number): SocketPort {
    return this.connect(address, config, maxBytes);
  }
}

class PairedPort extends SocketPort {
  override get longest(): number {
    return MAX_PACKET_BYTES;
  }
}
