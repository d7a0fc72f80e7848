import { SockAddr } from "../../sys/address.ts";
import { SystemError } from "../../sys/errno.ts";
import type { FlowHost } from "../engine/engine_flow.ts";
import type { Hmac } from "../hmac.ts";
import { isSealed } from "../packet/control_packet.ts";
import { ControlSender } from "../packet/control_exchange.ts";
import {
  AT_TIME,
  flagsOf,
  type FlowName,
  isOfFlow,
  isPacket,
  limitedDistance,
  numberOf,
  senderOf,
  SIGNED,
  WireTime,
} from "../packet/header.ts";
import type { PacketPort } from "../packet/packet_port.ts";
import { PortReader, type PortUser } from "../packet/port_reader.ts";
import { acknowledge, parseReception, readGroupPacket, REPORT } from "./group_packets.ts";
import type { Receivers } from "./receivers.ts";

/** The options of a port for reports. */
export interface ReportPortOptions {
  /** Bound to the address that the flow is sent from; it is closed with this. */
  readonly port: PacketPort;
  readonly flow: FlowName;
  /** Of the flow. */
  readonly nonce: Uint8Array;
  /** Of the key of the flow. */
  readonly hmac: Hmac;
  /** Gets what is reported. */
  readonly receivers: Receivers;
}

/** Where the receivers of a flow report to its sender. Each report is acknowledged by a shorter packet. */
export class ReportPort implements PortUser, Disposable {
  /** As it is announced. */
  readonly address: string;
  readonly #options: ReportPortOptions;
  readonly #control: ControlSender;
  readonly #time: WireTime;

  constructor(host: FlowHost, options: ReportPortOptions) {
    const { local, clock } = options.port;
    this.#options = options;
    this.#control = new ControlSender(options.port);
    this.#time = new WireTime(clock.tinit);
    // The index of an interface means nothing to other machines.
    this.address = SockAddr.of(local.host.split("%")[0], local.port).toString();
    new PortReader(host, options.port, this);
  }

  readonly canTake = true;
  readonly prompt = true;
  readonly wantsRoom = false;
  onRoom(): void {}

  onError(error: unknown): void {
    // An ICMP error about an acknowledgement: its receiver is gone.
    if (!(error instanceof SystemError)) throw error;
  }

  /** To be called once a second: see FlowClock. */
  checkWallClock(): void {
    this.#options.port.clock.checkWallClock();
  }

  takeAll(count: number): void {
    const { port: { incoming, clock }, flow, nonce, hmac, receivers } = this.#options;
    const now = clock.now();
    for (let i = 0; i < count; i++) {
      const view = incoming.view(i), length = incoming.length(i);
      if (!isPacket(view, 0, length) || flagsOf(view, 0) !== (REPORT | SIGNED) || !isOfFlow(view, 0, flow)) continue;
      const content = isSealed(view, length, hmac) ? readGroupPacket(view, length) : undefined;
      const reception = content && parseReception(content.text);
      if (reception === undefined || !content!.nonce.every((byte, k) => byte === nonce[k])) continue;
      const arrival = incoming.arrival(i), received = Number.isNaN(arrival) ? now : arrival;
      const sender = senderOf(view, 0), number = numberOf(view, 0);
      const sent = limitedDistance(this.#time.read(view, AT_TIME));
      const from = incoming.source(i).unmapped();
      if (!receivers.add({ from, sender, number, reception, sent, received })) continue;
      const ack = { flow, sender, number, received, sent: clock.now(), time: this.#time, hmac };
      this.#control.answer(acknowledge(ack), incoming, i, 0);
    }
  }

  [Symbol.dispose](): void {
    this.#options.port[Symbol.dispose]();
  }
}
