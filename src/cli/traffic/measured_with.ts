import type { Flows } from "../../flow/flows.ts";
import type { MachineLoad } from "../../flow/analysis/mod.ts";

/** What a measurement was made with. */
export interface MeasuredWith {
  /** The server: `HOST:PORT`. */
  readonly server: string;
  /** How traffic was made. */
  readonly kind: Flows["kind"];
  /** How busy this machine was. */
  readonly load: MachineLoad;
  /** Why it did not come to its end. */
  readonly error?: unknown;
}

/** What a summary says of traffic without raw sockets. */
export function kindLines(kind: Flows["kind"]): string[] {
  return kind === "ffi" ? [] : [
    "Without raw sockets, which are not to be had here: times are those of this program, not of the kernel, and what the " +
    "kernel knows of flows is missing.",
  ];
}
