import { SystemError } from "../../sys/errno.ts";
import { TineError } from "../../base/errors.ts";
import { Hmac } from "../hmac.ts";
import {
  AT_SERVER_TIME,
  AT_TIME,
  type FlowName,
  headerBytes,
  type PacketHeader,
  SIGNED,
  signHeader,
  WireTime,
  writeHeader,
} from "./header.ts";
import type { FlowClock, OutgoingPackets } from "./packet_port.ts";
import type { SentPackets } from "./packet_samples.ts";
import type { PacketSender } from "./packet_sender.ts";
import { bootId } from "../../sys/clock.ts";

/** The share of the writing that is foreseen: since it varies, times of sending are hardly ever too late. */
const FORESEEN = 7 / 8;
/** The time of sending in a packet may be this much early, and by half of the time that the writing takes. */
const BEHIND_NANOS = 20_000;

/** How many reports of routers about earlier packets may come between two tries of one. */
const MAX_REPORTS = 4;

/** After this many batches, other flows have their turn. */
const MAX_ROUNDS = 4;

/** What a transmitter needs. */
export interface TransmitterOptions {
  readonly flow: FlowName;
  readonly clock: FlowClock;
  /** Of the key of the flow, if its packets are signed. */
  readonly hmac: Hmac | undefined;
  /**
   * Gets what was sent; the object is filled anew for the next call. It is several packets if they made one burst, or, of
   * a sender without a pace, left in one call: then the same is known of all.
   */
  readonly onSent: (packets: SentPackets) => void;
  /** Packets that are too long for the path are an error of theirs, rather than the end of the flow. */
  readonly probes?: boolean;
  /** The longest packet that the path takes uncut, in bytes, as far as that is known. */
  readonly longest?: () => number | undefined;
  /** Gets errors of packets that could not be sent; not those that end the flow. */
  readonly onError: (error: SystemError) => void;
}

/** Sends the packets of senders when they are due, several at a time where they are. */
export class Transmitter {
  readonly #senders: readonly PacketSender[];
  readonly #outgoing: OutgoingPackets;
  readonly #options: TransmitterOptions;
  readonly #time: WireTime;
  readonly #header: PacketHeader;
  readonly #headerBytes: number;
  readonly #writing = new WritingTime();
  readonly #slots: Slot[];
  /** Messages [from, to) are filled, but not sent yet. */
  #from = 0;
  #to = 0;
  /** How often the message at `from` has failed: an error may be about an earlier one, so it has another try. */
  #failures = 0;
  #turn = 0;
  readonly #sent: SentPackets = { sender: 0, number: 0, packets: 0, flags: 0, length: 0, t: 0, scheduled: 0 };

