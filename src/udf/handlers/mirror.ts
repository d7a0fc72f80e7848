import type { Handler, Output } from "../handler.ts";

/** Sends back each point as it came. */
export function createHandler(agent: Output): Handler {
  return {
    info: () => ({ wants: "stream", provides: "stream" }),
    init() {},
    restore() {}, // of a UDF that had state, before the task was defined anew
    point: (point) => agent.point(point),
  };
}
