import { ffiFlows, portableFlows } from "../../../src/flow/create_flows.ts";
import type { Flows } from "../../../src/flow/flows.ts";
import { availability } from "../../../src/sys/libc.ts";

/** Over Deno's own network API. */
export function portable(): Flows {
  return portableFlows("a test asks for it");
}

/** The ways that this system has. */
export const makers: Readonly<Record<string, () => Flows>> = availability().available
  ? { ffi: ffiFlows, portable }
  : { portable };
