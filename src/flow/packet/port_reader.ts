import { READABLE, WRITABLE } from "../../sys/poller.ts";
import type { FlowHost, Timer } from "../engine/engine_flow.ts";
import type { IncomingPackets, PacketPort } from "./packet_port.ts";

/** The maximum number of reads at a time, before timers have their turn. */
const MAX_READS = 8;

/** A pause lasts until about this many messages have come, within bounds: the buffer of a socket is limited. */
const PAUSE_MESSAGES = 16;
const MIN_PAUSE_NANOS = 50_000;
const MAX_PAUSE_NANOS = 500_000;
/** Fewer messages in a pause are not worth one. */
const WORTH_MESSAGES = 2;

/** What a reader drives. */
export interface PortUser {
  /** Takes the messages that were received. */
  takeAll(count: number): void;
  /** Whether it can take any now; what it cannot waits in the socket. */
  readonly canTake: boolean;
  /** Whether messages are read at once, since their answers are waited for. */
  readonly prompt: boolean;
  /** Whether it waits for room to send. */
  readonly wantsRoom: boolean;
  /** There is room to send. */
  onRoom(): void;
  /** Takes an ICMP error about packets that were sent. */
  onError(error: unknown): void;
}

/**
 * Reads a port. Where packets arrive at a high rate, waking a thread for each costs both ends more than the packet
 * itself, so they are polled at intervals; the kernel stamps each as it arrives.
 */
export class PortReader {
  readonly #host: FlowHost;
  readonly #port: PacketPort;
  readonly #user: PortUser;
  readonly #timer: Timer;
  #pausing = false;
  readonly #pace = new Pace();

  constructor(host: FlowHost, port: PacketPort, user: PortUser) {
    this.#host = host;
    this.#port = port;
    this.#user = user;
    this.#timer = host.timer(() => {
      this.#pausing = false;
      this.#read();
    });
    port.watch(() => this.#ready());
  }

  /** Call this whenever what the user can take, or waits for, may have changed. */
  update(): void {
    const { canTake, wantsRoom } = this.#user;
    this.#port.interest = (canTake && !this.#pausing ? READABLE : 0) | (wantsRoom ? WRITABLE : 0);
  }

  #ready(): void {
    if (this.#user.wantsRoom) this.#user.onRoom();
    if (this.#pausing) this.update();
    else this.#read();
  }

  #read(): void {
    const user = this.#user, { incoming } = this.#port;
    if (!user.canTake) return this.update();
    const now = this.#host.now();
    let sum = 0;
    for (let round = 0; round < MAX_READS && !this.#port.closed && user.canTake; round++) {
      const count = this.#receive(incoming);
      if (count > 0) {
        sum += count;
        user.takeAll(count);
      }
      // It is empty, or nearly so.
      if (count < incoming.capacity) break;
    }
    if (this.#port.closed) return;
    const pause = this.#pace.pauseAfter(sum, now);
    if (pause > 0 && user.canTake && !user.prompt) {
      this.#pausing = true;
      this.#timer.set(now + pause);
    }
    this.update();
  }

  #receive(incoming: IncomingPackets): number {
    try {
      return incoming.receive();
    } catch (error) {
      this.#user.onError(error);
      return 0;
    }
  }
}

/** How fast messages come. */
class Pace {
  #since = 0;
  #messages = 0;
  /** Between two messages, in nanoseconds. */
  #distance = Infinity;

  /** How long to pause when `messages` were there at `now`; 0: not at all, since others do not come so soon. */
  pauseAfter(messages: number, now: number): number {
    this.#messages += messages;
    // While the clock stands still, no rate is known.
    if (messages === 0 || this.#messages >= PAUSE_MESSAGES && now > this.#since) {
      this.#distance = messages === 0 ? Infinity : (now - this.#since) / this.#messages;
      this.#since = now;
      this.#messages = 0;
    }
    const pause = Math.min(MAX_PAUSE_NANOS, Math.max(MIN_PAUSE_NANOS, PAUSE_MESSAGES * this.#distance));
    return WORTH_MESSAGES * this.#distance <= pause ? pause : 0;
  }
}

/** A server checks its flows every second; how late it may be before that counts as standing still. */
const MAX_STEP_NANOS = 2e9;

/**
 * A time that goes on only while a server attends to its socket. Where the server itself was stopped, or got no turn,
 * what its clients sent meanwhile waits unread, so they were not silent.
 *
 * @example
 * ```ts
 * import { AttendedTime } from "./port_reader.ts";
 * const time = new AttendedTime();
 * console.assert(time.at(1e9) === 1e9);
 * console.assert(time.at(61e9) === 3e9);
 * ```
 */
export class AttendedTime {
  #last = 0;
  #attended = 0;

  /**
   * Returns this time; call it at least every second.
   *
   * @param t nanoseconds since the server began
   * @returns how many of them it has attended to
   */
  at(t: number): number {
    this.#attended += Math.max(0, Math.min(t - this.#last, MAX_STEP_NANOS));
    this.#last = t;
    return this.#attended;
  }
}
