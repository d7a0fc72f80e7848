import type { Columns } from "../records/format.ts";
import type { Chunk } from "../records/read_chunk.ts";
import { ClockOffsetEstimator, type OffsetEstimate } from "./clock_offset.ts";
import { ECHO, MAX_SENDERS, REVERSE } from "../packet/header.ts";
import { isAnswer, isPlausible, isTime, packetsOf } from "./packet_sample.ts";

/**
 * What both ends have recorded of a packet. Times are nanoseconds since the client's `tinit`, each by the clock of the
 * end where it happened; NaN where nothing was recorded. It is the same object each time: copy what you keep.
 */
export interface MatchedPacket {
  readonly sender: number;
  readonly seq: number;
  /** The server sent it, of its own; `sent` and `serverReceived` are NaN. */
  readonly reverse: boolean;
  /** A reply was asked for, or came. */
  readonly echo: boolean;
  readonly sent: number;
  readonly serverReceived: number;
  readonly serverSent: number;
  readonly received: number;
  /** How much later than scheduled it was sent, by the client. */
  readonly lateness: number;
}

/** How the samples of a flow are matched. */
export interface PacketMatcherOptions {
  /** Receives each packet once: when nothing more can come of it, or it is old; in the order of numbers. */
  readonly onPacket?: (packet: MatchedPacket) => void;
  /** Receives each packet whose reply came, as soon as the last of its four times is known. */
  readonly onEcho?: (packet: MatchedPacket) => void;
  /** Whether the server records what it receives. Default: false */
  readonly serverRecords?: boolean;
  /** The server's `tinit` less the client's, in nanoseconds, each by its own clock. Default: 0 */
  readonly serverShift?: number;
  /** What turns a time of the server, from its `tinit` on, into one of the client. Default: that of shared clocks. */
  readonly serverToClient?: { readonly rate: number; readonly shiftNanos: number };
}

/** A packet is old after this at least, in nanoseconds. */
const MIN_WAIT_NANOS = 3e9;
/** A packet is old after as many times the longest that another one was under way. */
const WAIT_FACTOR = 4;

/**
 * Matches the samples of a UDP flow by packet, in memory that stays the same. Figures are
 * those of PacketAnalysis; nothing is counted here.
 *
 * A packet of which something is missing is waited for, until what was sent three seconds later, and four times the
 * longest that a packet was under way so far, has been recorded: RFC 7680 (2.5) leaves that threshold to the program.
 * The threshold depends on the samples and their order alone: added in the order in which they were taken, they give
 * the same packets while they come and afterwards.
 *
 * @example
 * ```ts
 * import { ChunkWriter } from "../records/chunk_writer.ts";
 * import { type Chunk, readChunk } from "../records/read_chunk.ts";
 * import { PacketMatcher } from "./packet_matcher.ts";
 *
 * const writer = new ChunkWriter("packetIO");
 * const i = writer.next();
 * writer.columns.sent[i] = 1;
 * writer.columns.packets[i] = 1;
 * const numbers: number[] = [];
 * const matcher = new PacketMatcher({ onPacket: ({ seq }) => numbers.push(seq) });
 * matcher.add(readChunk(writer.take()) as Chunk<"packetIO">);
 * matcher.end();
 * console.assert(numbers.length === 1);
 * ```
 */
export class PacketMatcher {
  readonly #senders: (MatchedSender | undefined)[] = [];
  readonly #flow: FlowState;
  readonly #serverToClient: { readonly rate: number; readonly shiftNanos: number };
  readonly #shift: number;
  #newest = -Infinity;

  constructor(options: PacketMatcherOptions) {
    this.#shift = options.serverShift ?? 0;
    this.#serverToClient = options.serverToClient ?? { rate: 1, shiftNanos: this.#shift };
    this.#flow = {
      options,
      offset: new ClockOffsetEstimator(),
      growth: GROWTH_PACKETS,
      longest: 0,
      toClient: (t) => (t - this.#shift) * this.#serverToClient.rate + this.#serverToClient.shiftNanos,
    };
  }

  /** How the clocks of the ends relate, as far as the packets so far show. */
  get clockOffset(): OffsetEstimate | undefined {
    return this.#flow.offset.estimate();
  }

