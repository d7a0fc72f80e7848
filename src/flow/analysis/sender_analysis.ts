import type { PacketReport } from "../report.ts";
import { roundTripTime } from "../packet/client_receiver.ts";
import type { Columns } from "../records/format.ts";
import type { ClockOffsetEstimator, OffsetEstimate } from "./clock_offset.ts";
import { Distribution, type Quantiles, roundTripsPerMinute } from "./distribution.ts";
import { ECHO, REPLY, REVERSE } from "../packet/header.ts";
import { isAnswer, isPlausible, isTime, packetsOf } from "./packet_sample.ts";
import { PacketPath, type PathFigures } from "./packet_path.ts";
import { PacketWindow, type WindowBudget } from "./packet_window.ts";
import { ArrivedSends, RateMeter } from "./rate_meter.ts";

/** Columns of the window. The first four are times by the clock of the end where it happened. */
const SENT = 0;
const SERVER_RECEIVED = 1;
const SERVER_SENT = 2;
const RECEIVED = 3;
/** At which place it arrived. */
const SERVER_PLACE = 4;
const PLACE = 5;
/** The server has a record of it. */
const SERVER_RECORD = 6;
/** When the server received it, by the last reply that came: it may have received it twice. */
const LAST_RECEIVED = 7;
const COLUMNS = 8;

/** More nanoseconds than packets arrive before the first one that was answered. */
const FAR_PLACE = 2 ** 52;

/** Times that a reflector gives of a packet may differ by this, in nanoseconds, where they are rounded. */
const SAME_NANOS = 1000;

/** What is sent later than this is late, in nanoseconds. */
export const LATE_NANOS = 1e6;

/** How the packets of a sender are followed. */
export interface SenderAnalysisOptions {
  /**
   * All samples are of the client: of packets without an echo, single times are of no use, and are not kept.
   * Default: false
   */
  readonly clientOnly?: boolean;
  /** Gets each round trip: when the reply came, since the client's `tinit`, and its time, in nanoseconds. */
  readonly onRoundTrip?: (received: number, nanos: number) => void;
}

/** What was measured with the packets of one sender. Times are nanoseconds. */
export interface PacketFigures {
  /** The index of the sender in the configuration of the client. */
  readonly sender: number;
  /** From client to server; absent if the sender is at the server. */
  readonly toServer?: PathFigures;
  /** From server to client: replies, or packets of a sender at the server. */
  readonly fromServer?: PathFigures;
  /**
   * There and back, without the time at the server: from just before the client's send call until its kernel has the
   * reply, less `serverTime` of the same packet, see {@linkcode roundTripTime}. It is the sum of both one-way delays.
   */
  readonly rtt?: Quantiles;
  /** Round trips that fit a minute, see {@linkcode roundTripsPerMinute}: responsiveness, if the path is under load. */
  readonly roundTripsPerMinute?: number;
  /** How long packets were at the server: from when its kernel had them until just before its send call. */
  readonly serverTime?: Quantiles;
  /** How many of them were there for over {@linkcode LATE_NANOS}. */
  readonly slowReplies: number;
  /**
   * How much later than scheduled packets were handed to the kernel; absent where nothing is scheduled, as without a
   * pace. Of a sender at the server that has no samples of its own: of the packets that arrived.
   */
  readonly lateness?: Quantiles;
  /** The number of packets that were later than {@linkcode LATE_NANOS}. */
  readonly lateSends: number;
  /** Between the first packet sent and the last one. */
  readonly sendNanos: number;
  /** Of payloads of UDP, see {@linkcode RateMeter}; absent if fewer than two packets are known. */
  readonly sendBitsPerSecond?: number;
  /**
   * Of payloads of UDP that arrived in the direction of the sender, echoes not. Where the server has reported how many came,
   * but not when: the sending rate, reduced by what was lost.
   */
  readonly goodputBitsPerSecond?: number;
  /** Packets that a kernel did not take: those of the sender, and echoes. */
  readonly sendErrors: number;
  /** Packets that were due, but that the sender did not get to before its time was over. */
  readonly unsent: number;
  /**
   * Packets that did not come back: they were lost on their way there, or their replies were. Only where the server does not
   * count packets, so that the direction is unknown.
   */
  readonly unanswered?: number;
  /** Samples that contradict others or make no sense, and were left out. */
  readonly incoherent: number;
}

