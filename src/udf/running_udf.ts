import type { Connection } from "../wire/connection.ts";
import { messageOf } from "../base/errors.ts";
import { pipe } from "../wire/pipe.ts";
import { Agent, type AgentOptions } from "./agent.ts";
import type { CreateHandler } from "./handler.ts";

/** A UDF that a host has reached: a process, a socket, or a handler in this process. */
export interface RunningUdf {
  /** For messages, e.g. `python3 my_udf.py`. */
  readonly name: string;
  readonly connection: Connection;
  /** The id of its process; absent where it is no process of ours. */
  readonly pid?: number;
  /** Whether a socket carries both directions, so that a UDF can only close both at a time. */
  readonly socket?: boolean;
  /**
   * Settles when the UDF is gone: with undefined where it ended well, or a clause about how it ended, e.g.
   * `exited with status 3`. Where that cannot be known, as behind a socket, undefined when the connection ends.
   */
  readonly ended: Promise<string | undefined>;
  /** Sends a signal to the UDF; absent where it is no process of ours. */
  signal?(name: Deno.Signal): void;
  /** Ends the UDF by force. */
  kill(): void;
  /** Frees what belongs to the UDF; call it once it has ended or been killed. */
  close(): Promise<void>;
}

/**
 * Runs a handler in this process, behind an agent and a pipe in memory.
 *
 * @param name for messages
 */
export function startInProcess(name: string, createHandler: CreateHandler, options?: AgentOptions): RunningUdf {
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
