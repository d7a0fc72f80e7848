import type { SockAddr } from "../../sys/address.ts";
import { DuplicateWindow } from "../packet/arrivals.ts";
import { type IncomingPackets, isMarked } from "../packet/packet_port.ts";
import type { ServedPacketReport } from "../report.ts";
import type { AccountedFlow } from "../server_account.ts";
import { LongNumbers } from "./test_packet.ts";

/** The maximum number of sessions of a reflector: each takes 8 KiB. */
export const MAX_SESSIONS = 1024;

/** How long a session is silent before another one may take its place, in nanoseconds, */
const SILENCE_NANOS = 10e9;
/** and how long one of a single packet is: forged packets can make many of those. */
const SINGLE_SILENCE_NANOS = 1e9;
/** How long a sender is silent before it begins anew, in nanoseconds: forged packets begin no more sessions than that. */
const RESTART_NANOS = 200e6;
/** How long a session is silent until it is over, in nanoseconds: REFWAIT of RFC 5357, 4.2. */
const WAIT_NANOS = 900e9;

/** The least time between two searches for a silent session, in nanoseconds. */
const SEARCH_NANOS = 100e6;

/** The options of a session. */
export interface ReflectedSessionOptions {
  /** Names it in reports. */
  readonly name: string;
  /** The address of its sender. */
  readonly address: SockAddr;
  /** The identifier that its sender has given it; 0: it has no identifier. */
  readonly ssid: number;
  /** The number of the first packet. */
  readonly number: number;
  /** When it was sent, as {@linkcode sentAt} reads it, and when it came, in nanoseconds. */
  readonly sent: number;
  readonly start: number;
  /** What the socket had dropped by then. */
  readonly socketDrops: number;
  /** Whether the socket has the traffic class of what arrives. */
  readonly seesMarks: boolean;
  /** Counts it for the reflector. */
  readonly accounted: AccountedFlow;
}

/** A session of STAMP as its reflector sees it. */
export class ReflectedSession {
  readonly name: string;
  readonly address: SockAddr;
  readonly ssid: number;
  /** The number of the next reply, where the reflector counts. */
  number = 0;
  /** When its last packet came. */
  lastReceived: number;
  /** It was reported as silent, and no packet has come since. */
  isReported = false;
  sendErrors = 0;
  readonly accounted: AccountedFlow;
  readonly #start: number;
  readonly #socketDrops: number;
  readonly #window = new DuplicateWindow();
  readonly #numbers: LongNumbers;
  #bytesReceived = 0;
  #sent = 0;
  #bytesSent = 0;
  #marked: number | undefined;
  #news = true;
  /** The highest number, and when that packet was sent. */
  #highest: number;
  #lastSent: number;

  constructor(options: ReflectedSessionOptions) {
    this.name = options.name;
    this.accounted = options.accounted;
    this.address = options.address;
    this.ssid = options.ssid;
    // Those that came before the first one, which may be late, are not below 0.
    this.#highest = options.number + 2 ** 32;
    this.#numbers = new LongNumbers(this.#highest);
    this.#lastSent = options.sent;
    this.#start = this.lastReceived = options.start;
    this.#socketDrops = options.socketDrops;
    this.#marked = options.seesMarks ? 0 : undefined;
  }

  /**
   * Whether a packet is the first one of a session that follows this one, of a sender with the same port and
   * identifier: its number is 0 again, although it was sent after all others. A packet that is only late was sent
   * before some of them.
   *
   * @param sent as {@linkcode sentAt} reads it
   */
  isFollowed(number: number, sent: number, now: number): boolean {
    return number === 0 && sent > this.#lastSent && now - this.lastReceived > RESTART_NANOS &&
      this.#numbers.of(0) < this.#highest;
  }

