import { IPPROTO_TCP, SO_SNDBUF, SOL_SOCKET, TCP_NOTSENT_LOWAT } from "../../sys/constants.ts";
import type { Socket } from "../../sys/socket.ts";
import { notSentLowWaterBytes } from "../../sys/socket_options.ts";
import type { StreamRequest } from "./words.ts";

/** How much may wait, as time of the rate at which the path takes it: longer than a worker is away from a flow. */
const QUEUE_NANOS = 40e6;
const LEAST_BYTES = 16 * 1024;
const MOST_BYTES = 4 * 1024 * 1024;
/** As long as nothing is known of the path. */
const FIRST_BYTES = 32 * 1024;

/**
 * Keeps short what was written but not sent, TCP_NOTSENT_LOWAT: all of it is still to be sent when the time of a
 * transfer is over. The buffers of the kernel grow to megabytes, which is half a minute of a slow path.
 */
export class SendQueue {
  readonly #socket: Socket;
  #mostBytes = FIRST_BYTES;
  #lookedAt: number;
  #acked: number;

  private constructor(socket: Socket, acked: number, now: number) {
    this.#socket = socket;
    this.#acked = acked;
    this.#lookedAt = now;
    socket.set(notSentLowWaterBytes, this.#mostBytes);
  }

  /**
   * Limits the queue of a socket that sends for a time.
   *
   * @param acked how many bytes the peer has acknowledged so far, tcpi_bytes_acked
   * @param now in nanoseconds
   * @returns undefined where there is nothing to be kept: all of a length is to be sent, and who sets the queue or the
   * buffer of a socket means it
   */
  static of(
    socket: Socket,
    { durationMs, sockopt = [] }: StreamRequest,
    acked: number,
    now: number,
  ): SendQueue | undefined {
    const isSet = sockopt.some(({ level, opt }) =>
      (level === SOL_SOCKET && opt === SO_SNDBUF) || (level === IPPROTO_TCP && opt === TCP_NOTSENT_LOWAT)
    );
    // Kernels of old do not tell what was acknowledged, and so not what a path takes.
    return durationMs === undefined || isSet || acked < 0 ? undefined : new SendQueue(socket, acked, now);
  }

  /** Lets as much wait as the path needs, from what was acknowledged since the look before. */
  adapt(acked: number, now: number): void {
    const perNano = Math.max(0, acked - this.#acked) / Math.max(1, now - this.#lookedAt);
    this.#acked = acked;
    this.#lookedAt = now;
    const wanted = Math.min(MOST_BYTES, Math.max(LEAST_BYTES, Math.ceil(perNano * QUEUE_NANOS)));
    // After a loss, nothing may be acknowledged for a moment.
    const mostBytes = Math.max(wanted, Math.floor(this.#mostBytes / 2));
    if (mostBytes === this.#mostBytes) return;
    this.#mostBytes = mostBytes;
    this.#socket.set(notSentLowWaterBytes, mostBytes);
  }
}
