import type { FlowEvents, FlowInfoEvent, FlowServer } from "../../flow/flows.ts";
import { isLoopback } from "../../base/address.ts";
import { escape } from "../terminal.ts";
import { InterruptibleOutput } from "./interruptible_output.ts";
import { isServed, servedJson, servedLine } from "./served_report.ts";

/** Flows that are remembered until they end; of more, the oldest are forgotten. */
const MOST_FLOWS = 4096;

/** How a server by hand is run. */
export interface ServeOptions {
  /** The command, for messages. */
  readonly name: string;
  /** Where it listens, as it was given: decides about warnings. */
  readonly hostname: string;
  readonly key?: Uint8Array;
  readonly json: boolean;
  /** Starts all servers; the first one's address is told. */
  listen(options: { events: FlowEvents; signal: AbortSignal; key?: Uint8Array }): Promise<readonly FlowServer[]>;
}

/**
 * Serves until it is interrupted, and prints a line for each flow that ends.
 *
 * @returns the exit code, 0
 */
export async function serveFlows({ name, hostname, key, json, listen }: ServeOptions): Promise<number> {
  const say = (text: string) => console.error(`${name}: ${escape(text)}`);
  using output = new InterruptibleOutput(0);
  if (key === undefined && !isLoopback(hostname)) {
    say(`warning: ${hostname} may be reached by other machines, and without a key (TINE_KEY) it serves all of them`);
  }
  await using _servers = new AsyncDisposableStack();
  const servers = await listen({ events: printing(output, json, say), signal: output.signal, key });
  for (const server of servers) _servers.use(server);
  const [{ address }] = servers;
  if (json) output.json({ type: "listening", address });
  say(`listening on ${address}${key === undefined ? "" : ", for clients with the key"}`);
  await Promise.race([aborted(output), ...servers.map(({ ended }) => ended)]);
  await _servers.disposeAsync();
  await output.flush();
  return 0;
}

/** Prints each flow when it is over. */
function printing(output: InterruptibleOutput, json: boolean, log: (text: string) => void): FlowEvents {
  const infos = new Map<string, FlowInfoEvent>();
  return {
    info(info) {
      infos.set(info.flow, info);
      if (infos.size > MOST_FLOWS) infos.delete(infos.keys().next().value!);
    },
    records() {
      // They are for plans: a server by hand keeps nothing of its flows.
    },
    progress(flow, report) {
      const info = infos.get(flow);
      if (info === undefined || !isServed(report)) return;
      infos.delete(flow);
      if (json) output.json(servedJson(info, report));
      else output.lines([servedLine(info, report)]);
    },
    log,
  };
}

/** Resolves once it is interrupted; rejects if it is aborted for another reason. */
function aborted(output: InterruptibleOutput): Promise<void> {
  const { signal } = output;
  return new Promise((resolve, reject) => {
    const end = () => output.interrupted ? resolve() : reject(signal.reason);
    if (signal.aborted) end();
    else signal.addEventListener("abort", end, { once: true });
  });
}
