import { TineError } from "../../base/errors.ts";
import { type CreateHandler, type FrameTaker, type Handler, isRelayOutput } from "../handler.ts";
import type { Receiver } from "../response_taker.ts";
import type { Outcome } from "../messages.ts";
import { watchModule } from "../module/watch_file.ts";
import type { Point } from "../point.ts";
import type { RunningUdf } from "../running_udf.ts";
import { Supervisor, type SupervisorCounts, type SupervisorOptions } from "./supervisor.ts";

/** How a relay behaves; each has a default. */
export interface RelayOptions extends SupervisorOptions {
  /** Settles when the host has ended the input, which may stand behind what the UDF does not take. */
  inputEnd?: () => Promise<void>;
  /** How long the UDF may be silent after the end of its input, in ms; default 0: for ever. */
  endTimeoutMs?: number;
  /** How long the UDF may take to end after the end of its input, also while it sends, in ms; default 0: for ever. */
  drainTimeoutMs?: number;
  /** A module: whenever it changes, the UDF is replaced by its new version. */
  watch?: string;
  /** Gets what supervision did, when a connection has ended. */
  onEnd?: (counts: SupervisorCounts) => void;
}

/**
 * A handler that hands everything on to another UDF and supervises it: behind an agent it puts any UDF under
 * supervision for a real Kapacitor, or on another kind of socket.
 *
 * @param reach starts or connects to the UDF, each time anew
 */
export function createRelay(reach: () => Promise<RunningUdf>, options: RelayOptions = {}): CreateHandler {
  return (agent): Handler & FrameTaker => {
    if (!isRelayOutput(agent)) throw new TypeError("a relay needs the output of an Agent");
    // Points are handed on as they are, both ways.
    const receiver: Receiver & FrameTaker = {
      point: (point) => agent.point(point),
      pointFrame: (bytes, start, end) => agent.pointFrame(bytes, start, end),
      batch: (batch) => agent.batch(batch),
    };
    const supervisor = new Supervisor(reach, receiver, options);
    supervisor.start();
    const limits = { silenceMs: options.endTimeoutMs, drainMs: options.drainTimeoutMs };
    void options.inputEnd?.().then(() => supervisor.expectEnd(limits));
    const unwatch = options.watch === undefined
      ? undefined
      : watchModule(options.watch, () => void supervisor.reload().catch(() => {}));
    return {
      info: () => supervisor.info(),
      init: ({ options }) => outcome(supervisor.init(options), "init-failed"),
      snapshot: () => supervisor.snapshot(),
      restore: (snapshot) => outcome(supervisor.restore(snapshot), "restore-failed"),
      point: (point: Point) => supervisor.point(point),
      pointFrame: (bytes, start, end) => supervisor.pointFrame(bytes, start, end),
      beginBatch: (begin) => supervisor.begin(begin),
      endBatch: (end) => supervisor.end(end),
      async stop() {
        unwatch?.();
        supervisor.expectEnd(limits);
        try {
          await supervisor.stop();
        } catch (error) {
          // All output has gone out, and Kapacitor is content with such a UDF.
          if (!(error instanceof TineError) || error.code !== "bad-exit") throw error;
          options.log?.(`${error.message}; it had handled all of its input`);
        } finally {
          options.onEnd?.(supervisor.supervision);
        }
      },
    };
  };
}

/** A refusal of the UDF is answered as such; everything else ends the relay. */
async function outcome(answer: Promise<void>, refusal: string): Promise<Outcome> {
  try {
    await answer;
    return { success: true, error: "" };
  } catch (error) {
    if (error instanceof TineError && error.code === refusal) {
      return { success: false, error: error.message };
    }
    throw error;
  }
}
