import { SockAddr } from "../sys/address.ts";
import { bindTogether } from "../sys/reuse_port.ts";
import type { Socket } from "../sys/socket.ts";
import type { PacketServerConfig, StreamServerConfig } from "./config.ts";
import type { FlowRequest, ServerShare } from "./engine/engine_flow.ts";
import type { FlowPool, PooledFlow } from "./engine/flow_pool.ts";
import type { FlowOptions } from "./flows.ts";
import { steer } from "./packet/steering.ts";
import { listeningSocket } from "./stream/socket_stream_port.ts";

/** A server, as the main side sees it. */
export type ServerFlow = Pick<PooledFlow, "listening" | "ended" | "canceled" | "cancel">;

/**
 * Serves one address with several workers. Packets of a UDP flow all come to one of them; connections of TCP are taken
 * from one socket.
 *
 * @param request as for one worker
 * @param workers how many
 * @throws {SystemError} if the address cannot be bound
 */
export function startSharedServer(
  pool: FlowPool,
  request: FlowRequest<StreamServerConfig | PacketServerConfig>,
  workers: number,
  options: Pick<FlowOptions, "events" | "signal">,
): ServerFlow {
  const { sockets, memory, address } = open(request, workers, options.events.log);
  const close = () => {
    for (const socket of sockets) socket.close();
  };
  const secret = crypto.getRandomValues(new Uint8Array(32));
  const parts: PooledFlow[] = [];
  try {
    for (let worker = 0; worker < workers; worker++) {
      const { fd } = sockets[worker % sockets.length];
      const share: ServerShare = { worker, workers, fd, secret, memory };
      parts.push(pool.startAlone({ ...request, addresses: [address], share }, options));
    }
  } catch (error) {
    for (const part of parts) part.cancel();
    close();
    throw error;
  }
  return new SharedServer(parts, close);
}

/** The parts of a server: if one fails, all of them end. */
class SharedServer implements ServerFlow {
  readonly listening: Promise<string>;
  readonly ended: Promise<undefined>;
  readonly #parts: readonly PooledFlow[];

  constructor(parts: readonly PooledFlow[], close: () => void) {
    this.#parts = parts;
    this.listening = Promise.all(parts.map(({ listening }) => listening)).then(([first]) => first);
    this.listening.catch(() => {}); // It is awaited late, or never.
    this.ended = this.#end(close);
    this.ended.catch(() => {});
  }

  get canceled(): boolean {
    return this.#parts.every(({ canceled }) => canceled);
  }

  cancel(): void {
    for (const part of this.#parts) part.cancel();
  }

  async #end(close: () => void): Promise<undefined> {
    const parts = this.#parts.map(({ ended }) => ended);
    try {
      await Promise.all(parts);
    } catch (error) {
      this.cancel();
      throw error;
    } finally {
      await Promise.allSettled(parts);
      close();
    }
  }
}

interface Opened {
  /** One for each worker, or one for all. */
  readonly sockets: readonly Socket[];
  readonly memory: SharedArrayBuffer | undefined;
  /** With the port that the kernel has chosen, if it did. */
  readonly address: string;
}

function open(
  { kind, addresses, config }: FlowRequest<StreamServerConfig | PacketServerConfig>,
  workers: number,
  log: (text: string) => void,
): Opened {
  const wanted = SockAddr.parse(addresses[0]);
  if (kind === "streamServer") {
    const { protocol } = config as StreamServerConfig;
    const socket = listeningSocket(wanted, protocol);
    const memory = new SharedArrayBuffer(4 * (workers + 1));
    return { sockets: [socket], memory, address: socket.localAddress().toString() };
  }
  const sockets = bindTogether("udp", wanted, workers, config.protocol === "udp6");
  const memory = steer(sockets);
  if (memory === undefined) {
    log("the kernel chooses the worker of a flow by its addresses and ports: a program that balances them is refused");
  }
  return { sockets, memory, address: sockets[0].localAddress().toString() };
}