  /** Counts a packet that came. */
  received(number: number, sent: number, bytes: number, trafficClass: number, now: number): void {
    this.lastReceived = now;
    this.#news = true;
    const long = this.#numbers.of(number);
    if (long > this.#highest) {
      this.#highest = long;
      this.#lastSent = sent;
    }
    if (!this.#window.accept(long)) return;
    this.#bytesReceived += bytes;
    if (this.#marked !== undefined && isMarked(trafficClass)) this.#marked++;
  }

  /** Counts a reply. */
  replied(bytes: number): void {
    this.#sent++;
    this.#bytesSent += bytes;
  }

  /** Whether packets have come since it was asked last. */
  takeNews(): boolean {
    const news = this.#news;
    this.#news = false;
    return news;
  }

  /** Whether a single packet has come, so that its sender's address may be forged. */
  get isSingle(): boolean {
    return this.#window.accepted + this.#window.refused < 2;
  }

  /** Whether its sender is silent. */
  isSilent(now: number): boolean {
    return now - this.lastReceived > SILENCE_NANOS;
  }

  /** Whether its place is free for another one, where there is no other place. */
  givesWay(now: number): boolean {
    return now - this.lastReceived > (this.isSingle ? SINGLE_SILENCE_NANOS : SILENCE_NANOS);
  }

  /** Whether it is over. */
  isOver(now: number): boolean {
    return now - this.lastReceived > WAIT_NANOS;
  }

  /**
   * Reports what is known of it.
   *
   * @param state `closed` where its sender is silent: sessions are not closed
   * @param socketDrops of the reflector's socket, since it was opened
   */
  report(state: "running" | "closed", socketDrops: number): ServedPacketReport {
    const { accepted, refused } = this.#window;
    return {
      kind: "servedPackets",
      state,
      elapsedNanos: this.lastReceived - this.#start,
      received: accepted,
      duplicates: refused,
      sent: this.#sent,
      sendErrors: this.sendErrors,
      bytesReceived: this.#bytesReceived,
      bytesSent: this.#bytesSent,
      bad: 0,
      socketDrops: socketDrops - this.#socketDrops,
      congestionMarks: this.#marked,
    };
  }
}

/** Reads when a packet was sent, whatever the format of its time: later ones are greater, to half a microsecond. */
export function sentAt(view: DataView, at: number): number {
  return view.getUint32(at) * 2 ** 32 + view.getUint32(at + 4);
}

/** The sessions of a reflector, found by the address of the sender and the identifier of the session: RFC 8972, 3. */
export class SessionTable {
  readonly #sessions = new Map<number, ReflectedSession[]>();
  #last: ReflectedSession | undefined;
  #count = 0;
  /** No session gives up its place before. */
  #fullUntil = 0;
  /** Whether there was no room for a session, ever. */
  wasFull = false;

  /**
   * Finds the session of a packet; undefined without one. Most packets are of the same session as the packet before.
   */
  find(incoming: IncomingPackets, i: number, ssid: number): ReflectedSession | undefined {
    const last = this.#last;
    if (last !== undefined && last.ssid === ssid && incoming.isFrom(i, last.address)) return last;
    const candidates = this.#sessions.get(keyOf(incoming.sourcePort(i), ssid));
    if (candidates === undefined) return undefined;
    for (const session of candidates) {
      if (incoming.isFrom(i, session.address)) return this.#last = session;
    }
    return undefined;
  }

  /**
   * Makes room for one more session: where there are too many, that whose sender is silent for longest is removed, of those
   * of a single packet first.
   *
   * @param onRemove gets that session before
   * @returns false: there are too many, and all of them are busy
   */
  makeRoom(now: number, onRemove: (session: ReflectedSession) => void): boolean {
    if (this.#count < MAX_SESSIONS) return true;
    this.wasFull = true;
    // Anyone may send packets of many sessions: the search would take longer than the packets.
    if (now < this.#fullUntil) return false;
    let silent: ReflectedSession | undefined;
    for (const other of this) {
      if (!other.givesWay(now)) continue;
      const isBefore = silent === undefined ||
        (other.isSingle === silent.isSingle ? other.lastReceived < silent.lastReceived : other.isSingle);
      if (isBefore) silent = other;
    }
    if (silent === undefined) {
      this.#fullUntil = now + SEARCH_NANOS;
      return false;
    }
    onRemove(silent);
    this.remove(silent);
    return true;
  }

  /** Adds a session. */
  add(session: ReflectedSession): void {
    const key = keyOf(session.address.port, session.ssid), others = this.#sessions.get(key);
    if (others === undefined) this.#sessions.set(key, [session]);
    else others.push(session);
    this.#count++;
  }

  /** Removes a session. */
  remove(session: ReflectedSession): void {
    const key = keyOf(session.address.port, session.ssid);
    const left = (this.#sessions.get(key) ?? []).filter((other) => other !== session);
    if (left.length === 0) this.#sessions.delete(key);
    else this.#sessions.set(key, left);
    if (this.#last === session) this.#last = undefined;
    this.#count--;
  }

  /** All sessions. */
  *[Symbol.iterator](): Generator<ReflectedSession, void, void> {
    for (const sessions of this.#sessions.values()) yield* sessions;
  }
}

function keyOf(port: number, ssid: number): number {
  return port * 2 ** 16 + ssid;
}
