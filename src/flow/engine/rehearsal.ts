import type { FlowRequest } from "./engine_flow.ts";
import type { FromWorker } from "./messages.ts";
import { PollLoop } from "./poll_loop.ts";
import { WorkerEngine } from "./worker_engine.ts";

/** A server and a client in the worker itself. */
export interface Scene {
  readonly server: FlowRequest;
  /** @param address of the server */
  readonly client: (address: string) => FlowRequest;
}

/** Flows that a worker plays before it has any of its own, so that V8 has compiled their code when they matter. */
export interface Rehearsal {
  /** How long each scene takes. */
  readonly nanos: number;
  /** One after another. */
  readonly scenes: readonly Scene[];
}

/** Flows of rehearsals have negative ids, which are those of nobody on the main side. */
const SERVER = -1;
const CLIENT = -2;

/**
 * Plays a rehearsal. What comes of it is of no interest, nor is whether it succeeds: without a loopback, say, the flows
 * that follow are measured with cold code.
 *
 * @param post as the flows that follow will use it; the main side drops what it gets of flows that it does not know
 */
export function rehearse(
  { nanos, scenes }: Rehearsal,
  post: (told: FromWorker, transfer: ArrayBuffer[]) => void,
): void {
  for (const { server, client } of scenes) {
    const loop = new PollLoop();
    const engine = new WorkerEngine(loop, (told, transfer) => {
      const address = listening(told);
      if (address !== undefined) engine.obey({ type: "start", id: CLIENT, request: client(address) });
      post(told, transfer);
    });
    engine.obey({ type: "start", id: SERVER, request: server });
    const end = loop.timer(() => loop.stop());
    end.set(loop.now() + nanos);
    loop.run();
    engine.stop();
  }
}

/** The address of a server that says that it listens. */
function listening(told: FromWorker): string | undefined {
  if (typeof told === "string") return undefined;
  return told.find((message) => message.type === "listening")?.address;
}