  /** @param outgoing has room for the bursts of all senders */
  constructor(senders: readonly PacketSender[], outgoing: OutgoingPackets, options: TransmitterOptions) {
    this.#senders = senders;
    this.#outgoing = outgoing;
    this.#options = options;
    this.#header = { flags: 0, sender: 0, length: 0, number: 0, count: 0, flow: options.flow };
    this.#time = new WireTime(options.clock.tinit);
    this.#headerBytes = headerBytes(options.hmac !== undefined);
    this.#slots = Array.from({ length: outgoing.capacity }, () => ({
      sender: undefined,
      number: 0,
      packets: 0,
      length: 0,
      due: 0,
    }));
  }

  /** Whether the socket has no room for what is due. */
  get blocked(): boolean {
    return this.#from < this.#to;
  }

  /** Whether all senders are over, and all is sent. */
  get over(): boolean {
    if (this.blocked) return false;
    for (const sender of this.#senders) if (!sender.over) return false;
    return true;
  }

  /**
   * Sends what is due, or some of it.
   *
   * @returns when to call again, in the time of the flow; Infinity: when there is room, or never
   * @throws {SystemError | TineError} for what ends the flow
   */
  run(): number {
    const { clock } = this.#options;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      if (!this.#flush()) return this.#endOfTime();
      this.#fill(clock.now());
      if (this.#from === this.#to) break;
    }
    if (!this.#flush()) return this.#endOfTime();
    let next = Infinity;
    for (const sender of this.#senders) next = Math.min(next, sender.due);
    return next;
  }

  /** When a sender ends even if there is no room: time goes on. */
  #endOfTime(): number {
    const now = this.#options.clock.now();
    let end = Infinity;
    for (const sender of this.#senders) {
      sender.check(now);
      if (!sender.over) end = Math.min(end, sender.end);
    }
    // What waits for room when all are over has missed its time.
    if (end === Infinity) {
      for (; this.#from < this.#to; this.#from++) {
        const { sender, packets } = this.#slots[this.#from];
        sender!.unsent += packets;
      }
    }
    return end;
  }

  #fill(now: number): void {
    this.#from = this.#to = 0;
    for (const sender of this.#senders) sender.check(now);
    while (this.#to < this.#outgoing.capacity) {
      const sender = this.#mostDue(now);
      if (sender === undefined) return;
      this.#fillSlot(this.#to++, sender);
    }
  }

  /** The sender whose packet is due for the longest time; those without a pace take turns for the room that is left. */
  #mostDue(now: number): PacketSender | undefined {
    const senders = this.#senders;
    let found: PacketSender | undefined;
    for (let i = 0; i < senders.length; i++) {
      const sender = senders[i];
      if (!sender.unpaced && sender.due <= now && (found === undefined || sender.due < found.due)) found = sender;
    }
    if (found !== undefined) return found;
    for (let i = 0; i < senders.length; i++) {
      this.#turn = this.#turn + 1 >= senders.length ? 0 : this.#turn + 1;
      const sender = senders[this.#turn];
      if (sender.unpaced && sender.due <= now) return sender;
    }
    return undefined;
  }

  #fillSlot(i: number, sender: PacketSender): void {
    const slot = this.#slots[i];
    const { length } = sender.schedule;
    slot.sender = sender;
    slot.number = sender.number;
    slot.length = length;
    slot.due = sender.due;
    slot.packets = 0;
    do {
      slot.packets++;
      sender.advance();
    } while (slot.packets < sender.burst && !sender.over && sender.schedule.length === length);
    this.#outgoing.setLength(i, slot.packets * length, this.#headerBytes);
    this.#outgoing.setSegmentBytes(i, slot.packets > 1 ? length : 0);
  }

  /** @returns false: there is no room for now */
  #flush(): boolean {
    while (this.#from < this.#to) {
      const sentAt = this.#stamp();
      const sent = this.#send();
      if (sent <= 0) {
        if (sent === 0) continue;
        return false;
      }
      this.#countAll(this.#from + sent, sentAt);
      this.#failures = 0;
    }
    return true;
  }

  /**
   * Writes what is to be sent, with the time of that. Writing takes its time, and signing up to tens of microseconds at
   * first, which are not the network's.
   *
   * @returns when it is sent: as soon as all is written
   */
  #stamp(): number {
    const { clock } = this.#options;
    const messages = this.#to - this.#from, start = clock.now();
    const expected = start + Math.round(this.#writing.expected(messages) * FORESEEN);
    this.#writeAll(expected);
    const end = clock.now();
    this.#writing.took(messages, end - start);
    // Nothing is received before it was sent.
    if (expected <= end && end - expected <= BEHIND_NANOS + (end - start) / 2) return end;
    this.#writeAll(end);
    return clock.now();
  }

  #writeAll(t: number): void {
    for (let i = this.#from; i < this.#to; i++) this.#write(i, t);
  }

  #write(i: number, t: number): void {
    const { hmac } = this.#options;
    const { sender, number, packets, length, due } = this.#slots[i];
    const { bytes, view } = this.#outgoing;
    const header = this.#header;
    header.flags = sender!.flags | (hmac === undefined ? 0 : SIGNED);
    header.sender = sender!.index;
    header.length = length;
    for (let k = 0, at = this.#outgoing.place(i); k < packets; k++, at += length) {
      header.number = number + k;
      writeHeader(view, at, header);
      this.#time.write(view, at + AT_TIME, t);
      // A client knows the schedule of its own senders.
      if (sender!.reverse) this.#time.write(view, at + AT_SERVER_TIME, sender!.unpaced ? t : Math.round(due));
      if (hmac !== undefined) signHeader(hmac, bytes, at);
    }
  }

  /** @returns how many messages were sent; 0: call again; -1: there is no room */
  #send(): number {
    try {
      return this.#outgoing.send(this.#from, this.#to - this.#from);
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      const { sender, packets, length } = this.#slots[this.#from];
      const isTooLong = error.errnoName === "EMSGSIZE", { probes = false, longest } = this.#options;
      if (isTooLong && !probes) throw tooLong(length, longest?.(), error);
      if (packets > 1 && (error.errnoName === "EINVAL" || error.errnoName === "EIO")) throw noBursts(error);
      // Reports of routers come for each packet that was too long for them.
      if (++this.#failures <= (isTooLong ? MAX_REPORTS : 1)) return 0;
      this.#failures = 0;
      sender!.errors += packets;
      this.#from++;
      this.#options.onError(error);
      return 0;
    }
  }

  /** Counts the messages up to `end`, `end` not included; single packets of which the same is known are one record. */
  #countAll(end: number, t: number): void {
    while (this.#from < end) {
      const { sender, number, length, due } = this.#slots[this.#from];
      let { packets } = this.#slots[this.#from++];
      if (sender!.unpaced && sender!.burst === 1) {
        for (; this.#from < end; this.#from++, packets++) {
          const next = this.#slots[this.#from];
          if (next.sender !== sender || next.length !== length) break;
        }
      }
      const counted = this.#sent;
      counted.sender = sender!.index;
      counted.number = number;
      counted.packets = packets;
      counted.flags = sender!.flags;
      counted.length = length;
      counted.t = t;
      counted.scheduled = sender!.unpaced ? t : due;
      this.#count(sender!, counted);
    }
  }

  #count(sender: PacketSender, packets: SentPackets): void {
    sender.sent += packets.packets;
    sender.bytes += packets.packets * packets.length;
    if (sender.times !== undefined) {
      for (let k = 0; k < packets.packets; k++) sender.times.set(packets.number + k, packets.t);
    }
    this.#options.onSent(packets);
  }
}

