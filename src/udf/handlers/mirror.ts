import type { Handler, Output } from "../handler.ts";

/** Sends back each point as it came. */
export function createHandler(agent: Output): Handler {
  return {
    info: () => ({ wants: "stream", provides: "stream" }),
    init() {},
    point: (point) => agent.point(point),
  };
}
