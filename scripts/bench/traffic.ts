/** Servers and clients of traffic: tine by hand, and its peers. @module */

import { TextLineStream } from "@std/streams";
import { outputOf } from "./command_output.ts";
import { tine } from "./programs.ts";

/** Where servers and clients run, and how clients reach servers. */
export interface Path {
  readonly host: string;
  /** Words in front of the command of a server. */
  readonly atServer: readonly string[];
  /** Words in front of the command of a client. */
  readonly atClient: readonly string[];
}

/** Everything on this machine. */
export const LOOPBACK: Path = { host: "127.0.0.1", atServer: [], atClient: [] };

/** A server that listens. */
export interface TrafficServer extends AsyncDisposable {
  /** What it has computed until now, in seconds. */
  cpuSeconds(): number;
  /** The line with the address that it listens on. */
  readonly line: string;
}

/** In user and system mode, as /proc has them: 100 a second. */
const TICKS_PER_SECOND = 100;

/** What a process has computed until now, in seconds. */
export function cpuSecondsOf(pid: number | "self"): number {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  const [user, system] = stat.slice(stat.lastIndexOf(")") + 2).split(" ").slice(11, 13);
  return (Number(user) + Number(system)) / TICKS_PER_SECOND;
}

/**
 * Starts a server.
 *
 * @param ready what it prints once it listens
 */
export async function startServer(
  command: readonly string[],
  ready: RegExp,
  env: Readonly<Record<string, string>> = {},
): Promise<TrafficServer> {
  // What it prints on both comes in one stream.
  const words = ["sh", "-c", 'exec "$@" 2>&1', "sh", ...command];
  const child = new Deno.Command(words[0], { args: words.slice(1), env, stdin: "null", stdout: "piped" }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream())[
    Symbol.asyncIterator
  ]();
  const printed: string[] = [];
  for (;;) {
    const { value, done } = await lines.next();
    if (done) throw new Error(`${command.join(" ")} does not listen: ${printed.join("\n")}`);
    printed.push(value);
    if (ready.test(value)) break;
  }
  const rest = (async () => {
    while (!(await lines.next()).done);
  })();
  return {
    line: printed.at(-1)!,
    cpuSeconds: () => cpuSecondsOf(child.pid),
    async [Symbol.asyncDispose]() {
      try {
        child.kill("SIGINT");
      } catch (error) {
        if (!(error instanceof TypeError)) throw error; // it has ended by itself
      }
      await Promise.all([child.status, rest]);
    },
  };
}

/** What a client of tine printed, and what both ends computed. */
export interface TineFlow {
  /** The first flow of its summary. */
  // deno-lint-ignore no-explicit-any
  readonly flow: Readonly<Record<string, any>>;
  // deno-lint-ignore no-explicit-any
  readonly summary: Readonly<Record<string, any>>;
  /** Of both ends, the start of the client included, in seconds. */
  readonly cpuSeconds: number;
}

/** Runs a client of tine against a server of tine. */
export async function tineFlow(
  protocol: "tcp" | "udp",
  { host, atServer, atClient }: Path,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<TineFlow> {
  const command = [...atServer, ...tine(protocol, "server", "--listen", `${host}:0`)];
  await using server = await startServer(command, /listening on/, env);
  const address = /listening on ([^\s,]+)/.exec(server.line)![1];
  const before = server.cpuSeconds();
  const client = await outputOf([...atClient, ...tine(protocol, "client", address, "--json", ...args)], env);
  const summary = JSON.parse(client.stdout);
  return { flow: summary.flows[0], summary, cpuSeconds: client.cpuSeconds + server.cpuSeconds() - before };
}

/** What iperf3 printed at the end. */
// deno-lint-ignore no-explicit-any
export type Iperf3End = Readonly<Record<string, any>>;

/** Runs a client of iperf3 against a server of iperf3. */
export async function iperf3Flow({ host, atServer, atClient }: Path, args: readonly string[]): Promise<Iperf3End> {
  const port = freePort();
  const where = ["--bind", host, "--port", port];
  const command = [...atServer, "iperf3", "--server", "--one-off", "--forceflush", ...where];
  await using _ = await startServer(command, /^Server listening/);
  const to = ["--client", host, "--port", port];
  const { stdout } = await outputOf([...atClient, "iperf3", ...to, "--json", ...args]);
  return JSON.parse(stdout).end;
}

/** A port that is free on this machine. */
export function freePort(): string {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return String(listener.addr.port);
}

/** The time of a flow, in seconds. Peers that take whole seconds alone get the next one. */
export function flowSeconds(quick: boolean): number {
  return quick ? 0.2 : 3;
}

/** How often each is measured. */
export function flowRounds(quick: boolean): number {
  return quick ? 1 : 3;
}
