import type { PacketClientConfig, PacketServerConfig } from "../../../src/flow/config.ts";
import { ServerAccount } from "../../../src/flow/server_account.ts";
import type { PacketPayload } from "../../../src/flow/payload.ts";
import type { EngineFlow, EngineFlowFactory } from "../../../src/flow/engine/engine_flow.ts";
import type { FlowClock, OutgoingPackets, PacketPort, PacketPorts } from "../../../src/flow/packet/packet_port.ts";
import { groupReceiverFlow } from "../../../src/flow/multicast/group_receiver_flow.ts";
import { groupSenderFlow } from "../../../src/flow/multicast/group_sender_flow.ts";
import { packetClientFlow } from "../../../src/flow/packet/packet_client_flow.ts";
import { packetServerFlow } from "../../../src/flow/packet/packet_server_flow.ts";
import { stampReflectorFlow } from "../../../src/flow/stamp/reflector.ts";
import { stampSenderFlow } from "../../../src/flow/stamp/sender.ts";
import { type PacketExit, PacketInbox, PacketOutbox } from "../../../src/flow/portable/datagram_port.ts";
import { SockAddr } from "../../../src/sys/address.ts";
import { SystemError } from "../../../src/sys/errno.ts";
import { READABLE, WRITABLE } from "../../../src/sys/poller.ts";
import { FakeHost } from "../stream/fake_host.ts";

const EMSGSIZE = 90;

type ServerLimits = Pick<PacketServerConfig, "maxRate" | "maxDuration" | "maxFlows">;

/** A packet on its way. */
export interface Datagram {
  readonly from: SockAddr;
  readonly to: SockAddr;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** A network in which packets move when they are told to, and time passes when it is told to. */
export class FakeNetwork implements PacketPorts {
  readonly kind = "portable";
  readonly host = new FakeHost();
  /** What ports sent, and what has not been taken yet. */
  readonly wire: Datagram[] = [];
  readonly ports: FakePort[] = [];
  /** Of its server. */
  readonly account = new ServerAccount();
  readonly #flows: EngineFlow[] = [];
  #nextPort = 1000;

  /** Starts a server at 192.0.2.1:7001. */
  serve(maxPacketSize?: number, key?: Uint8Array, limits: ServerLimits = {}): FakePort {
    const factory = packetServerFlow(() => this) as EngineFlowFactory;
    return this.#start(factory, ["192.0.2.1:7001"], { listenAddr: "192.0.2.1:7001", maxPacketSize, ...limits }, key);
  }

  /** Starts a reflector of STAMP at 192.0.2.1:862. */
  reflect(stamp: PacketServerConfig["stamp"] = {}, key?: Uint8Array): FakePort {
    const factory = stampReflectorFlow(() => this) as EngineFlowFactory;
    return this.#start(factory, ["192.0.2.1:862"], { listenAddr: "192.0.2.1:862", stamp }, key);
  }

  /** Starts a session-sender to that reflector, which may have other addresses before. */
  dialReflector(config: PacketClientConfig, key?: Uint8Array, before: readonly string[] = []): FakePort {
    return this.#start(stampSenderFlow(() => this) as EngineFlowFactory, [...before, "192.0.2.1:862"], config, key);
  }

  /** Starts a client of the server, which may have other addresses before. */
  dial(config: PacketClientConfig, key?: Uint8Array, before: readonly string[] = []): FakePort {
    return this.#start(packetClientFlow(() => this) as EngineFlowFactory, [...before, "192.0.2.1:7001"], config, key);
  }

  /** Starts a receiver of 239.1.2.3:7001. */
  join(key?: Uint8Array): FakePort {
    const factory = groupReceiverFlow(() => this) as EngineFlowFactory;
    return this.#start(factory, ["239.1.2.3:7001"], { join: "239.1.2.3:7001" }, key);
  }

  /** Starts a client that sends to that group. */
  dialGroup(config: PacketClientConfig, key?: Uint8Array): FakePort {
    return this.#start(groupSenderFlow(() => this) as EngineFlowFactory, ["239.1.2.3:7001"], config, key);
  }

