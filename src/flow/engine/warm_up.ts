import type { EngineFlowFactory, FlowRequest } from "./engine_flow.ts";
import type { FromWorker } from "./messages.ts";
import { PollLoop } from "./poll_loop.ts";
import { WorkerEngine } from "./worker_engine.ts";

/** A flow or server of a warm-up. */
export interface WarmUpFlow {
  // deno-lint-ignore no-explicit-any -- it takes the configuration of its request
  readonly factory: EngineFlowFactory<any>;
  readonly request: FlowRequest;
}

/** Flows that run at the same time; they are disposed of afterwards. */
export interface WarmUpRound extends Disposable {
  /** In the order of their start. */
  readonly flows: readonly WarmUpFlow[];
}

/** Flows that a worker runs before it has any of its own, so that V8 has compiled their code when they matter. */
export interface WarmUp {
  /** How long each round takes. */
  readonly roundNanos: number;
  /** One after another. */
  readonly rounds: readonly (() => WarmUpRound)[];
}

/**
 * Runs a warm-up. Neither its results nor its success matter: if it fails, the flows that follow are measured with cold
 * code.
 *
 * @param post as the flows that follow use it. Flows of warm-ups have negative ids: the main side drops what it gets of
 * flows that it does not know
 */
export function runWarmUp(
  { roundNanos, rounds }: WarmUp,
  post: (message: FromWorker, transfer: ArrayBuffer[]) => void,
): void {
  for (const open of rounds) {
    using round = open();
    const loop = new PollLoop();
    const engine = new WorkerEngine(loop, {}, post);
    for (const [i, { factory, request }] of round.flows.entries()) engine.start(-1 - i, factory, request);
    const end = loop.timer(() => loop.stop());
    end.set(loop.now() + roundNanos);
    loop.run();
    engine.stop();
  }
}
