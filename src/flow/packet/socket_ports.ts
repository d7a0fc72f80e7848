import type { SocketAddress } from "../../sys/address.ts";
import { receiveLocalAddress, receiveTrafficClass, setOversize, setTrafficClass } from "../../sys/ip_options.ts";
import { Socket } from "../../sys/socket.ts";
import { byteOption, intOption, textOption } from "../../sys/socket_option.ts";
import { receiveBufferBytes, receiveDrops, receiveTimestamps } from "../../sys/socket_options.ts";
import type { FlowHost } from "../engine/engine_flow.ts";
import type { PacketClientConfig, PacketServerConfig, SocketOption } from "../config.ts";
import type { PacketPort, PacketPorts } from "./packet_port.ts";
import { SocketPort } from "./socket_port.ts";

const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;

/** Ports that are raw sockets, watched by the loop of a worker. */
export class SocketPorts implements PacketPorts {
  readonly kind = "ffi";
  readonly #host: FlowHost;

  constructor(host: FlowHost) {
    this.#host = host;
  }

  connect(address: SocketAddress, config: PacketClientConfig, maxBytes: number): PacketPort {
    return this.#open(address, maxBytes, (socket) => {
      const { dscp = 0, ecn = 0, sockopt = [] } = config;
      if (dscp !== 0 || ecn !== 0) setTrafficClass(socket, dscp << 2 | ecn);
      for (const option of sockopt) setOption(socket, option);
      socket.connect(address);
    });
  }

  listen(address: SocketAddress, _config: PacketServerConfig, maxBytes: number): PacketPort {
    return this.#open(address, maxBytes, (socket) => {
      // Replies have to come from the address that was dialled.
      if (address.isWildcard) receiveLocalAddress(socket);
      socket.bind(address);
    });
  }

  #open(address: SocketAddress, maxBytes: number, prepare: (socket: Socket) => void): PacketPort {
    const socket = Socket.open("udp", address.family);
    try {
      socket.set(receiveTimestamps, true);
      socket.set(receiveDrops, true);
      receiveTrafficClass(socket);
      // What there is no room for is lost here and not in the network. The kernel gives as much of it as it allows.
      socket.set(receiveBufferBytes, RECEIVE_BUFFER_BYTES);
      // A packet that is cut is two packets, of which one is lost: lengths would not mean what they say.
      setOversize(socket, "refuse");
      prepare(socket);
      return new SocketPort(socket, this.#host, maxBytes, socket.localAddress().unmapped());
    } catch (error) {
      socket.close();
      throw error;
    }
  }
}

/** The client sets options of its own machine: whatever the kernel lets it. */
function setOption(socket: Socket, { type, level, opt, name, value }: SocketOption): void {
  if (type === "string") socket.set(textOption(level, opt, name), String(value));
  else socket.set((type === "int" ? intOption : byteOption)(level, opt, name), Number(value));
}
