import type { Connection } from "../wire/connection.ts";
import { neededEnv } from "./launch/executable.ts";
import { readFarStart } from "./launch/far_start.ts";
import type { Node } from "./plan/types.ts";
import { serve } from "./serve.ts";

/**
 * Serves as a node that was started from another machine: first does here what a launcher would have done.
 *
 * @param nodeId its id
 * @param connection to its parent; closed when this returns
 * @param signal ends it
 * @throws {TineError} as `serve`, and if the node cannot be launched where it is to run
 */
export async function serveFar(nodeId: string, connection: Connection, signal: AbortSignal): Promise<void> {
  const { start, connection: rest } = await readFarStart(connection);
  if (start.netns === undefined) {
    changeEnv(start.env);
    return await serve(nodeId, rest, { host: start.host, signal });
  }
  const { relay } = await import("./relay.ts");
  await relay(nodeId, start, rest, signal);
}

/** The environment of this process is that of the node's commands. */
function changeEnv({ vars = [], inherit = true }: NonNullable<Node["env"]> = {}): void {
  if (!inherit) {
    const needed = neededEnv();
    for (const name of Object.keys(Deno.env.toObject())) if (!(name in needed)) Deno.env.delete(name);
  }
  for (const text of vars) {
    const end = text.indexOf("=");
    Deno.env.set(text.slice(0, end), text.slice(end + 1));
  }
}