  connect(address: SockAddr): FakePort {
    return this.#port(SockAddr.of("192.0.2.2", this.#nextPort++), address);
  }

  listen(address: SockAddr): FakePort {
    return this.#port(address.port === 0 ? address.withPort(this.#nextPort++) : address);
  }

  /** Delivers what is on the wire, and what comes of that, at once. */
  deliver(keep: (datagram: Datagram) => boolean = () => true): void {
    for (let i = 0; this.wire.length > 0 && i < 10_000; i++) {
      const datagram = this.wire.shift()!;
      if (!keep(datagram)) continue;
      this.ports.find((port) => !port.closed && port.local.equals(datagram.to))?.receive(datagram);
    }
  }

  /** Lets time pass in steps, and delivers packets after each. */
  pass(nanos: number, step = 1e6): void {
    for (let passed = 0; passed < nanos; passed += step) {
      this.host.pass(Math.min(step, nanos - passed));
      this.deliver();
    }
  }

  /** Closes all flows, as the engine does at the end. */
  close(): void {
    for (const flow of this.#flows) flow.close();
  }

  #start(
    factory: EngineFlowFactory,
    addresses: readonly string[],
    config: unknown,
    key: Uint8Array | undefined,
  ): FakePort {
    const flow = factory(this.host, { kind: "", addresses, config, key, account: this.account.memory });
    this.#flows.push(flow);
    flow.start();
    return this.ports.at(-1)!;
  }

  #port(local: SockAddr, peer?: SockAddr): FakePort {
    const port = new FakePort(this, local, peer);
    this.ports.push(port);
    return port;
  }
}

/** A port of that network. */
export class FakePort implements PacketPort, PacketExit {
  readonly clock: FlowClock;
  readonly incoming = new PacketInbox(64, () => this.#throwRefusal());
  readonly longest = 65_507;
  interest = READABLE;
  closed = false;
  /** How many packets can be sent before there is no room. */
  room = Infinity;
  /** Longer packets cannot be sent. */
  mostBytes = Infinity;
  merging = false;
  #handler = () => {};

  constructor(readonly network: FakeNetwork, readonly local: SockAddr, readonly peer?: SockAddr) {
    const start = network.host.now();
    const now = () => network.host.now() - start;
    this.clock = { tinit: BigInt(start), now, checkWallClock: () => 0 };
  }

  #refusal: SystemError | undefined;

  #throwRefusal(): void {
    const refusal = this.#refusal;
    this.#refusal = undefined;
    if (refusal !== undefined) throw refusal;
  }

  pathMtu(): undefined {}

  watch(handler: () => void): void {
    this.#handler = () => {
      try {
        handler();
      } catch (error) {
        this.network.host.fail(error);
      }
    };
  }

  /** Takes a packet, or lets it wait. */
  receive({ from, bytes }: Datagram): void {
    if (this.peer === undefined || this.peer.equals(from)) this.incoming.put({ bytes, source: from });
    if (this.interest & READABLE) this.#handler();
  }

  /** What came back for a packet is the next thing that it receives. */
  refuse(error: SystemError): void {
    this.#refusal = error;
    this.#handler();
  }

  /** There is room again. */
  makeRoom(packets: number): void {
    this.room = packets;
    if (this.interest & WRITABLE) this.#handler();
  }

  /** How many packets wait. */
  get waiting(): number {
    return this.incoming.waiting;
  }

  outgoing(capacity: number, maxBytes: number, payload?: PacketPayload): OutgoingPackets {
    return new PacketOutbox(this, { capacity, maxBytes, payload });
  }

  mergeReceived(on: boolean): void {
    this.merging = on;
  }

  send(bytes: Uint8Array<ArrayBuffer>, to: SockAddr): void {
    if (bytes.length > this.mostBytes) throw new SystemError("send", EMSGSIZE);
    this.room--;
    this.network.wire.push({ from: this.local, to, bytes });
  }

  [Symbol.dispose](): void {
    this.closed = true;
  }
}
