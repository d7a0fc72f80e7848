/**
 * The code of a worker: it enters the loop of its flows and leaves it only to end. In there no promise is settled and
 * no message of its event loop is read, so orders come by a port and an eventfd.
 *
 * @module
 */
/// <reference lib="deno.worker" />
import { receiveMessageOnPort } from "node:worker_threads";
import { setTimerSlack } from "../../sys/clock.ts";
import { EventFd } from "../../sys/event_fd.ts";
import { READABLE } from "../../sys/poller.ts";
import { rehearsals } from "../flow_kinds.ts";
import type { FromWorker, ToWorker, WorkerStart } from "./messages.ts";
import { PollLoop } from "./poll_loop.ts";
import { rehearse } from "./warm_up.ts";
import { WorkerEngine } from "./worker_engine.ts";

/** Without it the kernel wakes the thread up to 50 µs late. */
const TIMER_SLACK_NANOS = 1;

self.onmessage = ({ data }: MessageEvent<WorkerStart>) => {
  try {
    work(data);
  } finally {
    data.port.close();
  }
  post("stopped");
  self.close();
};

function work({ port, wakeFd }: WorkerStart): void {
  setTimerSlack(TIMER_SLACK_NANOS);
  const wakeUp = EventFd.borrow(wakeFd);
  const loop = new PollLoop();
  const engine = new WorkerEngine(loop, post);
  loop.watch(wakeFd, READABLE, () => {
    wakeUp.clear();
    for (const order of orders(port)) {
      if (order.type === "stop") loop.stop();
      else if (order.type === "rehearse") {
        rehearse(rehearsals[order.name], post);
        post("rehearsed");
      } else engine.obey(order);
    }
  });
  try {
    loop.run();
  } finally {
    engine.stop();
  }
}

function post(told: FromWorker, transfer: ArrayBuffer[] = []): void {
  self.postMessage(told, { transfer });
}

function* orders(port: MessagePort): Generator<ToWorker, void, void> {
  for (;;) {
    // The types of Node and of the web do not know that their ports are the same.
    const received = receiveMessageOnPort(port as unknown as Parameters<typeof receiveMessageOnPort>[0]);
    if (received === undefined) return;
    yield received.message as ToWorker;
  }
}
