import { SystemError } from "../../sys/errno.ts";
import { messageOf } from "../../base/errors.ts";
import { type FlowClock, type IncomingPackets, type OutgoingPackets, replyEcn } from "./packet_port.ts";
import { AT_SERVER_TIME, AT_TIME, ECHO, REPLY, SIGNED, signHeader, WireTime, writeHeader } from "./header.ts";
import type { ServedFlow } from "./served_flow.ts";
import { WritingTime } from "./transmitter.ts";

/** A packet may say that it is sent so much later than it is: the system call takes longer. */
const AHEAD_NANOS = 1000;

/** Sends packets back to where they came from, several at a time. */
export class Echoes {
  readonly #outgoing: OutgoingPackets;
  readonly #clock: FlowClock;
  readonly #time: WireTime;
  readonly #writing = new WritingTime();
  readonly #slots: Slot[];
  /** Messages [from, to) are filled, but not sent yet. */
  #from = 0;
  #to = 0;

  constructor(outgoing: OutgoingPackets, clock: FlowClock) {
    this.#outgoing = outgoing;
    this.#clock = clock;
    this.#time = new WireTime(clock.tinit);
    this.#slots = Array.from(
      { length: outgoing.capacity },
      () => ({ flow: undefined, sender: 0, number: 0, length: 0 }),
    );
  }

  /** Whether the socket has no room for what waits. */
  get blocked(): boolean {
    return this.#from < this.#to;
  }

  /**
   * Prepares a reply to a packet in a received message.
   *
   * @param t when it was received
   * @param count of the packets of the sender that the server has received
   */
  add(
    flow: ServedFlow,
    incoming: IncomingPackets,
    i: number,
    sender: number,
    number: number,
    length: number,
    t: number,
    count: number,
  ): void {
    if (this.#to === this.#outgoing.capacity && !this.flush()) {
      flow.echoErrors[sender]++;
      return;
    }
    const slot = this.#slots[this.#to];
    slot.flow = flow;
    slot.sender = sender;
    slot.number = number;
    slot.length = length;
    const view = this.#outgoing.view(this.#to);
    const flags = ECHO | REPLY | (flow.hmac === undefined ? 0 : SIGNED);
    writeHeader(view, 0, flags, sender, length, number, count, flow.name);
    this.#time.write(view, AT_TIME, t);
    this.#outgoing.setLength(this.#to, length);
    this.#outgoing.reply(this.#to, incoming, i, replyEcn(flow.settings.ecn, incoming.trafficClass(i)));
    this.#to++;
  }

  /**
   * Sends what waits.
   *
   * @returns false: there is no room for now
   */
  flush(): boolean {
    while (this.#from < this.#to) {
      const t = this.#stamp();
      const sent = this.#send();
      if (sent < 0) return false;
      for (let i = this.#from; i < this.#from + sent; i++) this.#count(this.#slots[i], t);
      this.#from += sent;
    }
    this.#from = this.#to = 0;
    return true;
  }

  /**
   * Writes into what waits when it is sent, and signs it. That takes up to tens of microseconds at first: none of it is
   * the network's.
   *
   * @returns when it is sent: as soon as all is signed
   */
  #stamp(): number {
    const packets = this.#to - this.#from, start = this.#clock.now();
    const expected = start + this.#writing.expected(packets);
    this.#write(expected);
    const end = this.#clock.now();
    this.#writing.took(packets, end - start);
    if (expected <= end + AHEAD_NANOS) return expected;
    // Nothing is received before it was sent.
    this.#write(end);
    return end;
  }

  #write(t: number): void {
    for (let i = this.#from; i < this.#to; i++) {
      this.#time.write(this.#outgoing.view(i), AT_SERVER_TIME, t);
      const { hmac } = this.#slots[i].flow!;
      if (hmac !== undefined) signHeader(hmac, this.#outgoing.bytes(i), 0);
    }
  }

  /** @returns how many were sent; -1: there is no room */
  #send(): number {
    try {
      return this.#outgoing.send(this.#from, this.#to - this.#from) || -1;
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      const { flow, sender } = this.#slots[this.#from++];
      flow!.echoErrors[sender]++;
      flow!.note(`echoes cannot be sent: ${messageOf(error)}`);
      return 0;
    }
  }

  #count({ flow, sender, number, length }: Slot, t: number): void {
    flow!.replies++;
    flow!.replyBytes += length;
    flow!.samples.sent(sender, number, 1, ECHO | REPLY, length, t, t);
  }
}

/** What a message of the outbox has. */
interface Slot {
  flow: ServedFlow | undefined;
  sender: number;
  number: number;
  length: number;
}
