import { EventFd } from "../../sys/event_fd.ts";
import { TineError } from "../../base/errors.ts";
import type { RehearsalName } from "../flow_kinds.ts";
import type { FlowMessage, FromWorker, ToWorker, WorkerStart } from "./messages.ts";

/** A worker, as the main side sees it. */
export class PoolWorker {
  /** How many flows it has. */
  load = 0;
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #wakeUp = EventFd.open();
  readonly #stopped = Promise.withResolvers<void>();
  readonly #rehearsals: PromiseWithResolvers<void>[] = [];
  /** Orders that wait until nobody holds them back. */
  readonly #held: ToWorker[] = [];
  #holds = 0;
  #dead = false;

  /**
   * Starts it.
   *
   * @param onMessage gets what its flows tell
   * @param onDeath called if it dies, with what it told of that
   */
  constructor(
    readonly name: string,
    onMessage: (message: FlowMessage) => void,
    onDeath: (error: TineError) => void,
  ) {
    this.#worker = new Worker(new URL("./flow_worker.ts", import.meta.url), { type: "module", name });
    this.#worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      if (data === "stopped") this.#stopped.resolve();
      else if (data === "rehearsed") this.#rehearsals.shift()?.resolve();
      else for (const message of data) onMessage(message);
    };
    const die = (why: string) => {
      if (this.#dead) return;
      this.#dead = true;
      this.#stopped.resolve();
      for (const { resolve } of this.#rehearsals) resolve();
      onDeath(new TineError("flow-worker-failed", `a worker of flows failed: ${why}`));
    };
    this.#worker.onerror = (event) => {
      event.preventDefault();
      die(event.message);
    };
    this.#worker.onmessageerror = () => die("it sent what cannot be read");
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    const start: WorkerStart = { port: port2, wakeFd: this.#wakeUp.fd };
    this.#worker.postMessage(start, [port2]);
  }

  /** Whether it can take no more flows. */
  get dead(): boolean {
    return this.#dead;
  }

  /** Gives an order. */
  tell(order: ToWorker): void {
    if (this.#holds === 0) this.#send(order);
    else this.#held.push(order);
  }

  /** Lets it play a rehearsal; resolves when that is over, or the worker dead. */
  rehearse(name: RehearsalName): Promise<void> {
    const rehearsal = Promise.withResolvers<void>();
    if (this.#dead) return Promise.resolve();
    this.#rehearsals.push(rehearsal);
    this.#send({ type: "rehearse", name });
    return rehearsal.promise;
  }

  /** Keeps orders back until a promise resolves. */
  hold(until: Promise<unknown>): void {
    this.#holds++;
    void until.then(() => {
      if (--this.#holds > 0) return;
      for (const order of this.#held.splice(0)) this.#send(order);
    });
  }

  /** Ends it once its flows are closed. */
  async stop(): Promise<void> {
    this.tell({ type: "stop" });
    await this.#stopped.promise;
    this.#dead = true;
    this.#port.close();
    this.#worker.terminate();
    this.#wakeUp[Symbol.dispose]();
  }

  #send(order: ToWorker): void {
    if (this.#dead) return;
    this.#port.postMessage(order);
    this.#wakeUp.signal();
  }
}
