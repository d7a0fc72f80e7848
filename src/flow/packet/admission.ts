import { TineError } from "../../base/errors.ts";
import type { FlowHost } from "../engine/engine_flow.ts";
import { AccountedFlow, type ServerAccount } from "../server_account.ts";
import {
  beginFlow,
  checkClient,
  fullText,
  limitsForClient,
  limitValues,
  refusalReason,
  type ServingLimits,
} from "../serving_limits.ts";
import type { DropCounter } from "./arrivals.ts";
import type { ControlSender } from "./control_exchange.ts";
import type { Steering } from "./steering.ts";
import { FlowName, flowPlace } from "./header.ts";
import { limitedSettings } from "./open_settings.ts";
import { type Grant, type Refusal, refuse, type ServerOpening } from "./opening.ts";
import { type IncomingPackets, type PacketPort, type PacketPorts, replyEcn } from "./packet_port.ts";
import { PacketSamples } from "./packet_samples.ts";
import { type FlowTable, ServedFlow } from "./served_flow.ts";

/** The options of an admission. */
export interface AdmissionOptions {
  readonly host: FlowHost;
  readonly port: PacketPort;
  readonly kind: PacketPorts["kind"];
  readonly control: ControlSender;
  /** Reads what opens a flow, and makes the answers. */
  readonly opening: ServerOpening;
  /** Undefined: no other worker serves the address. */
  readonly steering: Steering | undefined;
  /** The longest packet, in bytes. */
  readonly maxBytes: number;
  readonly limits: ServingLimits;
  readonly account: ServerAccount;
  readonly flows: FlowTable;
  /** Counts the packets that the socket drops. */
  readonly drops: DropCounter;
  /** Logs a line. */
  log(text: string): void;
  /** Called with a flow that begins, and the message that has opened it. */
  onBegin(flow: ServedFlow, i: number): void;
  /** Removes a closed flow whose id is wanted again. */
  forget(flow: ServedFlow): void;
  /** Ends a flow that its client has not closed. */
  lose(flow: ServedFlow, now: number, why: string): void;
}

/** A packet in a received message, and when it is processed. */
export interface OpeningPlace {
  /** Where in the message it starts. */
  readonly at: number;
  readonly length: number;
  /** In the time of the server. */
  readonly now: number;
  /** The same, in the time that the server attends to its socket. */
  readonly attended: number;
}

/** Takes the flows of a server's clients, or refuses them. */
export class Admission {
  readonly #options: AdmissionOptions;

  constructor(options: AdmissionOptions) {
    this.#options = options;
  }

  /**
   * Takes a packet that opens a flow, and answers it.
   *
   * @returns whether it is one
   */
  open(incoming: IncomingPackets, i: number, place: OpeningPlace): boolean {
    const { opening: ours, steering, account, control, log, limits } = this.#options, { at, length, now } = place;
    const view = at === 0
      ? incoming.view(i)
      : new DataView(incoming.bytes(i).buffer, incoming.view(i).byteOffset + at, length);
    const name = FlowName.read(view, flowPlace(0));
    const address = incoming.source(i);
    const result = name && ours.receive(view, length, name, address.toString(), now / 1e6);
    if (name === undefined || result === undefined) return false;
    const { grant } = result;
    if (grant === undefined && result.refusal === undefined) steering?.expect(name);
    // A packet from before the flow was steered here is dropped: its client sends it again.
    if (grant !== undefined && steering?.keep(name) === false) return true;
    const refusal = grant === undefined ? result.refusal : this.#admit(grant, name, incoming, i, place);
    if (grant !== undefined) steering?.leave(name);
    if (refusal !== undefined) {
      account.refuse(refusal.reason);
      log(`flow ${name.text} of ${address.unmapped()} is refused: ${refusal.text}`);
    }
    const opening = refusal !== undefined
      ? refuse(result.opening, refusal.text).opening
      : { ...result.opening, limits: grant && limitsForClient(limits) };
    const ecn = replyEcn(grant?.settings.ecn, incoming.trafficClass(i));
    control.answer(ours.answer(name, opening, length), incoming, i, ecn);
    return true;
  }

