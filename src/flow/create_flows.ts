import { availability } from "../sys/availability.ts";
import { FfiFlows } from "./ffi_flows.ts";
import type { Flows } from "./flows.ts";
import { PortableFlows } from "./portable/portable_flows.ts";

/**
 * Makes traffic: over raw sockets in workers where Linux system calls can be made, which is faster and measures more,
 * else over Deno's own network API. The kind of the result says which, and so do the info events of its flows. A pool
 * of workers starts with it; dispose of it when there is no more traffic.
 *
 * @example
 * ```ts
 * import { createFlows } from "./create_flows.ts";
 * const events = { info() {}, records() {}, progress() {}, log: console.error };
 * const { signal } = new AbortController();
 * await using flows = createFlows();
 * await using server = await flows.streamServer({ listenAddr: ":0" }, { events, signal });
 * const upload = { flow: "bulk", duration: 1000 };
 * const result = await flows.streamClient(server.address, { upload }, { events, signal });
 * console.log(result.goodputBitsPerSecond);
 * ```
 */
export function createFlows(): Flows {
  const ffi = availability();
  return ffi.available ? new FfiFlows() : new PortableFlows(ffi.reason);
}