/** What a message to send has. */
interface Slot {
  sender: PacketSender | undefined;
  number: number;
  packets: number;
  length: number;
  due: number;
}

function tooLong(length: number, longest: number | undefined, cause: SystemError): TineError {
  const most = longest === undefined || longest >= length
    ? "than the path takes uncut"
    : `than the ${longest} of the path`;
  return new TineError(
    "packet-too-long",
    `a packet of ${length} bytes is longer ${most} (${cause.errnoName}): use a shorter length, or allow fragments`,
    { cause },
  );
}

function noBursts(cause: SystemError): TineError {
  return new TineError(
    "no-bursts",
    `the system does not send packets in bursts here (${cause.message}): leave out gso`,
    {
      cause,
    },
  );
}

/** More than this is no time to write a packet, but something that came between; in nanoseconds. */
const MAX_NANOS = 30_000;

/**
 * Foresees how long it takes to write and sign packets, so that the time of sending, which is signed with the rest, can
 * be in them. What it foresees falls at once and rises slowly: a time of sending may be a little early, but hardly ever
 * later than the sending is.
 *
 * @example
 * ```ts
 * import { WritingTime } from "./transmitter.ts";
 * const writing = new WritingTime();
 * for (let i = 0; i < 10; i++) writing.took(1, 3000);
 * console.assert(writing.expected(1) === 3000);
 * ```
 */
export class WritingTime {
  /** Of a packet, in nanoseconds, by the magnitude of how many are written at once: the first one takes longest. */
  readonly #each = new Float64Array(33);

  /**
   * How long it is going to take; 0 while nothing is known.
   *
   * @param packets how many are written at once
   * @returns in whole nanoseconds
   */
  expected(packets: number): number {
    return Math.round(packets * this.#each[magnitude(packets)]);
  }

  /**
   * How long it took.
   *
   * @param packets how many were written at once
   */
  took(packets: number, nanos: number): void {
    const k = magnitude(packets), known = this.#each[k], each = Math.min(nanos / packets, MAX_NANOS);
    // The first time takes longest of all.
    this.#each[k] = known === 0 ? each / 2 : Math.min(each, known * 9 / 8);
  }
}

function magnitude(packets: number): number {
  return 32 - Math.clz32(packets);
}

const MARK_BYTES = 16;

/**
 * Returns a mark that only processes with the clock of this kernel can make: both ends of a flow compare theirs. It
 * differs from flow to flow, so that other parties learn nothing from it.
 *
 * @param nonce of the client
 * @param cookie of the server
 * @param id of the kernel's boot
 * @returns as text; empty where it is not known whose clock this is
 */
export function clockMark(nonce: Uint8Array, cookie: Uint8Array, id: string = bootId()): string {
  if (id === "") return "";
  const bytes = new Uint8Array(nonce.length + cookie.length + MARK_BYTES), end = nonce.length + cookie.length;
  bytes.set(nonce);
  bytes.set(cookie, nonce.length);
  new Hmac(new TextEncoder().encode(id)).sign(bytes, 0, end, end, MARK_BYTES);
  return bytes.subarray(end).toHex();
}
