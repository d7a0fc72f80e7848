import { MAX_PACKET_BYTES } from "../../base/limits.ts";
import { Socket } from "../../sys/socket.ts";
import type { PacketClientConfig, PacketServerConfig } from "../config.ts";
import type { WarmUp, WarmUpRound } from "../engine/warm_up.ts";
import { packetClientFlow } from "./packet_client_flow.ts";
import { packetServerFlow } from "./packet_server_flow.ts";
import { SockAddr } from "../../sys/address.ts";
import { receiveDrops, receiveTimestamps } from "../../sys/socket_options.ts";
import type { FlowHost } from "../engine/engine_flow.ts";
import type { PacketPorts } from "./packet_port.ts";
import { SocketPort } from "./socket_port.ts";

const ROUND_MS = 30;
/** Between packets on schedule: there is no time to sleep, but some to receive. */
const BUSY_MS = 0.02;
/** Of packets with more than a header. */
const LENGTH = 1200;

/**
 * Packets there and back, on schedule and as fast as possible, not signed and signed, between two sockets that no
 * network is behind. Without it the first packets of a measurement would be late by milliseconds, and thousands lost,
 * while the code is interpreted.
 */
export const packetWarmUp: WarmUp = {
  roundNanos: ROUND_MS * 1e6,
  rounds: [() => round(), () => round(new Uint8Array(32))],
};

function round(key?: Uint8Array): WarmUpRound {
  const [atServer, atClient] = Socket.packetPair();
  const address = NOWHERE.toString(), addresses = [address];
  const server: PacketServerConfig = { listenAddr: address };
  const client: PacketClientConfig = { addr: address, flow: "warm-up", sender: senders };
  return {
    flows: [
      {
        factory: packetServerFlow((host) => new PairedPorts(host, atServer)),
        request: { kind: "packetServer", addresses, config: server, key },
      },
      {
        factory: packetClientFlow((host) => new PairedPorts(host, atClient)),
        request: { kind: "packetClient", addresses, config: client, key },
      },
    ],
    [Symbol.dispose]() {
      atServer.close();
      atClient.close();
    },
  };
}

const onSchedule = { wait: [BUSY_MS], duration: ROUND_MS };

const senders: PacketClientConfig["sender"] = [
  { unresponsive: { ...onSchedule, echo: true } },
  { unresponsive: { ...onSchedule, reverse: true, length: [LENGTH] } },
  { unresponsive: { rate: "max", duration: ROUND_MS / 2 } },
];

/** Where both ends seem to be. */
export const NOWHERE = SockAddr.loopback("ipv4", 1);

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