  /** Adds samples: of both ends in the order in which they were taken, as far as chunks allow. */
  add({ columns, count }: Chunk<"packetIO">): void {
    if (count === 0) return;
    for (let i = 0; i < count; i++) {
      const index = columns.sender[i];
      const sender = this.#senders[index] ?? this.#start(index);
      sender?.add(columns, i, columns.server[i] === 1 ? this.#shift : 0);
    }
    const t = columns.t[0];
    const first = columns.server[0] === 1 ? this.#flow.toClient(t + this.#shift) : t;
    if (first > this.#newest) this.#newest = first;
    const old = this.#newest - Math.max(MIN_WAIT_NANOS, WAIT_FACTOR * this.#flow.longest);
    for (const sender of this.#senders) sender?.handOn(old);
  }

  /** Hands on the packets that wait: no sample follows. */
  end(): void {
    for (const sender of this.#senders) sender?.handOn(Infinity);
  }

  #start(index: number): MatchedSender | undefined {
    if (!(Number.isInteger(index) && index >= 0 && index < MAX_SENDERS)) return undefined;
    return this.#senders[index] = new MatchedSender(index, this.#flow);
  }
}

/** What the senders of a flow share. */
interface FlowState {
  readonly options: PacketMatcherOptions;
  readonly offset: ClockOffsetEstimator;
  /** What the rings of all senders together may still grow by, in packets. */
  growth: number;
  /** The longest that a packet was under way, in nanoseconds. */
  longest: number;
  /** Turns a time by the server's clock into one by the client's; both since the client's `tinit`. */
  toClient(t: number): number;
}

/** Room of a ring at first, in packets: a power of two. */
const MIN_PACKETS = 256;
/** Room of a ring at most, in packets. */
const MAX_PACKETS = 2 ** 17;
/** What all rings of a flow grow by: 2 MiB a column. */
const GROWTH_PACKETS = 2 ** 18;
/** A number so far ahead of the others is taken for damage. */
const MAX_AHEAD = 2 ** 24;

/** The packets of a sender: a ring of what is known of the last ones. NaN is what is not known. */
class MatchedSender {
  readonly #flow: FlowState;
  readonly #packet: { -readonly [K in keyof MatchedPacket]: MatchedPacket[K] };
  // Of each packet, at its slot: its number modulo the size of the ring.
  #sent = emptyColumn(MIN_PACKETS);
  #serverReceived = emptyColumn(MIN_PACKETS);
  #serverSent = emptyColumn(MIN_PACKETS);
  #received = emptyColumn(MIN_PACKETS);
  #lateness = emptyColumn(MIN_PACKETS);
  #mask = MIN_PACKETS - 1;
  /** The ring starts here: what is less is forgotten. */
  #low = 0;
  /** The highest number that came. */
  #high = -1;
  /** What is less has been handed on. */
  #handed = 0;
  /** All is known of what is less. */
  #whole = 0;
  #reverse = false;
  #echo = false;

  constructor(sender: number, flow: FlowState) {
    this.#flow = flow;
    this.#packet = {
      sender,
      seq: 0,
      reverse: false,
      echo: false,
      sent: NaN,
      serverReceived: NaN,
      serverSent: NaN,
      received: NaN,
      lateness: NaN,
    };
  }

  /** Adds a sample, a packet or a burst. */
  add(columns: Columns<"packetIO">, i: number, shift: number): void {
    const first = columns.seq[i];
    if (!isPlausible(columns, i, shift) || !Number.isSafeInteger(first)) return;
    const t = columns.t[i] + shift;
    const flag = columns.flag[i];
    const isSent = columns.sent[i] === 1, atServer = columns.server[i] === 1;
    if (flag & REVERSE) this.#reverse = true;
    if (isSent && !atServer && flag & ECHO) this.#echo = true;
    for (let seq = first, end = first + packetsOf(columns, i); seq < end; seq++) {
      const slot = this.#enter(seq);
      if (slot < 0) continue;
      let isNew: boolean;
      if (atServer) isNew = isSent ? this.#setServerSent(slot, t) : this.#setServerReceived(slot, t);
      else if (isSent) isNew = this.#setSent(slot, t, columns.t[i] - columns.scheduled[i]);
      else isNew = this.#setReceived(slot, t, columns, i);
      if (isNew) this.#noteEcho(seq, slot);
    }
  }

  /**
   * Hands on the packets of which all is known, and those that were sent before `old`, as far as no earlier number
   * waits. What comes for a packet later is of no effect on it.
   *
   * @param old nanoseconds since the client's `tinit`
   */
  handOn(old: number): void {
    this.#findWhole();
    if (this.#flow.options.onPacket === undefined) return;
    let end = this.#handed;
    // Whether no number before it waits.
    let next = true;
    for (let seq = end; seq <= this.#high; seq++) {
      const slot = seq & this.#mask;
      const sentBy = old === Infinity ? -Infinity : this.#sentBy(slot);
      // What was sent before it is old as well.
      if (sentBy < old) next = true;
      else if (next) next = seq < this.#whole || this.#isWhole(slot);
      else if (!Number.isNaN(sentBy)) break;
      if (next) end = seq + 1;
    }
    this.#handOnBefore(end);
  }

  #handOnBefore(end: number): void {
    const { onPacket } = this.#flow.options;
    if (onPacket !== undefined) {
      for (let seq = this.#handed; seq < end; seq++) onPacket(this.#at(seq, seq & this.#mask));
    }
    if (end > this.#handed) this.#handed = end;
  }

  /** By when it was sent at the latest, by the client's clock; NaN where nothing is known. */
  #sentBy(slot: number): number {
    const { toClient } = this.#flow;
    if (this.#reverse) {
      const serverSent = this.#serverSent[slot];
      return Number.isNaN(serverSent) ? this.#received[slot] : toClient(serverSent);
    }
    const sent = this.#sent[slot];
    return Number.isNaN(sent) ? toClient(this.#serverReceived[slot]) : sent;
  }

  /** Whether all is known of a packet that there can be. */
  #isWhole(slot: number): boolean {
    if (this.#reverse) return !Number.isNaN(this.#serverSent[slot] + this.#received[slot]);
    if (Number.isNaN(this.#sent[slot])) return false;
    // A sum is NaN if one of its parts is.
    if (this.#echo) return !Number.isNaN(this.#received[slot] + this.#serverReceived[slot] + this.#serverSent[slot]);
    return this.#flow.options.serverRecords !== true || !Number.isNaN(this.#serverReceived[slot]);
  }

  /** Returns whether that was not known, as the setters below do: what comes again is a duplicate. */
  #setSent(slot: number, t: number, lateness: number): boolean {
    if (!Number.isNaN(this.#sent[slot])) return false;
    this.#sent[slot] = t;
    this.#lateness[slot] = lateness;
    const serverReceived = this.#serverReceived[slot];
    if (!Number.isNaN(serverReceived)) this.#toServer(t, serverReceived);
    return true;
  }

  #setServerReceived(slot: number, t: number): boolean {
    if (!Number.isNaN(this.#serverReceived[slot])) return false;
    this.#serverReceived[slot] = t;
    const sent = this.#sent[slot];
    if (!Number.isNaN(sent)) this.#toServer(sent, t);
    return true;
  }

  #setServerSent(slot: number, t: number): boolean {
    if (!Number.isNaN(this.#serverSent[slot])) return false;
    this.#serverSent[slot] = t;
    const received = this.#received[slot];
    if (!Number.isNaN(received)) this.#fromServer(t, received);
    return true;
  }

  #setReceived(slot: number, t: number, columns: Columns<"packetIO">, i: number): boolean {
    if (!Number.isNaN(this.#received[slot])) return false;
    this.#received[slot] = t;
    const serverSent = this.#serverSent[slot];
    if (!Number.isNaN(serverSent)) this.#fromServer(serverSent, t);
    const flag = columns.flag[i];
    // What it carries of the server; packets of earlier versions lack it.
    const from = t + columns.serverReceived[i], sent = from + columns.serverTime[i];
    if (flag & REVERSE) {
      if ((columns.serverReceived[i] !== 0 || columns.serverTime[i] !== 0) && isTime(sent)) {
        this.#setServerSent(slot, sent);
      }
    } else if (isAnswer(columns, i)) {
      if (isTime(from)) this.#setServerReceived(slot, from);
      if (isTime(sent)) this.#setServerSent(slot, sent);
    }
    return true;
  }

  #toServer(sent: number, serverReceived: number): void {
    const flow = this.#flow;
    flow.offset.toServer(sent, serverReceived);
    const nanos = flow.toClient(serverReceived) - sent;
    if (nanos > flow.longest) flow.longest = nanos;
  }

  #fromServer(serverSent: number, received: number): void {
    const flow = this.#flow;
    flow.offset.fromServer(serverSent, received);
    const nanos = received - flow.toClient(serverSent);
    if (nanos > flow.longest) flow.longest = nanos;
  }

  /** Hands on a packet of which something new is known, if that makes all four times. */
  #noteEcho(seq: number, slot: number): void {
    const { onEcho } = this.#flow.options;
    if (onEcho === undefined) return;
    // A sum is NaN if one of its parts is.
    const sum = this.#sent[slot] + this.#serverReceived[slot] + this.#serverSent[slot] + this.#received[slot];
    if (!Number.isNaN(sum)) onEcho(this.#at(seq, slot));
  }

  #at(seq: number, slot: number): MatchedPacket {
    const packet = this.#packet;
    packet.seq = seq;
    packet.reverse = this.#reverse;
    packet.echo = this.#echo;
    packet.sent = this.#sent[slot];
    packet.serverReceived = this.#serverReceived[slot];
    packet.serverSent = this.#serverSent[slot];
    packet.received = this.#received[slot];
    packet.lateness = this.#lateness[slot];
    return packet;
  }

  /**
   * Makes room for a number.
   *
   * @returns its slot; -1 if it is far ahead of the others, or long forgotten
   */
  #enter(seq: number): number {
    if (seq <= this.#high) return seq >= this.#low ? seq & this.#mask : -1;
    if (seq - this.#high > MAX_AHEAD) return -1;
    while (seq > this.#low + this.#mask) {
      if (this.#forgetWhole() || this.#grow()) continue;
      const size = this.#mask + 1;
      this.#forget(Math.max(this.#low + size / 4, seq - size / 2));
    }
    return (this.#high = seq) & this.#mask;
  }

  /** Forgets the first quarter of the ring, if all is known of its packets: most flows never need a larger one. */
  #forgetWhole(): boolean {
    const end = this.#low + (this.#mask + 1) / 4;
    this.#findWhole();
    if (this.#whole < end) return false;
    this.#forget(end);
    return true;
  }

  #findWhole(): void {
    while (this.#whole <= this.#high && this.#isWhole(this.#whole & this.#mask)) this.#whole++;
  }

  /** Hands on what waits of the packets before `end`, and gives their room to others. */
  #forget(end: number): void {
    this.#handOnBefore(Math.min(end, this.#high + 1));
    const last = Math.min(end, this.#low + this.#mask + 1);
    for (const column of [this.#sent, this.#serverReceived, this.#serverSent, this.#received, this.#lateness]) {
      for (let seq = this.#low; seq < last; seq++) column[seq & this.#mask] = NaN;
    }
    this.#low = end;
    if (this.#handed < end) this.#handed = end;
    if (this.#whole < end) this.#whole = end;
    if (this.#high < end - 1) this.#high = end - 1;
  }

  #grow(): boolean {
    const size = this.#mask + 1;
    if (size * 2 > MAX_PACKETS || size > this.#flow.growth) return false;
    this.#flow.growth -= size;
    const larger = (column: Float64Array): Float64Array<ArrayBuffer> => {
      const grown = emptyColumn(size * 2);
      for (let seq = this.#low; seq <= this.#high; seq++) grown[seq & (size * 2 - 1)] = column[seq & this.#mask];
      return grown;
    };
    this.#sent = larger(this.#sent);
    this.#serverReceived = larger(this.#serverReceived);
    this.#serverSent = larger(this.#serverSent);
    this.#received = larger(this.#received);
    this.#lateness = larger(this.#lateness);
    this.#mask = size * 2 - 1;
    return true;
  }
}

function emptyColumn(packets: number): Float64Array<ArrayBuffer> {
  return new Float64Array(packets).fill(NaN);
}
