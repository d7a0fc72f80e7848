import { SystemError } from "../../sys/errno.ts";
import type { Fragment } from "../../sys/ip_options.ts";
import { messageOf } from "../../base/errors.ts";
import { type FlowClock, type IncomingPackets, type OutgoingPackets, replyEcn } from "./packet_port.ts";
import {
  AT_SERVER_TIME,
  AT_TIME,
  ECHO,
  FlowName,
  headerBytes,
  type PacketHeader,
  REPLY,
  SIGNED,
  signHeader,
  WireTime,
  writeHeader,
} from "./header.ts";
import type { ReceivedPacket, SentPackets } from "./packet_samples.ts";
import type { ServedFlow } from "./served_flow.ts";
import { WritingTime } from "./writing_time.ts";

/** The time of sending in a packet may be this much late: the system call takes longer. */
const AHEAD_NANOS = 1000;

/** Of a message that waits for nothing yet. */
const NO_FLOW = new FlowName("none");

/**
 * Has replies written with the time at which they are sent. Writing and signing take up to tens of microseconds at first, which
 * are not the network's.
 */
export class SendingTime {
  readonly #clock: FlowClock;
  readonly #writing = new WritingTime();

  constructor(clock: FlowClock) {
    this.#clock = clock;
  }

  /**
   * Writes packets.
   *
   * @param packets how many
   * @param write writes all of them, with a time of sending; may be called twice
   * @returns when they are sent: as soon as all are written
   */
  stamp(packets: number, write: (t: number) => void): number {
    const start = this.#clock.now();
    const expected = start + this.#writing.expected(packets);
    write(expected);
    const end = this.#clock.now();
    this.#writing.took(packets, end - start);
    if (expected <= end + AHEAD_NANOS) return expected;
    // Nothing is received before it was sent.
    write(end);
    return end;
  }
}

/** Sends packets back to where they came from, several at a time. */
export class Echoes {
  readonly #outgoing: OutgoingPackets;
  readonly #time: WireTime;
  readonly #sending: SendingTime;
  readonly #slots: Slot[];
  /** Messages [from, to) are filled, but not sent yet. */
  #from = 0;
  #to = 0;
  #fragment: Fragment = "forbid";
  readonly #sent: SentPackets = {
    sender: 0,
    number: 0,
    packets: 1,
    flags: ECHO | REPLY,
    length: 0,
    t: 0,
    scheduled: 0,
  };

  constructor(outgoing: OutgoingPackets, clock: FlowClock) {
    this.#outgoing = outgoing;
    this.#sending = new SendingTime(clock);
    this.#time = new WireTime(clock.tinit);
    this.#slots = Array.from(
      { length: outgoing.capacity },
      () => ({ flow: undefined, header: { flags: 0, sender: 0, length: 0, number: 0, count: 0, flow: NO_FLOW } }),
    );
  }

  /** Whether the socket has no room for what waits. */
  get blocked(): boolean {
    return this.#from < this.#to;
  }

  /**
   * Prepares a reply to a packet in a received message, with what that carries.
   *
   * @param at where in the message it starts
   * @param packet what is recorded of it
   * @param count packets of its sender that the server has received
   */
  add(
    flow: ServedFlow,
    incoming: IncomingPackets,
    i: number,
    at: number,
    packet: ReceivedPacket,
    count: number,
  ): void {
    const { fragment = "forbid" } = flow.settings;
    // A call sends all its packets in one way.
    const isFull = this.#to === this.#outgoing.capacity || this.#from < this.#to && fragment !== this.#fragment;
    if (isFull && !this.flush()) {
      flow.echoErrors[packet.sender]++;
      return;
    }
    if (fragment !== this.#fragment) this.#outgoing.setFragment(this.#fragment = fragment);
    const slot = this.#slots[this.#to];
    slot.flow = flow;
    const { header } = slot;
    header.flags = ECHO | REPLY | (flow.hmac === undefined ? 0 : SIGNED);
    header.sender = packet.sender;
    header.number = packet.number;
    const length = flow.settings.response ?? packet.length;
    header.length = length;
    header.count = count;
    header.flow = flow.name;
    const { view } = this.#outgoing, place = this.#outgoing.place(this.#to);
    writeHeader(view, place, header);
    this.#time.write(view, place + AT_TIME, packet.t);
    this.#outgoing.setLength(this.#to, length);
    const behind = headerBytes(flow.hmac !== undefined);
    if (packet.length > behind) {
      const carried = incoming.bytes(i).subarray(at + behind, at + packet.length);
      this.#outgoing.bytes.set(carried, place + behind);
    }
    this.#outgoing.reply(this.#to, incoming, i, replyEcn(flow.settings.ecn, packet.trafficClass));
    this.#to++;
  }

  /**
   * Sends what waits.
   *
   * @returns false: there is no room for now
   */
  flush(): boolean {
    while (this.#from < this.#to) {
      const t = this.#sending.stamp(this.#to - this.#from, this.#write);
      const sent = this.#send();
      if (sent < 0) return false;
      for (let i = this.#from; i < this.#from + sent; i++) this.#count(this.#slots[i], t);
      this.#from += sent;
    }
    this.#from = this.#to = 0;
    return true;
  }

  /** Writes into what waits when it is sent, and signs it. */
  readonly #write = (t: number): void => {
    const { bytes, view } = this.#outgoing;
    for (let i = this.#from; i < this.#to; i++) {
      const place = this.#outgoing.place(i);
      this.#time.write(view, place + AT_SERVER_TIME, t);
      const { hmac } = this.#slots[i].flow!;
      if (hmac !== undefined) signHeader(hmac, bytes, place);
    }
  };

  /** @returns how many were sent; -1: there is no room */
  #send(): number {
    try {
      return this.#outgoing.send(this.#from, this.#to - this.#from) || -1;
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      const { flow, header } = this.#slots[this.#from++];
      flow!.echoErrors[header.sender]++;
      flow!.note(`echoes cannot be sent: ${messageOf(error)}`);
      return 0;
    }
  }

  #count({ flow, header }: Slot, t: number): void {
    flow!.replies++;
    flow!.replyBytes += header.length;
    const sent = this.#sent;
    sent.sender = header.sender;
    sent.number = header.number;
    sent.length = header.length;
    sent.t = sent.scheduled = t;
    flow!.samples.sent(sent);
  }
}

/** What a message to send has. */
interface Slot {
  flow: ServedFlow | undefined;
  readonly header: PacketHeader;
}