  /** @returns why the flow cannot be */
  #admit(
    grant: Grant,
    name: FlowName,
    incoming: IncomingPackets,
    i: number,
    place: OpeningPlace,
  ): Refusal | undefined {
    try {
      this.#begin(grant, name, incoming, i, place);
      return undefined;
    } catch (error) {
      if (!(error instanceof TineError)) throw error;
      return { text: error.message, reason: refusalReason(error.code) };
    }
  }

  /** @throws {TineError} the flow cannot be */
  #begin(
    { nonce, hmac, ...grant }: Grant,
    name: FlowName,
    incoming: IncomingPackets,
    i: number,
    { now, attended }: OpeningPlace,
  ): void {
    const { host, port, kind, maxBytes, limits, account, flows, drops } = this.#options;
    const address = incoming.source(i);
    const known = flows.find(incoming, i, incoming.view(i), 0);
    if (known !== undefined) {
      // The answer was lost, and it asks again.
      if (known.nonce.every((byte, k) => byte === nonce[k])) return;
      if (known.closedAt === Infinity) {
        throw new TineError("flow-exists", `there is a flow of that id from ${known.address.unmapped()} already`);
      }
      this.#options.forget(known);
    }
    const settings = limitedSettings(grant.settings, limits, hmac !== undefined);
    checkClient(account, address.unmapped().host);
    this.#makeRoom(settings.senders, settings.reverse.length > 0, now, attended);
    // Of requests and responses, the client records each.
    const isExchange = settings.response !== undefined;
    const sink = isExchange ? undefined : host.samples("packetIO", name.text);
    const flow = new ServedFlow({
      name,
      address,
      hmac,
      settings,
      nonce,
      samples: new PacketSamples(sink, true, now),
      start: now,
      lastReceived: attended,
      socketDrops: drops.packets,
      seesMarks: kind === "ffi",
      limits,
      accounted: new AccountedFlow(account),
    });
    const tooShort = flow.senders.find(({ schedule }) => schedule.longest > maxBytes);
    if (tooShort !== undefined) {
      throw new TineError("packet-too-long", `packets of ${tooShort.schedule.longest} bytes are too long for it`);
    }
    beginFlow(limits, account);
    flows.add(flow);
    host.info({
      type: isExchange ? "transactionInfo" : "packetInfo",
      flow: name.text,
      server: true,
      tinit: port.clock.tinit + BigInt(now),
      values: {
        engine: kind,
        client: address.unmapped().toString(),
        server: port.local.toString(),
        ...isExchange ? { transport: "udp", connect: false, responseBytes: settings.response! } : {},
        ...settings.warmup
          ? { senders: settings.senders / 2, warmupNanos: settings.warmup * 1e6 }
          : { senders: settings.senders },
        signed: hmac !== undefined,
        ...limitValues(limits),
      },
    });
    this.#options.onBegin(flow, i);
  }

  /**
   * Has flows whose clients are silent make room for another one.
   *
   * @throws {TineError} `over-max-flows`: there are still too many
   */
  #makeRoom(senders: number, reverse: boolean, now: number, attended: number): void {
    const { flows, account, limits: { flows: most = Infinity }, lose } = this.#options;
    for (;;) {
      const full = account.hasRoom(most) ? undefined : fullText(most);
      const lack = full ?? flows.lack(senders, reverse);
      if (lack === undefined) return;
      const onlyReverse = full === undefined && reverse && flows.lack(senders, false) === undefined;
      const silent = flows.mostSilent(attended, onlyReverse);
      if (silent === undefined) throw new TineError("over-max-flows", lack);
      lose(silent, now, "its client is silent, and another one wants its place");
    }
  }
}
