import { packetPayload } from "../payload.ts";
import { messageOf } from "../../base/errors.ts";
import type { FlowHost, Timer } from "../engine/engine_flow.ts";
import { messagesAtATime, type OutgoingPackets, type PacketPort, replyEcn, uncut } from "./packet_port.ts";
import { SILENCE_NANOS } from "./control_exchange.ts";
import type { ServedFlow } from "./served_flow.ts";
import { Transmitter } from "./transmitter.ts";

/** Runs the senders that a flow has at its server, for as long as its client wants that. */
export class ReverseRun implements Disposable {
  /** Whose senders they are. */
  readonly flow: ServedFlow;
  readonly #port: PacketPort;
  readonly #outgoing: OutgoingPackets;
  readonly #transmitter: Transmitter;
  readonly #timer: Timer;
  readonly #host: FlowHost;
  readonly #onRun: () => void;
  #over = false;

  /**
   * @param i the received message that started the flow: packets go to where it came from
   * @param onRun called after packets were sent, or could not be for lack of room
   */
  constructor(flow: ServedFlow, host: FlowHost, port: PacketPort, i: number, onRun: () => void) {
    this.flow = flow;
    this.#port = port;
    this.#host = host;
    this.#onRun = onRun;
    const { senders } = flow;
    const bursts = senders.some(({ burst }) => burst > 1);
    const fast = senders.some(({ unpaced }) => unpaced);
    const longest = Math.max(...senders.map(({ burst, schedule }) => burst * schedule.longest));
    const payload = packetPayload(host.shared, { kind: flow.settings.payload ?? "zeros", longestBytes: longest });
    this.#outgoing = port.outgoing(messagesAtATime({ bursts, fast }), longest, payload);
    const { fragment = "forbid" } = flow.settings;
    this.#outgoing.setFragment(fragment);
    const ecn = replyEcn(flow.settings.ecn, port.incoming.trafficClass(i));
    for (let slot = 0; slot < this.#outgoing.capacity; slot++) this.#outgoing.reply(slot, port.incoming, i, ecn);
    this.#transmitter = new Transmitter(senders, this.#outgoing, {
      flow: flow.name,
      clock: port.clock,
      hmac: flow.hmac,
      probes: fragment === "probe",
      longest: () => uncut(port.pathMtu(flow.address), flow.address),
      onSent: (packets) => flow.samples.sent(packets),
      onError: (error) => flow.note(`packets cannot be sent: ${error.message}`),
    });
    this.#timer = host.timer(() => this.run(), { precise: true });
  }

  /** Whether the port has no room for what is due. */
  get blocked(): boolean {
    return !this.#over && this.#transmitter.blocked;
  }

  /** Starts as soon as what opens the flow is answered. */
  start(): void {
    const now = this.#port.clock.now();
    for (const sender of this.flow.senders) sender.start(now);
    this.#timer.set(this.#host.now());
  }

  /** Sends what is due. An error ends the senders of this flow alone. */
  run(): void {
    if (this.#over) return;
    let next = Infinity;
    try {
      next = this.#transmitter.run();
    } catch (error) {
      this.stop();
      this.flow.trouble = { text: messageOf(error), fatal: true };
      const { name, address } = this.flow;
      this.#host.log(`flow ${name.text}: the server sends no more to ${address.unmapped()}: ${messageOf(error)}`);
    }
    this.#onRun();
    if (next !== Infinity) this.#timer.set(this.#host.now() + next - this.#port.clock.now());
  }

  /**
   * Stops if the client is silent.
   *
   * @param attended the time that the server attended to its socket
   * @returns whether it was, and packets were left to send
   */
  checkSilence(attended: number): boolean {
    if (this.#over || this.#transmitter.over || attended - this.flow.lastReceived < SILENCE_NANOS) return false;
    this.stop();
    return true;
  }

  /** Whether all that was to be sent was sent, where that is a number of packets or bytes. */
  get spent(): boolean {
    return !this.#over && this.#transmitter.over && this.flow.senders.some(({ schedule }) => schedule.spent);
  }

  /**
   * Stops, whatever is left.
   *
   * @param now what was due by then is counted; left out: all that is left
   */
  stop(now?: number): void {
    this.#over = true;
    for (const sender of this.flow.senders) sender.stop(now);
  }

  [Symbol.dispose](): void {
    // Its client wants no more.
    this.stop(this.#port.clock.now());
    this.#timer.clear();
    this.#outgoing[Symbol.dispose]();
  }
}

/** The senders of all flows that have some at their server. */
export class ReverseRuns implements Disposable {
  readonly #runs = new Map<ServedFlow, ReverseRun>();

  /** Starts those of a flow. */
  start(run: ReverseRun): void {
    this.#runs.set(run.flow, run);
    run.start();
  }

  /** Ends those of a flow, if it has some. */
  end(flow: ServedFlow): void {
    this.#runs.get(flow)?.[Symbol.dispose]();
    this.#runs.delete(flow);
  }

  /** Whether a flow's senders have sent all that they were to send, see {@linkcode ReverseRun.spent}. */
  isSpent(flow: ServedFlow): boolean {
    return this.#runs.get(flow)?.spent ?? false;
  }

  /** Whether the port has no room for what is due. */
  get blocked(): boolean {
    for (const run of this.#runs.values()) if (run.blocked) return true;
    return false;
  }

  /** Sends what there was no room for. */
  runBlocked(): void {
    for (const run of this.#runs.values()) if (run.blocked) run.run();
  }

  /**
   * Stops the senders of clients that are silent.
   *
   * @param attended the time that the server attended to its socket
   * @returns their flows
   */
  *stopSilent(attended: number): Generator<ServedFlow, void, void> {
    for (const [flow, run] of this.#runs) if (run.checkSilence(attended)) yield flow;
  }

  [Symbol.dispose](): void {
    for (const run of this.#runs.values()) run[Symbol.dispose]();
  }
}
