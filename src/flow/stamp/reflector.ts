import { DEFAULT_MAX_PACKET_BYTES } from "../../base/limits.ts";
import { LogLimiter } from "../../base/log_limiter.ts";
import { formatCount } from "../../base/units.ts";
import { SockAddr } from "../../sys/address.ts";
import { type ClockState, wallClockState } from "../../sys/clock.ts";
import { SystemError } from "../../sys/errno.ts";
import type { PacketServerConfig } from "../config.ts";
import {
  type EngineFlow,
  type EngineFlowFactory,
  every,
  type FlowHost,
  type FlowRequest,
} from "../engine/engine_flow.ts";
import { AccountedFlow, ServerAccount } from "../server_account.ts";
import { Hmac } from "../hmac.ts";
import { DropCounter } from "../packet/arrivals.ts";
import { SendingTime } from "../packet/echoes.ts";
import {
  followOddTime,
  followWallClock,
  type IncomingPackets,
  type OutgoingPackets,
  type PacketPort,
  type PacketPorts,
  replyEcn,
} from "../packet/packet_port.ts";
import { PortReader, type PortUser } from "../packet/port_reader.ts";
import { ReflectedSession, sentAt, SessionTable } from "./session.ts";
import {
  answerExtensions,
  isTestPacketSigned,
  layoutOf,
  signTestPacket,
  type TestPacketLayout,
} from "./test_packet.ts";
import { errorEstimate, formatOf, StampTime } from "./timestamp.ts";

const PROGRESS_NANOS = 250e6;
const SECOND_NANOS = 1e9;
/** Replies to all messages that are received at once have room. */
const BATCH = 128;

/** A reply comes back from another reflector sooner than this. */
const LOOP_NANOS = 10e9;

/** Makes the reflectors of STAMP, over ports of a kind. */
export function stampReflectorFlow(
  ports: (host: FlowHost) => PacketPorts,
): EngineFlowFactory<PacketServerConfig> {
  return (host, request) => new StampReflector(host, request, ports(host));
}

/**
 * A session-reflector of STAMP (RFC 8762, 4.3), which serves senders of TWAMP Light too: answers each test packet with
 * one of the same length, with its DSCP. A packet without room for the reply is not answered: no answer is longer than
 * what it answers.
 */
class StampReflector implements EngineFlow, PortUser {
  readonly #host: FlowHost;
  readonly #request: FlowRequest<PacketServerConfig>;
  readonly #ports: PacketPorts;
  readonly #hmac: Hmac | undefined;
  readonly #layout: TestPacketLayout;
  readonly #isStateless: boolean;
  readonly #sessions = new SessionTable();
  readonly #drops = new DropCounter();
  readonly #log: LogLimiter;
  readonly #account: ServerAccount;
  #parts: Parts | undefined;
  #clock: ClockState | undefined;
  #named = 0;
  /** Packets without an answer: other than test packets, or of other reflectors. */
  #unanswered = 0;
  #looped = 0;
  /** Packets that were answered without a session. */
  #uncounted = 0;

  constructor(host: FlowHost, request: FlowRequest<PacketServerConfig>, ports: PacketPorts) {
    this.#host = host;
    this.#request = request;
    this.#ports = ports;
    this.#hmac = request.key && new Hmac(request.key);
    this.#account = new ServerAccount(request.account);
    this.#layout = layoutOf(this.#hmac !== undefined);
    this.#isStateless = request.config.stamp?.stateless === true;
    this.#log = new LogLimiter((line) => host.log(line));
  }

