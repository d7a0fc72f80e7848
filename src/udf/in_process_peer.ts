import { messageOf } from "../base/errors.ts";
import { pipe } from "../wire/pipe.ts";
import { Agent, type AgentOptions } from "./agent.ts";
import type { CreateHandler } from "./handler.ts";
import type { Peer } from "./peer.ts";

/**
 * Runs a handler in this process, behind an agent and a pipe in memory.
 *
 * @param name for messages
 */
export function startInProcess(name: string, createHandler: CreateHandler, options?: AgentOptions): Peer {
  const [udf, host] = pipe();
  const agent = new Agent(udf, createHandler, options);
  const killed = Promise.withResolvers<string>();
  const running = agent.run().then(() => undefined, (error) => `failed: ${messageOf(error)}`);
  const ended = Promise.race([running, killed.promise]);
  const kill = () => {
    host.close();
    // A handler that hangs cannot be ended, it can only be left.
    killed.resolve("was killed");
  };
  return {
    name,
    connection: host,
    ended,
    kill,
    close: () => Promise.resolve(kill()),
  };
}
