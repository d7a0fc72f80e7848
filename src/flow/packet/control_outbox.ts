import { SystemError } from "../../sys/system_error.ts";
import { MAX_CONTROL_BYTES } from "./control_packet.ts";
import type { Inbox, Outbox, PacketPort } from "./packet_port.ts";

/**
 * Sends packets that open and close, one by one. What there is no room for is lost like others are: they are all sent
 * again if no answer comes.
 */
export class ControlOutbox {
  readonly #outbox: Outbox;

  constructor(port: PacketPort) {
    this.#outbox = port.outbox(1, MAX_CONTROL_BYTES);
  }

  /** @throws {SystemError} what came back for an earlier packet, too */
  send(packet: Uint8Array): void {
    this.#outbox.bytes(0).set(packet);
    this.#outbox.setLength(0, packet.length);
    this.#outbox.send(0, 1);
  }

  /**
   * Answers a received packet. Whether the answer can be sent is the client's concern alone.
   *
   * @param ecn its ECN code point, 0 to 3
   */
  answer(packet: Uint8Array, inbox: Inbox, j: number, ecn: number): void {
    this.#outbox.reply(0, inbox, j, ecn);
    try {
      this.send(packet);
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
    }
  }
}
