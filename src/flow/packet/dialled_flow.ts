import { TineError } from "../../base/errors.ts";
import { SockAddr } from "../../sys/address.ts";
import { SystemError } from "../../sys/errno.ts";
import type { PacketClientConfig } from "../config.ts";
import type { EngineFlow, FlowHost, FlowRequest, Timer } from "../engine/engine_flow.ts";
import type { FlowName } from "./header.ts";
import type { OpeningState } from "./opening.ts";
import type { IncomingPackets, PacketPort, PacketPorts } from "./packet_port.ts";
import { PortReader, type PortUser } from "./port_reader.ts";

/** How the flows of a protocol are opened. */
export interface Dialling {
  readonly flow: FlowName;
  /** What answers: `server`. */
  readonly peer: string;
  /** The error where nothing listens: `no server listens for UDP flows`. */
  readonly refused: string;
  /** The longest packet that it sends, in bytes. */
  readonly longest: number;
  /** The longest packet that it sends or receives, in bytes. */
  readonly room: number;
  /** Begins at an address; nothing is sent yet. */
  begin(address: SockAddr, port: PacketPort): Handshake;
}

/** What opens a flow at one address. */
export interface Handshake {
  /**
   * Sends the packet that is due, or sends it again.
   *
   * @returns how long its answer is waited for, in nanoseconds
   * @throws {TineError} `no-answer` and others: it was sent often enough
   * @throws {SystemError} also for an ICMP error about an earlier packet
   */
  send(): number;
  /**
   * Takes a message.
   *
   * @throws {TineError} `packet-flow-refused`
   */
  take(incoming: IncomingPackets, i: number): OpeningState;
  /**
   * Makes the run of the flow that is open now.
   *
   * @param onPumped is called after packets were sent, or could not be for lack of room
   */
  open(onPumped: () => void): DialledRun;
}

/** A flow that is open, from its client's side. */
export interface DialledRun {
  /** Whether somebody waits for what comes: see {@linkcode PortUser.prompt}. */
  readonly prompt: boolean;
  /** Whether there is no room to send what is due. */
  readonly blocked: boolean;
  /** Starts to receive, and to report. */
  start(): void;
  /** Starts to send. */
  send(): void;
  /** Sends what is due. */
  pump(): void;
  /** Sends no more. */
  finish(): void;
  /** Reports for the last time. */
  close(): void;
  /** Takes the messages [from, to). */
  takeAll(incoming: IncomingPackets, from: number, to: number): void;
  /** Takes an ICMP error about packets that were sent. */
  onRefused(error: SystemError): void;
}

/** A client of a protocol: opens its flow at the first of the peer's addresses where that works, and runs it. */
export class DialledFlow implements EngineFlow, PortUser {
  readonly #host: FlowHost;
  readonly #request: FlowRequest<PacketClientConfig>;
  readonly #ports: PacketPorts;
  readonly #dialling: Dialling;
  #next = 0;
  #attempt: Attempt | undefined;
  #run: DialledRun | undefined;
  #held: boolean;
  /** Whether to stop sending as soon as it has begun. */
  #finishing = false;

  constructor(host: FlowHost, request: FlowRequest<PacketClientConfig>, ports: PacketPorts, dialling: Dialling) {
    this.#host = host;
    this.#request = request;
    this.#ports = ports;
    this.#dialling = dialling;
    this.#held = request.held ?? false;
  }

  start(): void {
    this.#tryNext();
  }

  release(): void {
    this.#held = false;
    this.#run?.send();
  }

  finish(): void {
    this.#finishing = true;
    this.#run?.finish();
  }

  close(): void {
    this.#run?.close();
    this.#attempt?.port[Symbol.dispose]();
  }

  /** @param error why the address before failed */
  #tryNext(error?: unknown): void {
    const { addresses } = this.#request, { flow, peer } = this.#dialling;
    for (;;) {
      this.#attempt?.timer.clear();
      this.#attempt?.port[Symbol.dispose]();
      this.#attempt = undefined;
      if (this.#next >= addresses.length) {
        throw error ?? new TineError("no-address", `flow ${flow.text} has no address of a ${peer}`);
      }
      try {
        this.#attempt = this.#connect(SockAddr.parse(addresses[this.#next++]));
        return this.#send();
      } catch (cause) {
        if (!(cause instanceof SystemError)) throw cause;
        error = cause;
      }
    }
  }

  #connect(address: SockAddr): Attempt {
    const { longest, room } = this.#dialling;
    const port = this.#ports.connect(address, this.#request.config, room);
    try {
      checkPath(port, longest, address);
      const handshake = this.#dialling.begin(address, port);
      const reader = new PortReader(this.#host, port, this);
      return { address, port, handshake, reader, timer: this.#host.timer(() => this.#retry()) };
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
    const { handshake, timer } = this.#attempt!;
    const pauseNanos = handshake.send();
    timer.set(this.#host.now() + pauseNanos);
  }

  get canTake(): boolean {
    return true;
  }

  /** Round trips are measured while it opens; later the kernel stamps packets as they arrive. */
  get prompt(): boolean {
    return this.#run?.prompt ?? true;
  }

  get wantsRoom(): boolean {
    return this.#run?.blocked ?? false;
  }

  onRoom(): void {
    this.#run?.pump();
  }

  onError(error: unknown): void {
    if (!(error instanceof SystemError)) throw error;
    if (this.#run === undefined) this.#giveUp(error);
    else this.#run.onRefused(error);
  }

  takeAll(count: number): void {
    const { incoming } = this.#attempt!.port;
    let i = 0;
    // What came right behind the answer that opened the flow is for its run.
    for (; i < count && this.#run === undefined; i++) {
      try {
        this.#take(incoming, i);
      } catch (error) {
        return this.#giveUp(error);
      }
    }
    this.#run?.takeAll(incoming, i, count);
  }

  #take(incoming: IncomingPackets, i: number): void {
    const { handshake, timer, reader } = this.#attempt!;
    const state = handshake.take(incoming, i);
    if (state === "next") this.#send();
    if (state !== "open") return;
    timer.clear();
    this.#run = handshake.open(() => reader.update());
    this.#run.start();
    if (!this.#held) this.#run.send();
    if (this.#finishing) this.#run.finish();
  }

  /** Tries the next address; fails if that was the last one. */
  #giveUp(cause: unknown): void {
    const { refused: nothingListens } = this.#dialling, { address } = this.#attempt!;
    const refused = cause instanceof SystemError && cause.errnoName === "ECONNREFUSED";
    this.#tryNext(
      refused
        ? new TineError("connection-refused", `${nothingListens} at ${address} (${cause.errnoName})`, { cause })
        : cause,
    );
  }
}

/** Where a flow is being opened. */
interface Attempt {
  readonly address: SockAddr;
  readonly port: PacketPort;
  readonly handshake: Handshake;
  readonly reader: PortReader;
  readonly timer: Timer;
}

/**
 * Checks that the path takes the packets of a flow.
 *
 * @throws {TineError} `packet-too-long`
 */
function checkPath(port: PacketPort, longest: number, address: SockAddr): void {
  if (longest <= port.longest) return;
  throw new TineError(
    "packet-too-long",
    `packets of ${longest} bytes are too long for the path to ${address}, which takes ${port.longest} uncut (EMSGSIZE): ` +
      "use a shorter length, or allow fragments",
  );
}
