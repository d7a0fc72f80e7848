import type { SampleSink } from "../engine/engine_flow.ts";

/** Where times are from. */
const PROCESS = 0;
const KERNEL = 1;

/** What is recorded of packets that were sent, one or several. Their sender fills the same object again and again. */
export interface SentPackets {
  /** The index of the sender. */
  sender: number;
  /** Of the first packet; the others are numbered from there on. */
  number: number;
  packets: number;
  flags: number;
  /** Of each packet, in bytes. */
  length: number;
  /** When they were sent, in nanoseconds. */
  t: number;
  /** When they were due. */
  scheduled: number;
}

/** What is recorded of a packet that was received. A receiver fills the same object again and again. */
export class ReceivedPacket {
  sender = 0;
  number = 0;
  flags = 0;
  /** In bytes. */
  length = 0;
  /** When it was received, in nanoseconds. */
  t = 0;
  /** The byte of the IP header that was called TOS. */
  trafficClass = 0;
  /** Whether `t` is from the kernel. */
  byKernel = false;
  /** Whether it came in one message with others. */
  merged = false;
  /**
   * When the server received the packet, or its sender was to send it, from `t` on; 0 if the packet does not have it.
   */
  serverReceived = 0;
  /** How long the server had it from then on. */
  serverTime = 0;
  /** How many packets of the sender the server had received by then. */
  serverCount = 0;
}

/** Records the packets of one flow at one of its ends. */
export class PacketSamples {
  readonly #sink: SampleSink<"packetIO"> | undefined;
  readonly #server: number;
  readonly #origin: number;

  /**
   * @param sink undefined: nothing is recorded
   * @param server whether it is the flow's end at the server
   * @param origin the zero of the records' times, in the time of the caller
   */
  constructor(sink: SampleSink<"packetIO"> | undefined, server: boolean, origin = 0) {
    this.#sink = sink;
    this.#server = server ? 1 : 0;
    this.#origin = origin;
  }

  /** Records what was sent. */
  sent(packets: SentPackets): void {
    if (this.#sink === undefined) return;
    const chunk = this.#sink.writer();
    const i = chunk.next(), { columns } = chunk;
    columns.sender[i] = packets.sender;
    columns.seq[i] = packets.number;
    columns.packets[i] = packets.packets;
    columns.flag[i] = packets.flags;
    columns.len[i] = packets.length;
    columns.t[i] = packets.t - this.#origin;
    columns.scheduled[i] = Math.round(packets.scheduled) - this.#origin;
    columns.sent[i] = 1;
    columns.server[i] = this.#server;
    columns.tos[i] = 0;
    columns.stampSource[i] = PROCESS;
    columns.serverReceived[i] = 0;
    columns.serverTime[i] = 0;
    columns.serverCount[i] = 0;
  }

  /** Records a packet that was received; one that follows the packet before it in a burst makes one record with it. */
  received(packet: ReceivedPacket): void {
    const sink = this.#sink;
    if (sink === undefined || packet.merged && this.#follows(packet, sink)) return;
    const chunk = sink.writer();
    const i = chunk.next(), { columns } = chunk;
    columns.sender[i] = packet.sender;
    columns.seq[i] = packet.number;
    columns.packets[i] = 1;
    columns.flag[i] = packet.flags;
    columns.len[i] = packet.length;
    columns.t[i] = packet.t - this.#origin;
    columns.scheduled[i] = packet.t - this.#origin;
    columns.sent[i] = 0;
    columns.server[i] = this.#server;
    columns.tos[i] = packet.trafficClass;
    columns.stampSource[i] = packet.byKernel ? KERNEL : PROCESS;
    columns.serverReceived[i] = packet.serverReceived;
    columns.serverTime[i] = packet.serverTime;
    columns.serverCount[i] = packet.serverCount;
  }

  /** Counts a packet to the record before it, if it continues that one. */
  #follows(packet: ReceivedPacket, sink: SampleSink<"packetIO">): boolean {
    const chunk = sink.writer();
    const i = chunk.length - 1, { columns } = chunk;
    const follows = i >= 0 && columns.t[i] === packet.t - this.#origin &&
      columns.seq[i] + columns.packets[i] === packet.number && columns.sender[i] === packet.sender &&
      columns.flag[i] === packet.flags && columns.len[i] === packet.length && columns.sent[i] === 0 &&
      columns.tos[i] === packet.trafficClass && columns.serverReceived[i] === packet.serverReceived &&
      columns.serverTime[i] === packet.serverTime;
    if (follows) columns.packets[i]++;
    return follows;
  }
}
