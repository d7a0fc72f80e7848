import { SocketAddress } from "../../sys/address.ts";
import { SystemError } from "../../sys/system_error.ts";
import { TineError } from "../../wire/errors.ts";
import type { PacketClientConfig } from "../config.ts";
import type { EngineFlow, EngineFlowFactory, FlowHost, FlowRequest } from "../engine/engine_flow.ts";
import { ClientOpening, OPEN_RETRY_NANOS } from "./client_opening.ts";
import { type ClientPlan, clientPlan } from "./client_plan.ts";
import { ClientRun } from "./client_run.ts";
import { ControlOutbox } from "./control_outbox.ts";
import { MAX_CONTROL_BYTES } from "./control_packet.ts";
import { FlowName } from "./flow_name.ts";
import { DEFAULT_MAX_PACKET_BYTES, flagsOf, isOfFlow, isPacket, OPEN, REPLY, SIGNED } from "./header.ts";
import type { Inbox, PacketPort, PacketPorts } from "./packet_port.ts";

/** Makes the flows of packetClient, over ports of a kind. */
export function packetClientFlow(ports: (host: FlowHost) => PacketPorts): EngineFlowFactory<PacketClientConfig> {
  return (host, request) => new PacketClientFlow(host, request, ports(host));
}

/** A client: opens its flow at the first of the server's addresses where that works, and runs it. */
class PacketClientFlow implements EngineFlow {
  readonly #host: FlowHost;
  readonly #request: FlowRequest<PacketClientConfig>;
  readonly #ports: PacketPorts;
  readonly #flow: FlowName;
  readonly #plan: ClientPlan;
  #next = 0;
  #attempt: Attempt | undefined;
  #run: ClientRun | undefined;

  constructor(host: FlowHost, request: FlowRequest<PacketClientConfig>, ports: PacketPorts) {
    this.#host = host;
    this.#request = request;
    this.#ports = ports;
    this.#flow = new FlowName(request.config.flow);
    this.#plan = clientPlan(request.config, request.key !== undefined);
  }

  start(): void {
    this.#tryNext();
  }

  close(): void {
    this.#run?.close();
    this.#attempt?.port[Symbol.dispose]();
  }

  /** @param error why the address before did not do */
  #tryNext(error?: unknown): void {
    const { addresses } = this.#request;
    this.#attempt?.timer.clear();
    this.#attempt?.port[Symbol.dispose]();
    this.#attempt = undefined;
    for (; this.#next < addresses.length; this.#next++) {
      try {
        this.#attempt = this.#connect(SocketAddress.parse(addresses[this.#next]));
        this.#next++;
        this.#send();
        return;
      } catch (cause) {
        if (!(cause instanceof SystemError)) throw cause;
        error = cause;
      }
    }
    throw error ?? new TineError("no-address", `flow ${this.#flow.text} has no address of a server`);
  }

  #connect(server: SocketAddress): Attempt {
    const { config, key } = this.#request;
    const { maxPacketSize = DEFAULT_MAX_PACKET_BYTES } = config;
    const room = Math.max(maxPacketSize, this.#plan.longest, MAX_CONTROL_BYTES);
    const port = this.#ports.connect(server, config, room);
    try {
      checkPath(port, this.#plan.longest, server);
      port.watch(() => this.#ready());
      return {
        server,
        port,
        control: new ControlOutbox(port),
        opening: new ClientOpening(this.#flow, this.#plan.settings, key, server.toString()),
        timer: this.#host.timer(() => this.#retry()),
      };
    } catch (error) {
      port[Symbol.dispose]();
      throw error;
    }
  }

  #retry(): void {
    try {
      this.#send();
    } catch (error) {
      this.#giveUp(error);
    }
  }

  #send(): void {
    const { opening, control, port, timer } = this.#attempt!;
    control.send(opening.packet(port.clock.now()));
    timer.set(this.#host.now() + OPEN_RETRY_NANOS);
  }

  #ready(): void {
    if (this.#run !== undefined) this.#run.ready();
    else {
      try {
        this.#receive(this.#attempt!.port.inbox);
      } catch (error) {
        this.#giveUp(error);
      }
    }
  }

  #receive(inbox: Inbox): void {
    const count = inbox.receive();
    for (let i = 0; i < count; i++) {
      this.#take(inbox.view(i), inbox.length(i));
      if (this.#run === undefined) continue;
      // What came right behind the answer that opened the flow.
      this.#run.takeAll(inbox, i + 1, count);
      return;
    }
  }

  #take(view: DataView, length: number): void {
    const { port, opening } = this.#attempt!;
    if (!isPacket(view, 0, length) || (flagsOf(view, 0) & ~SIGNED) !== (OPEN | REPLY)) return;
    if (!isOfFlow(view, 0, this.#flow)) return;
    const state = opening.receive(view, length, port.clock.now());
    if (state === "next") this.#send();
    if (state === "open") this.#open();
  }

  #open(): void {
    const { server, port, control, opening, timer } = this.#attempt!;
    timer.clear();
    const { config } = this.#request;
    this.#host.info({
      type: "packetInfo",
      flow: this.#flow.text,
      server: false,
      tinit: port.clock.tinit,
      values: {
        engine: this.#ports.kind,
        client: port.local.toString(),
        server: server.unmapped().toString(),
        senders: this.#plan.senders.length,
        dscp: config.dscp ?? 0,
        ecn: config.ecn ?? 0,
        signed: this.#request.key !== undefined,
      },
    });
    this.#run = new ClientRun({
      host: this.#host,
      port,
      control,
      server,
      flow: this.#flow,
      plan: this.#plan,
      hmac: opening.sessionHmac(),
      openRttNanos: opening.rttNanos,
    });
    this.#run.start();
  }

  /** Tries the next address; fails if that was the last one. */
  #giveUp(error: unknown): void {
    const { server } = this.#attempt!;
    const refused = error instanceof SystemError && error.errnoName === "ECONNREFUSED";
    this.#tryNext(
      refused
        ? new TineError("connection-refused", `nobody listens for UDP flows at ${server} (${error.errnoName})`, {
          cause: error,
        })
        : error,
    );
  }
}

/** Where a flow is being opened. */
interface Attempt {
  readonly server: SocketAddress;
  readonly port: PacketPort;
  readonly control: ControlOutbox;
  readonly opening: ClientOpening;
  readonly timer: { set(at: number): void; clear(): void };
}

function checkPath(port: PacketPort, longest: number, server: SocketAddress): void {
  if (longest <= port.longest) return;
  throw new TineError(
    "packet-too-long",
    `packets of ${longest} bytes are too long for the path to ${server}, which takes ${port.longest} uncut (EMSGSIZE)`,
  );
}
