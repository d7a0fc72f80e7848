import { READABLE, WRITABLE } from "../../sys/poller.ts";
import type { FlowHost, Timer } from "../engine/engine_flow.ts";
import type { Inbox, PacketPort } from "./packet_port.ts";

/** Messages that are read at once; more, and it is the turn of timers. */
const MAX_READS = 8;

/** If so many messages were there, others come soon: instead of being woken for each, it looks again after a while. */
const MANY = 24;
const FEW = 4;
const PAUSE_NANOS = 50_000;

/** What a reader drives. */
export interface PortUser {
  /** Takes the messages in the inbox. */
  takeAll(count: number): void;
  /** Whether it can take any now; what it cannot waits in the socket. */
  readonly canTake: boolean;
  /** Whether messages had better not wait, as somebody waits for the answer. */
  readonly prompt: boolean;
  /** Whether it waits for room to send. */
  readonly wantsRoom: boolean;
  /** There is room to send. */
  onRoom(): void;
  /** What came back for packets that were sent. */
  onError(error: unknown): void;
}

/**
 * Reads a port. Where packets come thick and fast, waking a thread for each of them costs both ends more than the packet
 * itself, so they are fetched by the clock; the kernel notes when each has come.
 */
export class PortReader {
  readonly #host: FlowHost;
  readonly #port: PacketPort;
  readonly #user: PortUser;
  readonly #timer: Timer;
  #pausing = false;

  constructor(host: FlowHost, port: PacketPort, user: PortUser) {
    this.#host = host;
    this.#port = port;
    this.#user = user;
    this.#timer = host.timer(() => {
      this.#pausing = false;
      this.#read(FEW);
    });
    port.watch(() => this.#ready());
  }

  /** To be called whenever what the user can take, or waits for, may have changed. */
  update(): void {
    const { canTake, wantsRoom } = this.#user;
    this.#port.interest = (canTake && !this.#pausing ? READABLE : 0) | (wantsRoom ? WRITABLE : 0);
  }

  #ready(): void {
    if (this.#user.wantsRoom) this.#user.onRoom();
    if (this.#pausing) this.update();
    else this.#read(MANY);
  }

  /** @param many so many messages let it pause */
  #read(many: number): void {
    const user = this.#user, { inbox } = this.#port;
    let sum = 0;
    for (let round = 0; round < MAX_READS && !this.#port.closed && user.canTake; round++) {
      const count = this.#receive(inbox);
      if (count > 0) {
        sum += count;
        user.takeAll(count);
      }
      // It is empty, or nearly so.
      if (count < inbox.capacity) break;
    }
    if (this.#port.closed) return;
    if (sum >= many && user.canTake && !user.prompt) {
      this.#pausing = true;
      this.#timer.set(this.#host.now() + PAUSE_NANOS);
    }
    this.update();
  }

  #receive(inbox: Inbox): number {
    try {
      return inbox.receive();
    } catch (error) {
      this.#user.onError(error);
      return 0;
    }
  }
}