/** Follows the packets of one sender, as samples of either end or both arrive in any order. */
export class SenderAnalysis {
  readonly #window: PacketWindow;
  readonly #toServer: PacketPath;
  readonly #fromServer: PacketPath;
  readonly #rtt = new Distribution();
  readonly #serverTime = new Distribution();
  readonly #lateness = new Distribution();
  #reverse = false;
  #echo = false;
  /** The highest number that the client has sent. */
  #lastSent = -1;
  #serverReplies = 0;
  #serverRecords = 0;
  #serverCount = 0;
  /** Replies carry what the server knows of their packets. */
  #answered = false;
  /** The server does not count: its replies only have times. */
  #uncounted = false;
  /** The first time of arrival at the server, where that alone shows the order. */
  #firstArrival = NaN;
  readonly #sendRate = new RateMeter();
  readonly #serverRate = new RateMeter();
  readonly #receiveRate = new RateMeter();
  /** Sends of a sender at the server, by what its packets carry. */
  readonly #arrivedSends = new ArrivedSends();
  #incoherent = 0;

  /**
   * @param sender its index
   * @param offset learns how the clocks relate
   * @param budget what its window may grow by
   */
  constructor(
    readonly sender: number,
    readonly offset: ClockOffsetEstimator,
    budget: WindowBudget,
    readonly options: SenderAnalysisOptions,
  ) {
    this.#window = new PacketWindow(COLUMNS, budget, (end) => {
      this.#toServer.order.settle(end);
      // The numbers of echoes are those of the packets that they answer: the server sends them as it gets these.
      this.#fromServer.order.settle(end, this.#answered ? SERVER_PLACE : undefined);
    });
    this.#toServer = new PacketPath(this.#window, SENT, SERVER_RECEIVED, SERVER_PLACE, 1);
    this.#fromServer = new PacketPath(this.#window, SERVER_SENT, RECEIVED, PLACE, -1);
  }

  /**
   * Adds a sample, a packet or a burst.
   *
   * @param columns of the chunk
   * @param i of the sample
   * @param shift what turns its times into those since the client's `tinit`
   */
  add(columns: Columns<"packetIO">, i: number, shift: number): void {
    const t = columns.t[i] + shift;
    const seq = columns.seq[i];
    const bytes = columns.len[i];
    if (!isPlausible(columns, i, shift)) {
      this.#incoherent++;
      return;
    }
    const packets = packetsOf(columns, i);
    if (columns.flag[i] & REVERSE) this.#reverse = true;
    if (columns.sent[i]) {
      this.#sent(columns, i, t, packets, bytes);
      // Millions a second may be sent in bursts.
      if (this.options.clientOnly && (columns.flag[i] & ECHO) === 0) return;
    }
    for (let k = 0; k < packets; k++) {
      if (columns.server[i]) {
        if (columns.sent[i]) this.#set(seq + k, SERVER_SENT, t);
        else this.#serverReceived(columns, i, seq + k, t, bytes);
      } else if (columns.sent[i]) this.#set(seq + k, SENT, t);
      else this.#received(columns, i, seq + k, t, bytes);
    }
  }

  /**
   * All figures. Nothing may be added any more.
   *
   * @param offset how the clocks relate
   * @param report of the client, the last one
   * @param measured how many of its senders are measured: the others are those of a warm-up
   */
  figures(offset: OffsetEstimate | undefined, report?: PacketReport, measured = Infinity): PacketFigures {
    this.#window.end();
    const counts = report?.senders[this.sender];
    // Before the end, the server's counts are those of the last echo, which samples have as well.
    const closing = report?.complete ? counts : undefined;
    // Sockets count for all senders together.
    const sockets = report !== undefined && Math.min(report.senders.length, measured) === 1 ? report : undefined;
    const [toServer, fromServer] = [this.#toServer, this.#fromServer];
    // Samples of the server and the counts in its replies may both be cut short: the greater one knows more.
    const uncounted = this.#uncounted || report?.uncounted === true;
    const knowsReceived = !uncounted &&
      (this.#serverRecords > 0 || this.#serverCount > 0 || closing !== undefined);
    toServer.received = Math.max(this.#serverRecords, this.#serverCount, closing?.serverReceived ?? 0);
    toServer.duplicates = Math.max(toServer.duplicates, closing?.serverDuplicates ?? 0);
    toServer.seesMarks ||= closing?.serverCongestionMarks !== undefined;
    toServer.congestionMarks = Math.max(toServer.congestionMarks, closing?.serverCongestionMarks ?? 0);
    toServer.pathMtuBytes = report?.pathMtuBytes;
    fromServer.pathMtuBytes = report?.serverPathMtuBytes;
    toServer.socketDrops = sockets?.serverSocketDrops ?? 0;
    const knowsSent = !uncounted && (!this.#reverse || closing !== undefined || fromServer.sent > 0);
    const sent = this.#reverse
      ? Math.max(fromServer.sent, closing?.serverSent ?? this.#window.high + 1)
      // A server echoes each packet that it receives.
      : this.#echo
      ? Math.max(this.#serverReplies, toServer.received - (closing?.serverSendErrors ?? 0))
      : this.#serverReplies;
    fromServer.sent = Math.max(sent, fromServer.received);
    fromServer.socketDrops = sockets?.socketDrops ?? 0;
    if (report !== undefined && report.senders.length > measured) {
      // Sockets have counted from the start of the warm-up on: of their drops, those that are missing now may be later ones.
      toServer.socketDrops = Math.min(toServer.socketDrops, Math.max(0, toServer.sent - toServer.received));
      fromServer.socketDrops = Math.min(fromServer.socketDrops, Math.max(0, fromServer.sent - fromServer.received));
    }
    if (closing === undefined) this.#leaveUnsettled();
    const unanswered = uncounted
      ? Math.max(0, toServer.sent - toServer.unsettled - fromServer.received - fromServer.socketDrops)
      : undefined;
    // Where each packet has its reply, all have arrived in both directions.
    const allAnswered = unanswered === 0;
    if (allAnswered) toServer.received = Math.max(toServer.received, toServer.sent - toServer.unsettled);
    // Samples of the sender know of lost packets too.
    const lateness = this.#lateness.count > 0 ? this.#lateness : this.#arrivedSends.lateness;
    return {
      sender: this.sender,
      toServer: toServer.sent > 0 || toServer.received > 0
        ? toServer.figures({ sender: true, receiver: knowsReceived || allAnswered }, offset, closing?.arrivals)
        : undefined,
      fromServer: this.#reverse || fromServer.sent > 0
        ? fromServer.figures({ sender: knowsSent || allAnswered, receiver: true }, offset)
        : undefined,
      rtt: this.#rtt.quantiles(),
      roundTripsPerMinute: roundTripsPerMinute(this.#rtt),
      serverTime: this.#serverTime.quantiles(),
      slowReplies: this.#serverTime.above(LATE_NANOS),
      lateness: lateness.max > 0 ? lateness.quantiles() : undefined,
      lateSends: lateness.above(LATE_NANOS),
      sendNanos: this.#sendRate.nanos || this.#arrivedSends.nanos,
      sendBitsPerSecond: this.#sendRate.bitsPerSecond ?? this.#arrivedSends.bitsPerSecond,
      goodputBitsPerSecond: uncounted && !allAnswered ? undefined : this.#goodput(),
      ...uncounted && { unanswered },
      sendErrors: (counts?.sendErrors ?? 0) + (counts?.serverSendErrors ?? 0),
      unsent: counts?.unsent ?? 0,
      incoherent: this.#incoherent,
    };
  }

  /**
   * Leaves out of the losses what is behind the last packet that both ends have recorded: without the counts at the end,
   * it may have been under way, or its records are missing.
   */
  #leaveUnsettled(): void {
    const fromServer = this.#fromServer.order.highest;
    if (this.#reverse) {
      // By its number, it is known how many were sent before the last one that arrived.
      this.#fromServer.unsettled = this.#countAfter(SERVER_SENT, fromServer);
      return;
    }
    const server = this.#echo ? Math.max(this.#toServer.order.highest, fromServer) : this.#toServer.order.highest;
    const last = Math.min(this.#lastSent, server);
    this.#toServer.unsettled = this.#countAfter(SENT, last) -
      (server > last ? this.#countAfter(SERVER_RECEIVED, last) : 0);
    if (this.#echo) this.#fromServer.unsettled = this.#countAfter(SERVER_RECEIVED, fromServer);
  }

  /** How many packets behind a number have a time in a column; those that the window has forgotten count as such. */
  #countAfter(column: number, number: number): number {
    const { low, high, columns: { [column]: times } } = this.#window;
    let count = Math.max(0, low - 1 - number);
    for (let seq = Math.max(low, number + 1); seq <= high; seq++) {
      if (!Number.isNaN(times[this.#window.slot(seq)])) count++;
    }
    return count;
  }

  #goodput(): number | undefined {
    if (this.#reverse) return this.#receiveRate.bitsPerSecond;
    const { sent, received } = this.#toServer;
    const rate = this.#sendRate.bitsPerSecond;
    return this.#serverRate.bitsPerSecond ?? (rate !== undefined && received > 0 ? rate * received / sent : undefined);
  }

  #sent(columns: Columns<"packetIO">, i: number, t: number, packets: number, bytes: number): void {
    if (columns.flag[i] & REPLY) {
      this.#serverReplies += packets;
      return;
    }
    (columns.server[i] ? this.#fromServer : this.#toServer).sent += packets;
    this.#sendRate.add(t, bytes * packets);
    if (!columns.server[i]) this.#lastSent = Math.max(this.#lastSent, columns.seq[i] + packets - 1);
    if (columns.flag[i] & ECHO) this.#echo = true;
    const lateness = columns.t[i] - columns.scheduled[i];
    if (!Number.isNaN(lateness)) this.#lateness.add(lateness, packets);
  }

  #serverReceived(columns: Columns<"packetIO">, i: number, seq: number, t: number, bytes: number): void {
    const slot = this.#window.enter(seq);
    if (slot < 0) {
      this.#strange(seq, this.#toServer, seq);
      return;
    }
    const recorded = this.#window.columns[SERVER_RECORD];
    if (recorded[slot] === 1) {
      this.#toServer.duplicates++;
      return;
    }
    recorded[slot] = 1;
    this.#serverRecords++;
    this.#toServer.noteMark(columns, i);
    this.#serverRate.add(t, bytes);
    const places = this.#window.columns[SERVER_PLACE];
    const placed = !Number.isNaN(places[slot]);
    this.#toServer.order.arrived(seq, !placed && seq < this.#window.settled, seq);
    if (!placed) places[slot] = this.#serverRecords;
    this.#set(seq, SERVER_RECEIVED, t);
  }

  #received(columns: Columns<"packetIO">, i: number, seq: number, t: number, bytes: number): void {
    const isReply = isAnswer(columns, i), serverReceived = t + columns.serverReceived[i];
    const turn = isReply ? this.#placeAtServer(columns.serverCount[i], serverReceived) : seq;
    const slot = this.#window.enter(seq);
    if (slot < 0) {
      this.#strange(seq, this.#fromServer, turn);
      return;
    }
    const { columns: window } = this.#window;
    if (!Number.isNaN(window[PLACE][slot])) {
      // A reflector that does not count answers what comes twice both times, each with times of its own.
      const isOther = isReply && columns.serverCount[i] === 0 &&
        [SERVER_RECEIVED, LAST_RECEIVED].every((column) =>
          Math.abs(serverReceived - window[column][slot]) > SAME_NANOS
        );
      (isOther ? this.#toServer : this.#fromServer).duplicates++;
      window[LAST_RECEIVED][slot] = serverReceived;
      return;
    }
    this.#fromServer.order.arrived(seq, seq < this.#window.settled, turn);
    window[PLACE][slot] = ++this.#fromServer.received;
    this.#fromServer.noteMark(columns, i);
    this.#receiveRate.add(t, bytes);
    this.#set(seq, RECEIVED, t);
    if (columns.flag[i] & REVERSE) return this.#addFromServer(columns, i, seq, t, bytes);
    if (!isReply) return;
    this.#noteAnswer(columns.serverCount[i], serverReceived);
    window[LAST_RECEIVED][slot] = serverReceived;
    if (Number.isNaN(window[SERVER_PLACE][slot])) window[SERVER_PLACE][slot] = turn;
    this.#set(seq, SERVER_RECEIVED, serverReceived);
    this.#set(seq, SERVER_SENT, serverReceived + columns.serverTime[i]);
  }

  /** Returns at which place a packet arrived at the server, by its reply. Places are not negative. */
  #placeAtServer(count: number, serverReceived: number): number {
    if (count > 0) return count;
    return Number.isNaN(this.#firstArrival) ? FAR_PLACE : serverReceived - this.#firstArrival + FAR_PLACE;
  }

  #noteAnswer(count: number, serverReceived: number): void {
    this.#answered = true;
    if (count > this.#serverCount) this.#serverCount = count;
    if (count > 0) return;
    this.#uncounted = true;
    if (Number.isNaN(this.#firstArrival)) this.#firstArrival = serverReceived;
  }

  /** A packet of a sender at the server; those of earlier versions have no times. */
  #addFromServer(columns: Columns<"packetIO">, i: number, seq: number, t: number, bytes: number): void {
    const due = columns.serverReceived[i], lateness = columns.serverTime[i];
    if (!(due !== 0 || lateness !== 0) || !isTime(t + due + lateness)) return;
    this.#set(seq, SERVER_SENT, t + due + lateness);
    this.#arrivedSends.add(seq, t + due + lateness, bytes, lateness);
  }

  /** Counts a number without a place in the window: it came far too late, or is invalid. */
  #strange(seq: number, path: PacketPath, turn: number): void {
    if (seq >= 0 && seq < this.#window.low) {
      // Whether it came before is forgotten.
      if (path === this.#toServer) this.#serverRecords++;
      else path.received++;
      path.order.arrived(seq, true, turn);
    } else this.#incoherent++;
  }

  /** Learns a time of a packet, and what follows from it together with those known before. */
  #set(seq: number, column: number, t: number): void {
    const slot = this.#window.enter(seq);
    if (slot < 0 || !isTime(t)) {
      if (!(seq >= 0 && seq < this.#window.low)) this.#incoherent++;
      return;
    }
    const { columns } = this.#window;
    // The first one counts: what comes again is a duplicate, or is known from a reply.
    if (!Number.isNaN(columns[column][slot])) return;
    columns[column][slot] = t;
    const sent = columns[SENT][slot];
    const serverReceived = columns[SERVER_RECEIVED][slot];
    const serverSent = columns[SERVER_SENT][slot];
    const received = columns[RECEIVED][slot];
    if ((column === SENT || column === SERVER_RECEIVED) && known(sent, serverReceived)) {
      this.#toServer.complete(seq);
      this.offset.toServer(sent, serverReceived);
    }
    if ((column === SERVER_SENT || column === RECEIVED) && known(serverSent, received)) {
      this.#fromServer.complete(seq);
      this.offset.fromServer(serverSent, received);
    }
    if (!known(serverReceived, serverSent)) return;
    const serverTime = serverSent - serverReceived;
    if (column === SERVER_RECEIVED || column === SERVER_SENT) {
      // By one clock: it can only be negative if that was set.
      if (serverTime >= 0) this.#serverTime.add(serverTime);
      else this.#incoherent++;
    }
    if (!known(sent, received)) return;
    if (serverTime >= 0) this.#roundTrip(received, roundTripTime(received - sent, serverTime));
  }

  #roundTrip(received: number, nanos: number): void {
    if (Number.isNaN(nanos)) {
      this.#incoherent++;
      return;
    }
    this.#rtt.add(nanos);
    this.options.onRoundTrip?.(received, nanos);
  }
}

function known(a: number, b: number): boolean {
  return !Number.isNaN(a) && !Number.isNaN(b);
}
