import type { SampleSink } from "../engine/engine_flow.ts";

/** Where times are from. */
const PROCESS = 0;
const KERNEL = 1;

/** Records the packets of one flow at one of its ends. */
export class PacketSamples {
  readonly #sink: SampleSink<"packetIO">;
  readonly #server: number;
  readonly #origin: number;

  /**
   * @param server whether it is the flow's end at the server
   * @param origin what is 0 in the records, in the time of the caller
   */
  constructor(sink: SampleSink<"packetIO">, server: boolean, origin = 0) {
    this.#sink = sink;
    this.#server = server ? 1 : 0;
    this.#origin = origin;
  }

  /** Packets that were sent, numbered from `number` on, each of `length` bytes. */
  sent(
    sender: number,
    number: number,
    packets: number,
    flags: number,
    length: number,
    t: number,
    scheduled: number,
  ): void {
    const chunk = this.#sink.writer();
    const i = chunk.next(), { columns } = chunk;
    columns.sender[i] = sender;
    columns.seq[i] = number;
    columns.packets[i] = packets;
    columns.flag[i] = flags;
    columns.len[i] = length;
    columns.t[i] = t - this.#origin;
    columns.scheduled[i] = Math.round(scheduled) - this.#origin;
    columns.sent[i] = 1;
    columns.server[i] = this.#server;
    columns.tos[i] = 0;
    columns.stampSource[i] = PROCESS;
    columns.serverReceived[i] = 0;
    columns.serverTime[i] = 0;
    columns.serverCount[i] = 0;
  }

  /**
   * A packet that came in one message with others: one that follows that before it makes a burst with it.
   *
   * @param byKernel whether `t` is from the kernel
   * @param due of the server's sender: when it was to be sent, from `t` on
   * @param late how much later than that it was sent
   */
  receivedInBurst(
    sender: number,
    number: number,
    flags: number,
    length: number,
    t: number,
    tos: number,
    byKernel: boolean,
    due = 0,
    late = 0,
  ): void {
    const chunk = this.#sink.writer();
    const i = chunk.length - 1, { columns } = chunk;
    const follows = i >= 0 && columns.t[i] === t - this.#origin && columns.seq[i] + columns.packets[i] === number &&
      columns.sender[i] === sender && columns.flag[i] === flags && columns.len[i] === length && columns.sent[i] === 0 &&
      columns.tos[i] === tos && columns.serverReceived[i] === due && columns.serverTime[i] === late;
    if (follows) columns.packets[i]++;
    else this.received(sender, number, flags, length, t, tos, byKernel, due, late);
  }

  /**
   * A packet that was received.
   *
   * @param byKernel whether `t` is from the kernel
   * @param serverReceived what it tells: when the server received the packet, or its sender was to send it, from `t` on
   * @param serverTime how long the server had it from then on
   */
  received(
    sender: number,
    number: number,
    flags: number,
    length: number,
    t: number,
    tos: number,
    byKernel: boolean,
    serverReceived = 0,
    serverTime = 0,
    serverCount = 0,
  ): void {
    const chunk = this.#sink.writer();
    const i = chunk.next(), { columns } = chunk;
    columns.sender[i] = sender;
    columns.seq[i] = number;
    columns.packets[i] = 1;
    columns.flag[i] = flags;
    columns.len[i] = length;
    columns.t[i] = t - this.#origin;
    columns.scheduled[i] = t - this.#origin;
    columns.sent[i] = 0;
    columns.server[i] = this.#server;
    columns.tos[i] = tos;
    columns.stampSource[i] = byKernel ? KERNEL : PROCESS;
    columns.serverReceived[i] = serverReceived;
    columns.serverTime[i] = serverTime;
    columns.serverCount[i] = serverCount;
  }
}
