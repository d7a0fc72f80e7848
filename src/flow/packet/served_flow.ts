import type { SocketAddress } from "../../sys/address.ts";
import type { Hmac } from "../hmac.ts";
import type { ServedPacketReport } from "../report.ts";
import { ArrivalTimes } from "./arrival_times.ts";
import type { Totals, Trouble } from "./control_packet.ts";
import { DuplicateWindow } from "./duplicate_window.ts";
import type { FlowName } from "./header.ts";
import type { OpenSettings } from "./open_settings.ts";
import type { PacketSamples } from "./packet_samples.ts";
import { PacketSender } from "./packet_sender.ts";

/** What a flow is made of, at its server. */
export interface ServedFlowOptions {
  readonly name: FlowName;
  readonly address: SocketAddress;
  /** Of the key of the flow. */
  readonly hmac: Hmac | undefined;
  readonly settings: OpenSettings;
  /** What opened it: the same once more is the same flow. */
  readonly nonce: Uint8Array;
  readonly samples: PacketSamples;
  /** When it was opened, in the time of the server. */
  readonly start: number;
  /** The same, in the time that the server attends to its socket. */
  readonly lastReceived: number;
  /** What the socket had dropped by then. */
  readonly socketDrops: number;
  /** The socket tells the traffic class of what arrives. */
  readonly seesMarks: boolean;
}

/** A flow at its server. */
export class ServedFlow {
  readonly name: FlowName;
  readonly address: SocketAddress;
  readonly hmac: Hmac | undefined;
  readonly settings: OpenSettings;
  readonly nonce: Uint8Array;
  readonly samples: PacketSamples;
  readonly start: number;
  /** By sender. */
  readonly windows: readonly DuplicateWindow[];
  /** By sender: when packets arrived of which the client gets no echo. */
  readonly arrivals: readonly ArrivalTimes[];
  /** Senders of this end, by their index in the client's configuration. */
  readonly senders: readonly PacketSender[];
  /** When the client was heard last, in the time that the server attends to its socket. */
  lastReceived: number;
  /** When the client closed it; Infinity: it did not. */
  closedAt = Infinity;
  /** Bytes of packets that came the first time. */
  bytes = 0;
  /** Echoes that were sent. */
  replies = 0;
  replyBytes = 0;
  /** By sender: echoes that could not be. */
  readonly echoErrors: number[];
  /** By sender: packets that arrived marked "congestion experienced", each counted once; undefined: it is not seen. */
  readonly marked: number[] | undefined;
  /** What keeps this end from sending. */
  trouble: Trouble | undefined;
  /** When the client was told of that at last, in the time of the server. */
  noticedAt = -Infinity;
  /** Packets that were not signed as they should be, or of a sender that there is not. */
  bad = 0;
  /** The number of the last packet that said that the client still wants packets. */
  lastKeepalive = 0;
  readonly #socketDrops: number;
  #reported = -1;

  constructor(options: ServedFlowOptions) {
    const { settings, hmac } = options;
    this.name = options.name;
    this.address = options.address;
    this.hmac = hmac;
    this.settings = settings;
    this.nonce = options.nonce;
    this.samples = options.samples;
    this.start = options.start;
    this.lastReceived = options.lastReceived;
    this.#socketDrops = options.socketDrops;
    this.windows = Array.from({ length: settings.senders }, () => new DuplicateWindow());
    this.arrivals = Array.from({ length: settings.senders }, () => new ArrivalTimes());
    this.echoErrors = Array(settings.senders).fill(0);
    this.marked = options.seesMarks ? Array(settings.senders).fill(0) : undefined;
    this.senders = settings.reverse.map(([index, config]) =>
      new PacketSender(index, { ...config, reverse: true, echo: false }, hmac !== undefined)
    );
  }

  /** When it is over even if nobody closes it. */
  get deadline(): number {
    return this.start + this.settings.duration * 1e6;
  }

  /** Notes what keeps this end from sending some packets; the first error counts. */
  note(text: string): void {
    this.trouble ??= { text, fatal: false };
  }

  /** What the client is told of one sender at the end. */
  totals(index: number, socketDrops: number): Totals {
    const { accepted, refused } = this.windows[index];
    const sender = this.senders.find((sender) => sender.index === index);
    return {
      received: accepted,
      duplicates: refused,
      reverseSent: sender?.sent ?? 0,
      reverseSendErrors: sender?.errors ?? 0,
      reverseUnsent: sender?.unsent ?? 0,
      socketDrops: socketDrops - this.#socketDrops,
      bad: this.bad,
      arrivals: this.arrivals[index].totals,
      marked: this.marked?.[index],
      echoErrors: this.echoErrors[index],
      trouble: this.trouble,
    };
  }

  /** What is known of it; undefined if it is what was reported last. */
  news(socketDrops: number, now: number): ServedPacketReport | undefined {
    const report = this.report(socketDrops, now, this.closedAt === Infinity ? "running" : "closed");
    const { received, duplicates, sent, sendErrors, bad, state } = report;
    const sum = received + duplicates + sent + sendErrors + bad + Number(state === "closed");
    if (sum === this.#reported) return undefined;
    this.#reported = sum;
    return report;
  }

  /**
   * What is known of it.
   *
   * @param socketDrops of the server's socket, since it was opened
   * @param now in the time of the server
   */
  report(socketDrops: number, now: number, state: ServedPacketReport["state"]): ServedPacketReport {
    const { windows, senders, echoErrors, marked } = this;
    return {
      kind: "servedPackets",
      state,
      elapsedNanos: Math.min(now, this.closedAt) - this.start,
      received: sum(windows.map(({ accepted }) => accepted)),
      duplicates: sum(windows.map(({ refused }) => refused)),
      sent: this.replies + sum(senders.map(({ sent }) => sent)),
      sendErrors: sum(echoErrors) + sum(senders.map(({ errors }) => errors)),
      bytesReceived: this.bytes,
      bytesSent: this.replyBytes + sum(senders.map(({ bytes }) => bytes)),
      bad: this.bad,
      socketDrops: socketDrops - this.#socketDrops,
      congestionMarks: marked && sum(marked),
    };
  }
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