  start(): void {
    const { addresses: [address], config } = this.#request;
    const longest = config.maxPacketSize ?? DEFAULT_MAX_PACKET_BYTES;
    const port = this.#ports.listen(SockAddr.parse(address), config, longest);
    // First, so that it is closed whatever happens.
    this.#parts = { port, replies: new Replies(port, this.#layout, this.#hmac, longest) };
    this.#parts.reader = new PortReader(this.#host, port, this);
    every(this.#host, PROGRESS_NANOS, () => this.#report());
    every(this.#host, SECOND_NANOS, () => this.#tidy());
    this.#readClock();
    this.#host.listening(port.local.toString());
  }

  close(): void {
    if (this.#parts === undefined) return;
    for (const session of this.#sessions) this.#reportLast(session);
    this.#reportStrange();
    this.#log.end();
    this.#parts.port[Symbol.dispose]();
  }

  /** What cannot be answered yet waits in the socket. */
  get canTake(): boolean {
    return !this.#parts!.replies.blocked;
  }

  /** Replies are sent at once, though senders subtract the time at the reflector. */
  readonly prompt = true;

  get wantsRoom(): boolean {
    return this.#parts!.replies.blocked;
  }

  onRoom(): void {
    this.#parts!.replies.flush();
  }

  onError(error: unknown): void {
    // An ICMP error about a reply concerns one sender alone.
    if (!(error instanceof SystemError)) throw error;
  }

  takeAll(count: number): void {
    const { port, replies } = this.#parts!, { incoming, clock } = port;
    const now = clock.now();
    followOddTime(incoming.arrival(count - 1), now, clock, this.#host);
    for (let i = 0; i < count; i++) {
      this.#drops.add(incoming.drops(i), 1);
      this.#take(incoming, i, now);
    }
    replies.flush();
  }

  #take(incoming: IncomingPackets, i: number, now: number): void {
    const length = incoming.length(i), layout = this.#layout;
    if (length < layout.leastBytes || this.#hmac && !isTestPacketSigned(this.#hmac, incoming.bytes(i))) {
      this.#unanswered++;
      return;
    }
    const view = incoming.view(i), number = view.getUint32(0);
    if (this.#parts!.replies.isAnswered(view, now)) {
      this.#looped++;
      return;
    }
    const sent = sentAt(view, layout.timestamp);
    let session = this.#sessions.find(incoming, i, view.getUint16(layout.ssid));
    if (session?.isFollowed(number, sent, now)) {
      this.#reportLast(session);
      this.#sessions.remove(session);
      session = undefined;
    }
    session ??= this.#open(incoming, i, view, now);
    // Forged packets may have taken all places: a reply that counts nothing still shows times.
    if (session === undefined && !this.#isStateless) this.#uncounted++;
    if (session?.isReported) this.#inform(session);
    session?.received(number, sent, length, incoming.trafficClass(i), now);
    const arrival = incoming.arrival(i);
    const t = Number.isNaN(arrival) ? now : arrival;
    this.#parts!.replies.add(
      incoming,
      i,
      t,
      this.#isStateless || session === undefined ? number : session.number++,
      session,
    );
  }

  #open(incoming: IncomingPackets, i: number, view: DataView, now: number): ReflectedSession | undefined {
    if (!this.#sessions.makeRoom(now, (silent) => this.#reportLast(silent))) return undefined;
    const session = new ReflectedSession({
      name: `stamp.${++this.#named}`,
      address: incoming.source(i),
      ssid: view.getUint16(this.#layout.ssid),
      number: view.getUint32(0),
      sent: sentAt(view, this.#layout.timestamp),
      start: now,
      socketDrops: this.#drops.packets,
      seesMarks: this.#ports.kind === "ffi",
      accounted: new AccountedFlow(this.#account),
    });
    // Earlier packets of the same sender may have been answered as without a session: numbers go on from theirs.
    if (this.#sessions.wasFull) session.number = view.getUint32(0);
    this.#sessions.add(session);
    this.#inform(session);
    return session;
  }

  #inform(session: ReflectedSession): void {
    session.isReported = false;
    session.accounted.begin();
    const { port } = this.#parts!;
    this.#host.info({
      type: "packetInfo",
      flow: session.name,
      server: true,
      tinit: port.clock.tinit + BigInt(port.clock.now()),
      values: {
        engine: this.#ports.kind,
        client: session.address.unmapped().toString(),
        server: port.local.toString(),
        senders: 1,
        signed: this.#hmac !== undefined,
        protocol: "stamp",
        ssid: session.ssid,
        stateless: this.#isStateless,
      },
    });
  }

  #report(): void {
    for (const session of this.#sessions) {
      if (!session.takeNews()) continue;
      const report = session.report("running", this.#drops.packets);
      session.accounted.reported(report);
      this.#host.progress(session.name, report);
    }
  }

  /** Reports a session whose sender is silent: for the last time, unless it resumes. */
  #reportLast(session: ReflectedSession): void {
    if (session.isReported) return;
    session.isReported = true;
    session.takeNews();
    const report = session.report("closed", this.#drops.packets);
    session.accounted.reported(report);
    session.accounted.end(true);
    this.#host.progress(session.name, report);
  }

  #tidy(): void {
    followWallClock(this.#parts!.port.clock, this.#host);
    this.#readClock();
    const now = this.#parts!.port.clock.now();
    for (const session of this.#sessions) {
      if (session.isSilent(now)) this.#reportLast(session);
      if (session.isOver(now)) this.#sessions.remove(session);
    }
    this.#reportStrange();
  }

  #reportStrange(): void {
    if (this.#unanswered > 0) {
      const { config: { maxPacketSize = DEFAULT_MAX_PACKET_BYTES } } = this.#request;
      const why = `shorter than ${this.#layout.leastBytes} bytes or longer than ${maxPacketSize}` +
        (this.#hmac === undefined ? "" : ", or not signed with the key");
      this.#log.log(`${formatCount(this.#unanswered, "packet")} ${why}: not answered`);
    }
    if (this.#looped > 0) {
      this.#log.log(`${formatCount(this.#looped, "reply", "replies")} of other reflectors: not answered`);
    }
    if (this.#uncounted > 0) {
      this.#log.log(`${formatCount(this.#uncounted, "packet")} of too many sessions: answered, and not counted`);
    }
    this.#unanswered = this.#looped = this.#uncounted = 0;
  }

  #readClock(): void {
    this.#parts!.replies.clockState = this.#ports.kind === "ffi" ? wallClockState() : undefined;
  }
}

/** What exists from the start on. */
interface Parts {
  readonly port: PacketPort;
  readonly replies: Replies;
  reader?: PortReader;
}

/** Sends test packets back to where they came from, several at a time. */
class Replies {
  /** The state of the clock, as the kernel reports it. */
  clockState: ClockState | undefined;
  readonly #outgoing: OutgoingPackets;
  readonly #layout: TestPacketLayout;
  readonly #hmac: Hmac | undefined;
  readonly #time: StampTime;
  readonly #sending: SendingTime;
  readonly #slots: Slot[] = Array.from({ length: BATCH }, () => ({ session: undefined, length: 0 }));
  /** Messages [from, to) are filled, but not sent yet. */
  #from = 0;
  #to = 0;

  constructor(port: PacketPort, layout: TestPacketLayout, hmac: Hmac | undefined, longestBytes: number) {
    this.#outgoing = port.outgoing(BATCH, Math.max(longestBytes, layout.bytes));
    this.#layout = layout;
    this.#hmac = hmac;
    this.#time = new StampTime(port.clock.tinit);
    this.#sending = new SendingTime(port.clock);
  }

  /** Whether the socket has no room for what waits. */
  get blocked(): boolean {
    return this.#from < this.#to;
  }

  /**
   * Whether a packet answers one of these replies: it carries their time of sending. So does what another reflector
   * sends for a reply that came there with a forged address; the two would answer each other for ever.
   *
   * @param view of a packet
   */
  isAnswered(view: DataView, now: number): boolean {
    const { senderTimestamp, senderError } = this.#layout;
    const sent = this.#time.read(view, senderTimestamp, formatOf(view.getUint16(senderError)));
    return sent > now - LOOP_NANOS && sent <= now;
  }

  /**
   * Prepares the reply to a received packet.
   *
   * @param t when that was received
   * @param number of the reply
   * @param session that counts it; left out where there is no room for more sessions
   */
  add(incoming: IncomingPackets, i: number, t: number, number: number, session: ReflectedSession | undefined): void {
    if (this.#to === this.#outgoing.capacity && !this.flush()) {
      if (session !== undefined) session.sendErrors++;
      return;
    }
    const slot = this.#slots[this.#to], layout = this.#layout;
    const request = incoming.view(i), length = incoming.length(i);
    slot.session = session;
    slot.length = length;
    const { bytes, view } = this.#outgoing, place = this.#outgoing.place(this.#to);
    const error = request.getUint16(layout.error), format = formatOf(error);
    bytes.fill(0, place, place + layout.bytes);
    view.setUint32(place, number);
    view.setUint16(place + layout.error, errorEstimate(this.clockState, format));
    view.setUint16(place + layout.ssid, request.getUint16(layout.ssid));
    this.#time.write(view, place + layout.received, t, format);
    view.setUint32(place + layout.senderNumber, request.getUint32(0));
    view.setUint32(place + layout.senderTimestamp, request.getUint32(layout.timestamp));
    view.setUint32(place + layout.senderTimestamp + 4, request.getUint32(layout.timestamp + 4));
    view.setUint16(place + layout.senderError, error);
    view.setUint8(place + layout.hops, incoming.hopLimit(i));
    if (length > layout.bytes) {
      bytes.set(incoming.bytes(i).subarray(layout.bytes, length), place + layout.bytes);
      answerExtensions(view, place + layout.bytes, place + length);
    }
    this.#outgoing.setLength(this.#to, length);
    this.#outgoing.reply(this.#to, incoming, i, replyEcn(undefined, incoming.trafficClass(i)));
    this.#to++;
  }

  /**
   * Sends what waits.
   *
   * @returns false: there is no room for now
   */
  flush(): boolean {
    while (this.#from < this.#to) {
      this.#sending.stamp(this.#to - this.#from, this.#write);
      const sent = this.#send();
      if (sent < 0) return false;
      for (let i = this.#from; i < this.#from + sent; i++) this.#slots[i].session?.replied(this.#slots[i].length);
      this.#from += sent;
    }
    this.#from = this.#to = 0;
    return true;
  }

  /** Writes into what waits when it is sent, and signs it. */
  readonly #write = (t: number): void => {
    const { bytes, view } = this.#outgoing, { timestamp, error } = this.#layout;
    for (let i = this.#from; i < this.#to; i++) {
      const place = this.#outgoing.place(i);
      this.#time.write(view, place + timestamp, t, formatOf(view.getUint16(place + error)));
      if (this.#hmac !== undefined) signTestPacket(this.#hmac, bytes, place);
    }
  };

  /** @returns how many were sent; -1: there is no room */
  #send(): number {
    try {
      return this.#outgoing.send(this.#from, this.#to - this.#from) || -1;
    } catch (error) {
      if (!(error instanceof SystemError)) throw error;
      const { session } = this.#slots[this.#from++];
      if (session !== undefined) session.sendErrors++;
      return 0;
    }
  }
}

/** What a message to send has. */
interface Slot {
  session: ReflectedSession | undefined;
  length: number;
}
