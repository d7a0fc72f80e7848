import { ffiFlows, portableFlows } from "../../../src/flow/create_flows.ts";
import type { Flows } from "../../../src/flow/flows.ts";
import { availability } from "../../../src/sys/libc.ts";

/** The ways to make flows that this system has. */
export const makers: Readonly<Record<string, () => Flows>> = {
  ...availability().available ? { ffi: ffiFlows } : {},
  portable: () => portableFlows("it is a test"),
};

/** Whether there are raw sockets. */
export const rawSockets = availability().available;
