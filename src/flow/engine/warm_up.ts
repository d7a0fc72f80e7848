import type { EngineFlowFactory, FlowRequest } from "./engine_flow.ts";
import type { FromWorker } from "./messages.ts";
import { PollLoop } from "./poll_loop.ts";
import { WorkerEngine } from "./worker_engine.ts";

/** A flow or server of a scene. */
export interface Part {
  // deno-lint-ignore no-explicit-any -- it takes the configuration of its request
  readonly factory: EngineFlowFactory<any>;
  readonly request: FlowRequest;
}

/** What is played at the same time; afterwards it is disposed of. */
export interface Scene extends Disposable {
  /** In the order of their start. */
  readonly parts: readonly Part[];
}

/** Flows that a worker plays before it has any of its own, so that V8 has compiled their code when they matter. */
export interface Rehearsal {
  /** How long each scene takes. */
  readonly sceneNanos: number;
  /** One after another. */
  readonly scenes: readonly (() => Scene)[];
}

/**
 * Plays a rehearsal. What comes of it is of no interest, nor is whether it succeeds: then the flows that follow are
 * measured with cold code.
 *
 * @param post as the flows that follow will use it. Flows of rehearsals have negative ids: the main side drops what it
 * gets of flows that it does not know
 */
export function rehearse(
  { sceneNanos, scenes }: Rehearsal,
  post: (told: FromWorker, transfer: ArrayBuffer[]) => void,
): void {
  for (const open of scenes) {
    using scene = open();
    const loop = new PollLoop();
    const engine = new WorkerEngine(loop, post);
    for (const [i, { factory, request }] of scene.parts.entries()) engine.start(-1 - i, factory, request);
    const end = loop.timer(() => loop.stop());
    end.set(loop.now() + sceneNanos);
    loop.run();
    engine.stop();
  }
}
