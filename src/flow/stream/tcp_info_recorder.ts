import type { Socket } from "../../sys/socket.ts";
import { type TcpInfo, tcpInfoPlaces, TcpInfoSampler } from "../../sys/tcp_info.ts";
import type { SampleSink } from "../engine/engine_flow.ts";
import type { StreamReport } from "./words.ts";

const names = Object.keys(tcpInfoPlaces) as (keyof TcpInfo)[];

/** Asks the kernel about the sender's connection, and records what it says. */
export class TcpInfoRecorder {
  readonly #socket: Socket;
  readonly #sink: SampleSink<"tcpInfo">;
  readonly #server: boolean;
  readonly #sampler = new TcpInfoSampler();
  /** What the kernel said last. */
  readonly last: TcpInfo;

  /** @param server whether the socket is the server's */
  constructor(socket: Socket, sink: SampleSink<"tcpInfo">, server: boolean) {
    this.#socket = socket;
    this.#sink = sink;
    this.#server = server;
    this.last = this.#sampler.sample(socket);
  }

  /** Asks, without recording. */
  ask(): TcpInfo {
    return this.#sampler.sample(this.#socket, this.last);
  }

  /**
   * Asks and records.
   *
   * @param t nanoseconds since the flow's `tinit`
   */
  record(t: number): void {
    const info = this.ask();
    const writer = this.#sink.writer();
    const { columns } = writer, i = writer.next();
    columns.t[i] = t;
    columns.server[i] = this.#server ? 1 : 0;
    for (const name of names) columns[name][i] = info[name];
  }

  /** The answer before, as progress events have it. */
  report(): StreamReport {
    const { totalRetrans, rtt, rttvar, minRtt, cwnd, sndMss, busyTime, rwndLimited, sndbufLimited } = this.last;
    return {
      retransmits: totalRetrans,
      rttMicros: rtt,
      rttVarMicros: rttvar,
      minRttMicros: minRtt,
      cwndBytes: cwnd * sndMss,
      busyMicros: busyTime,
      receiveWindowMicros: rwndLimited,
      sendBufferMicros: sndbufLimited,
    };
  }
}
