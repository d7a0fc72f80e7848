import type { ZodType } from "zod";
import type { Flows } from "../flow/flows.ts";
import type { Feedback } from "./feedback.ts";
import type { Item } from "./item.ts";
import type { Duration } from "../base/duration.ts";
import type { Processes } from "./process/processes.ts";

/** What schemas are made of: functions of zod, durations, sizes, rates. */
export type Vocabulary = typeof import("../base/schema.ts");

/** What must be alike at both ends of a flow. */
export interface FlowEndpoint {
  readonly protocol: "TCP" | "UDP";
  /** Where the server listens: `HOST:PORT`. */
  readonly addr?: string;
  /** The feedback key that has the address. */
  readonly addrKey?: string;
  /** Clients prove to have the key of the run. */
  readonly hmac: boolean;
  /** The longest packet that the server accepts, or the client sends, in bytes. */
  readonly packetBytes?: number;
}

/** What a run relies on, as far as its configuration shows. `tine vet` compares it with the rest of the plan. */
export interface Needs {
  /** Executables that it starts. */
  readonly programs?: readonly string[];
  /** It wants to be root. */
  readonly root?: boolean;
  /** Feedback keys that it sets. */
  readonly sets?: readonly string[];
  /** Feedback keys that must be set before. */
  readonly uses?: readonly string[];
  /** The id of the flow that it runs. */
  readonly flow?: string;
  /** The end of flows that it is: a server. */
  readonly serves?: FlowEndpoint;
  /** The end of a flow that it is: a client. */
  readonly dials?: FlowEndpoint;
  /** Names of files of the results that it writes. */
  readonly files?: readonly string[];
  /** It takes this long or longer. */
  readonly atLeast?: Duration;
}

/** What a node offers to a run. */
export interface RunContext {
  /** The id of the node that it runs on. */
  readonly nodeId: string;
  /** Aborted when the run is canceled; the reason is an Error. */
  readonly signal: AbortSignal;
  /** What runs before have set. */
  readonly feedback: Feedback;
  /** Starts processes that end with the node at the latest, whatever happens. */
  readonly processes: Processes;

  /**
   * Writes an entry to the log, tagged with the name of the runner.
   *
   * @returns a promise where the sender should wait before it goes on, since more comes than can be sent
   */
  log(text: string, tag?: string): Promise<void> | undefined;

  /**
   * Sends a result to the root. Samples of flows need not wait; a sender without end does.
   *
   * @returns a promise where the sender should wait before it goes on
   */
  send(item: Unsigned<Item>): Promise<void> | undefined;

  /** From now on, results that the filter does not choose wait on this node until all its runs are over. */
  choose(chosen: (item: Unsigned<Item>) => boolean): void;

  /** Traffic; what it needs is started when it is first asked for. */
  flows(): Promise<Flows>;

  /** The secret key that all nodes of a run share: 32 random bytes. */
  readonly key: Uint8Array;

  /** Work that goes on when the run has returned, such as that of a server: if it fails, the node fails. */
  goesOn(work: Promise<void>): void;

  /** Registers what must be done when all runs of the node have ended; done in reverse order. */
  onEnd(cleanup: () => void | Promise<void>): void;

  /** A folder for temporary files; removed when the node ends, however it does. */
  temporaryFolder(): Promise<string>;
}

/** An item as a run makes it: the node adds its id. */
export type Unsigned<I extends Item> = I extends Item ? Omit<I, "nodeId"> : never;

/**
 * A kind of work at the leaves of a run tree. A new one is a file in runners/, a line in runners.ts, and the schema of
 * its configuration in runner_schemas.ts.
 *
 * @typeParam Config its configuration as it is decoded: durations are milliseconds, sizes bytes
 * @typeParam Input its configuration as a plan has it
 */
export interface Runner<Config = unknown, Input = unknown> {
  /**
   * Makes the schema of its configuration, where a program brings the runner along. Those of tine have theirs in
   * runner_schemas.ts. A node that is served runs what its parent has validated, so it never asks for it, and loads no
   * schema library.
   */
  schema?(vocabulary: Vocabulary): ZodType<Config, Input>;

  /** What a run with this configuration relies on; nothing when absent. */
  needs?(config: Config): Needs;

  /** A few words for people, beside its name: the command that it runs. Nothing when absent. */
  title?(config: Config): string;

  /**
   * Does the work, until it is done or canceled.
   *
   * @param config its configuration as it is decoded
   * @returns feedback for the runs after it, if any
   * @throws {TineError} what fails the run, and with it the node
   */
  run(config: Config, context: RunContext): Promise<Feedback | void>;
}
