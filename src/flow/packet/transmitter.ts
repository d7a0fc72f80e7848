import { SystemError } from "../../sys/errno.ts";
import { TineError } from "../../base/errors.ts";
import type { Hmac } from "../hmac.ts";
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
import { WritingTime } from "./writing_time.ts";

/** The share of the writing time that is anticipated: since it varies, times of sending are hardly ever too late. */
const FORESEEN = 7 / 8;
/** The time of sending in a packet may be this much early, and by half of the time that the writing takes. */
const BEHIND_NANOS = 20_000;

/** How many reports of routers about earlier packets may come between two tries of one. */
const MAX_REPORTS = 4;

/** The number of batches after which other flows have their turn. */
const MAX_ROUNDS = 4;

/** Writes the headers of packets of another protocol. */
export interface HeaderFormat {
  /** How much of a packet it writes at most, in bytes. */
  readonly bytes: number;
  /**
   * Writes the header of the packet at `at`, and signs it.
   *
   * @param t when the packet is sent, in the time of the flow
   */
  write(outgoing: OutgoingPackets, at: number, header: Readonly<PacketHeader>, t: number): void;
}

/** The options of a transmitter. */
export interface TransmitterOptions {
  readonly flow: FlowName;
  readonly clock: FlowClock;
  /** Of the key of the flow, if its packets are signed. */
  readonly hmac: Hmac | undefined;
  /** How headers are written; left out: as header.ts has them. */
  readonly format?: HeaderFormat;
  /**
   * Gets what was sent; the object is filled anew for the next call. It is several packets if they made one burst, or,
   * of a sender without a pace, left in one call: then the same is known of all.
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
  /** What is known of the messages [from, to), which are filled, but not sent yet: runs [firstRun, endOfRuns). */
  readonly #runs: Run[];
  #firstRun = 0;
  #endOfRuns = 0;
  #from = 0;
  #to = 0;
  /** How often the message at `from` has failed: an error may be about an earlier one, so it is tried again. */
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
    this.#headerBytes = options.format?.bytes ?? headerBytes(options.hmac !== undefined);
    this.#runs = Array.from({ length: outgoing.capacity }, () => ({
      sender: undefined,
      number: 0,
      messages: 0,
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
      while (this.blocked) {
        const { sender, messages, packets } = this.#runs[this.#firstRun];
        sender!.unsent += messages * packets;
        this.#drop(messages);
      }
    }
    return end;
  }

  #fill(now: number): void {
    this.#from =
      this.#to =
      this.#firstRun =
      this.#endOfRuns =
        0;
    for (const sender of this.#senders) sender.check(now);
    const [first] = this.#senders, { capacity } = this.#outgoing;
    if (this.#senders.length === 1 && first.steady) {
      if (first.due <= now) this.#addAll(first, capacity);
      return;
    }
    while (this.#to < capacity) {
      const sender = this.#mostDue(now);
      if (sender === undefined) return;
      this.#add(sender);
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

  /** Fills all messages with packets of a sender that are alike: the shortest way. */
  #addAll(sender: PacketSender, messages: number): void {
    const { due, number, schedule: { length } } = sender, outgoing = this.#outgoing;
    for (let i = 0; i < messages; i++) {
      outgoing.setLength(i, length, this.#headerBytes);
      outgoing.setSegmentBytes(i, 0);
    }
    sender.skip(messages);
    this.#to = messages;
    this.#addRun(sender, number, messages, 1, length, due);
  }

  /** Fills a message with the next packets of a sender. */
  #add(sender: PacketSender): void {
    const { due, number, schedule: { length } } = sender;
    let packets = 0;
    do {
      packets++;
      sender.advance();
    } while (packets < sender.burst && !sender.over && sender.schedule.length === length);
    const i = this.#to++;
    this.#outgoing.setLength(i, packets * length, this.#headerBytes);
    this.#outgoing.setSegmentBytes(i, packets > 1 ? length : 0);
    if (this.#endOfRuns > 0 && sender.unpaced && sender.burst === 1) {
      const last = this.#runs[this.#endOfRuns - 1];
      if (last.sender === sender && last.length === length) {
        last.messages++;
        return;
      }
    }
    this.#addRun(sender, number, 1, packets, length, due);
  }

  #addRun(
    sender: PacketSender,
    number: number,
    messages: number,
    packets: number,
    length: number,
    due: number,
  ): void {
    const run = this.#runs[this.#endOfRuns++];
    run.sender = sender;
    run.number = number;
    run.messages = messages;
    run.packets = packets;
    run.length = length;
    run.due = due;
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
      this.#countAll(sent, sentAt);
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
    for (let k = this.#firstRun, i = this.#from; k < this.#endOfRuns; k++) {
      const run = this.#runs[k];
      this.#write(run, i, t);
      i += run.messages;
    }
  }

  /** Writes the messages of a run, of which `first` is the first. */
  #write({ sender, number, messages, packets, length, due }: Run, first: number, t: number): void {
    const { hmac, format } = this.#options, { bytes, view } = this.#outgoing;
    const header = this.#header, time = this.#time, { reverse, unpaced } = sender!;
    header.flags = sender!.flags | (hmac === undefined ? 0 : SIGNED);
    header.sender = sender!.index;
    header.length = length;
    header.number = number;
    const high = time.high(t), low = time.low(t);
    for (let i = first; i < first + messages; i++) {
      let at = this.#outgoing.place(i);
      for (let k = 0; k < packets; k++, at += length) {
        if (format !== undefined) format.write(this.#outgoing, at, header, t);
        else {
          writeHeader(view, at, header);
          view.setUint32(at + AT_TIME, high);
          view.setUint32(at + AT_TIME + 4, low);
          // A client knows the schedule of its own senders.
          if (reverse) time.write(view, at + AT_SERVER_TIME, unpaced ? t : Math.round(due));
          if (hmac !== undefined) signHeader(hmac, bytes, at);
        }
        header.number++;
      }
    }
  }

  /** @returns how many messages were sent; 0: call again; -1: there is no room */
  #send(): number {
    try {
      return this.#outgoing.send(this.#from, this.#to - this.#from);
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      const { sender, packets, length } = this.#runs[this.#firstRun];
      const isTooLong = error.errnoName === "EMSGSIZE", { probes = false, longest } = this.#options;
      if (isTooLong && !probes) throw tooLong(length, longest?.(), error);
      if (packets > 1 && (error.errnoName === "EINVAL" || error.errnoName === "EIO")) throw noBursts(error);
      // Reports of routers come for each packet that was too long for them.
      if (++this.#failures <= (isTooLong ? MAX_REPORTS : 1)) return 0;
      this.#failures = 0;
      sender!.errors += packets;
      this.#drop(1);
      this.#options.onError(error);
      return 0;
    }
  }

  /** Counts messages that were sent at a time. */
  #countAll(messages: number, t: number): void {
    for (let left = messages; left > 0;) {
      const run = this.#runs[this.#firstRun], { sender, number, length, due } = run;
      const ofRun = Math.min(left, run.messages), counted = this.#sent;
      counted.sender = sender!.index;
      counted.number = number;
      counted.packets = ofRun * run.packets;
      counted.flags = sender!.flags;
      counted.length = length;
      counted.t = t;
      counted.scheduled = sender!.unpaced ? t : due;
      this.#drop(ofRun);
      this.#count(sender!, counted);
      left -= ofRun;
    }
  }

  /** Advances past messages of the first run. */
  #drop(messages: number): void {
    const run = this.#runs[this.#firstRun];
    run.number += messages * run.packets;
    run.messages -= messages;
    if (run.messages === 0) this.#firstRun++;
    this.#from += messages;
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

/**
 * Messages of which the same is known: one, or several of a sender without a pace, each a packet of the same length.
 */
interface Run {
  sender: PacketSender | undefined;
  /** Of the first packet. */
  number: number;
  messages: number;
  /** Of each message. */
  packets: number;
  /** Of each packet. */
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
