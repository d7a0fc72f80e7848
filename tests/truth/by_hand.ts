/** `tine tcp` and `tine udp` across a link. */

import { assertEquals } from "@std/assert";
import { toText } from "@std/streams";
import type { Link } from "../support/link.ts";
import { outputOf, TextReader, TINE, type TineOutput } from "../support/tine.ts";

/** A server at one end of a link. */
export interface LinkServer extends AsyncDisposable {
  readonly pid: number;
  /** Where the client finds it. */
  readonly address: string;
}

/** What a client says in its summary. */
// deno-lint-ignore no-explicit-any
export type Summary = Readonly<Record<string, any>>;

/** Starts a server. */
export async function startServer(
  { server }: Link,
  protocol: "tcp" | "udp",
  family: "ipv4" | "ipv6" = "ipv4",
  ...args: string[]
): Promise<LinkServer> {
  const host = family === "ipv4" ? server.ipv4 : `[${server.ipv6}]`;
  const child = spawn([...server.inside, ...TINE, protocol, "server", "--listen", `${host}:0`, ...args]);
  const reader = new TextReader(child.stderr);
  const [, address] = await reader.until(/listening on ([^\s,]+)/);
  return {
    pid: child.pid,
    address,
    async [Symbol.asyncDispose]() {
      child.kill("SIGINT");
      const [{ code }, stderr] = await Promise.all([child.status, reader.rest(), toText(child.stdout)]);
      await reader[Symbol.asyncDispose]();
      assertEquals(code, 0, stderr);
    },
  };
}

/** Runs a client to its end, and returns its summary. */
export async function runClient(link: Link, protocol: "tcp" | "udp", ...args: string[]): Promise<Summary> {
  const { code, stdout, stderr } = await clientOutput(link, protocol, ...args);
  assertEquals([code, stderr], [0, ""]);
  return JSON.parse(stdout);
}

/** Runs a client to its end, and returns what it printed, and how it ended. */
export function clientOutput({ client }: Link, protocol: "tcp" | "udp", ...args: string[]): Promise<TineOutput> {
  return outputOf(spawn([...client.inside, ...TINE, protocol, "client", ...args, "--json"]));
}

function spawn([program, ...args]: readonly string[]): Deno.ChildProcess {
  return new Deno.Command(program, { args, stdin: "null", stdout: "piped", stderr: "piped" }).spawn();
}
