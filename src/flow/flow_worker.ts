/**
 * The code of a worker: it knows the kinds of flows, hands them to an engine, enters the engine's loop and leaves it only
 * to end. No promise is settled inside the loop and no message of the event loop is read, so orders come by a port and an
 * eventfd.
 *
 * @module
 */
/// <reference lib="deno.worker" />
import { receiveMessageOnPort } from "node:worker_threads";
import { setTimerSlack } from "../sys/clock.ts";
import { EventFd } from "../sys/event_fd.ts";
import { placeThread } from "../sys/placement.ts";
import { READABLE } from "../sys/poller.ts";
import type { FlowKinds } from "./engine/engine_flow.ts";
import type { FromWorker, ToWorker, WorkerStart } from "./engine/messages.ts";
import { PollLoop } from "./engine/poll_loop.ts";
import { runWarmUp, type WarmUp } from "./engine/warm_up.ts";
import { WorkerEngine } from "./engine/worker_engine.ts";
import { groupReceiverFlow } from "./multicast/group_receiver_flow.ts";
import { groupSenderFlow } from "./multicast/group_sender_flow.ts";
import { packetClientFlow } from "./packet/packet_client_flow.ts";
import { packetServerFlow } from "./packet/packet_server_flow.ts";
import { packetWarmUp } from "./packet/packet_warm_up.ts";
import { SocketPorts } from "./packet/socket_port.ts";
import { SocketStreamPorts } from "./stream/socket_stream_port.ts";
import { stampReflectorFlow } from "./stamp/reflector.ts";
import { stampSenderFlow } from "./stamp/sender.ts";
import { streamClientFlow } from "./stream/stream_client_flow.ts";
import { streamServerFlow } from "./stream/stream_server_flow.ts";
import { streamTransactionsFlow } from "./transaction/stream_client.ts";

const kinds: FlowKinds = {
  streamServer: streamServerFlow(() => new SocketStreamPorts()),
  streamClient: streamClientFlow(() => new SocketStreamPorts()),
  streamTransactions: streamTransactionsFlow(() => new SocketStreamPorts()),
  packetServer: packetServerFlow((host) => new SocketPorts(host)),
  packetClient: packetClientFlow((host) => new SocketPorts(host)),
  stampReflector: stampReflectorFlow((host) => new SocketPorts(host)),
  groupReceiver: groupReceiverFlow((host) => new SocketPorts(host)),
  groupSender: groupSenderFlow((host) => new SocketPorts(host)),
  stampSender: stampSenderFlow((host) => new SocketPorts(host)),
};

/** Runs before flows whose first packets matter, by name. */
const warmUps = { packets: packetWarmUp } as const satisfies Record<string, WarmUp>;

/** The name of a warm-up. */
export type WarmUpName = keyof typeof warmUps;

/** With the system's default slack, the kernel wakes the thread up to 50 µs late. */
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
  const engine = new WorkerEngine(loop, kinds, post, placeThread);
  loop.watch(wakeFd, READABLE, () => {
    wakeUp.clear();
    for (const order of orders(port)) {
      if (order.type === "stop") loop.stop();
      else if (order.type === "warmUp") {
        runWarmUp(warmUps[order.name as WarmUpName], post);
        post("warmedUp");
      } else engine.obey(order);
    }
  });
  try {
    loop.run();
  } finally {
    engine.stop();
  }
}

function post(message: FromWorker, transfer: ArrayBuffer[] = []): void {
  self.postMessage(message, { transfer });
}

function* orders(port: MessagePort): Generator<ToWorker, void, void> {
  for (;;) {
    // The types of Node and of the web do not know that their ports are the same.
    const received = receiveMessageOnPort(port as unknown as Parameters<typeof receiveMessageOnPort>[0]);
    if (received === undefined) return;
    yield received.message as ToWorker;
  }
}
