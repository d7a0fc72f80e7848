import type { Flows } from "../../flow/flows.ts";
import { escape } from "../terminal.ts";
import { interruptible } from "./interruptible.ts";
import { Printer } from "./printer.ts";
import { type PhaseFigures, underLoad, type UnderLoadOptions } from "./under_load.ts";
import { phaseHead, phaseJson, phaseLines, underLoadJson, underLoadLines } from "./under_load_report.ts";

const EXIT_INTERRUPTED = 130;

/**
 * Measures latency under load by hand, and prints each phase when it is over.
 *
 * @returns the exit code
 * @throws what a phase failed with, after the summary
 */
export async function runUnderLoad(
  flows: Flows,
  { json, ...options }: Omit<UnderLoadOptions, "signal" | "log"> & { readonly json: boolean },
): Promise<number> {
  using stop = interruptible(EXIT_INTERRUPTED);
  const print = new Printer((error) => stop.abort(error));
  const phases: PhaseFigures[] = [];
  let error: unknown;
  const log = (text: string) => console.error(`tine udp client: ${escape(text)}`);
  for await (const phase of underLoad(flows, { ...options, signal: stop.signal, log })) {
    error ??= phase.error;
    // Nothing was measured: then there is nothing to print.
    if (phase.error !== undefined && phase.packets === undefined) break;
    if (phases.length === 0 && !json) print.lines(phaseHead());
    phases.push(phase);
    if (json) print.json(phaseJson(phase));
    else print.lines(phaseLines(phase));
  }
  if (json) print.json(underLoadJson(phases, { server: options.server, kind: flows.kind, error }));
  else if (phases.length > 0) print.lines(underLoadLines(phases, flows.kind));
  await print.flush();
  if (stop.interrupted) return EXIT_INTERRUPTED;
  if (error !== undefined) throw error;
  return 0;
}
