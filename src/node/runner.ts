import type { ZodType } from "zod";
import type { Flows } from "../flow/flows.ts";
import type { Feedback } from "./feedback.ts";
import type { Item } from "./item.ts";
import type { Duration } from "../base/units.ts";
import type { Processes } from "./process/processes.ts";
import { TineError } from "../base/errors.ts";

/** What schemas are made of: functions of zod, durations, sizes, rates. */
export type Vocabulary = typeof import("../base/schema.ts");

/** An end of a flow: what must agree with the other end. */
export interface FlowEndpoint {
  readonly protocol: "TCP" | "UDP" | "STAMP";
  /** Where the server listens: `HOST:PORT`. */
  readonly addr?: string;
  /** The address is that of a group, which the server has joined; any number of servers may. */
  readonly group?: boolean;
  /** The feedback key that has the address. */
  readonly addrKey?: string;
  /** Whether clients prove that they have the key of the run. */
  readonly hmac: boolean;
  /** The longest packet that the server accepts, or the client sends, in bytes. */
  readonly packetBytes?: number;
  /** How long a flow may last at the server, or lasts that has an end of its own, in milliseconds. */
  readonly durationMs?: number;
  /** The rate that a flow may have at the server, or its packets have in the direction with more of it; Infinity: any. */
  readonly bitsPerSecond?: number;
  /** The maximum number of flows that a server runs at a time. */
  readonly flows?: number;
}

/** What a run relies on, according to its configuration. `tine vet` compares it with the rest of the plan. */
export interface Needs {
  /** Executables that it starts. */
  readonly programs?: readonly string[];
  /** Whether it runs as root. */
  readonly root?: boolean;
  /** Feedback keys that it sets. */
  readonly sets?: readonly string[];
  /** Feedback keys that must be set before. */
  readonly uses?: readonly string[];
  /** The id of the flow that it runs. */
  readonly flow?: string;
  /** Whether that flow is one of requests and responses. */
  readonly isExchange?: boolean;
  /** The end of flows that it serves. */
  readonly serves?: FlowEndpoint;
  /** The end of a flow that it dials as a client. */
  readonly dials?: FlowEndpoint;
  /** Names of files of the results that it writes. */
  readonly files?: readonly string[];
  /** The least time that it takes, in milliseconds. */
  readonly atLeast?: Duration;
  /** The CPUs that its threads are to run on, as a list. */
  readonly cpu?: string | number;
}

/** What a node provides to a run. */
export interface RunContext {
  /** The id of the node that it runs on. */
  readonly nodeId: string;
  /** The place of the run in its plan, such as `tests[0].serial[2]`. */
  readonly path: string;
  /** Aborted when the run is canceled; the reason is an Error. */
  readonly signal: AbortSignal;
  /** Feedback that earlier runs have set. */
  readonly feedback: Feedback;
  /** Starts processes that end with the node at the latest, whatever happens. */
  readonly processes: Processes;

  /**
   * Writes an entry to the log, tagged with the name of the runner.
   *
   * @returns a promise where the sender should wait before it continues, since more comes than can be sent
   */
  log(text: string, tag?: string): Promise<void> | undefined;

  /**
   * Sends a result to the root. Samples of flows need not wait; a sender of unlimited output must.
   *
   * @returns a promise where the sender should wait before it continues
   */
  send(item: Unsigned<Item>): Promise<void> | undefined;

  /** From now on, results that the filter does not choose wait on this node until all its runs are over. */
  choose(chosen: (item: Unsigned<Item>) => boolean): void;

  /** Returns traffic; the first call starts the workers for it. */
  flows(): Promise<Flows>;

  /** The secret key that the nodes of a run share: 32 random bytes. */
  readonly key: Uint8Array;

  /** Registers work that goes on after the run has returned, such as that of a server: if it fails, the node fails. */
  goesOn(work: Promise<void>): void;

  /** Registers a cleanup for when all runs of the node have ended. Cleanups run in reverse order. */
  onEnd(cleanup: () => void | Promise<void>): void;

  /** Returns a folder for temporary files, which is removed when the node ends in any way. */
  temporaryFolder(): Promise<string>;
}

/** An item as a run makes it; the node adds the id. */
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
   * Makes the schema of the configuration. Only runners of a program need it: those of tine have theirs in
   * runner_schemas.ts. A served node runs what its parent has validated, so it never calls this and loads no schema
   * library.
   */
  schema?(vocabulary: Vocabulary): ZodType<Config, Input>;

  /** Returns what a run with this configuration relies on; nothing when absent. */
  needs?(config: Config): Needs;

  /** Returns the name of a run in the table `runs`, such as that of its program; the name of the runner when absent. */
  name?(config: Config): string;

  /** Returns a short title, shown beside the name of the runner, such as the command. */
  title?(config: Config): string;

  /**
   * Does the work until it is complete or canceled.
   *
   * @param config its configuration as it is decoded
   * @returns feedback for the runs after it, if any
   * @throws {TineError} what fails the run, and with it the node
   */
  run(config: Config, context: RunContext): Promise<Feedback | void>;
}

/**
 * Why a node is canceled. The code is `timeout`, `interrupted`, `canceled`, or that of the error which is its cause.
 */
export class Canceled extends TineError {
  override name = "Canceled";

  /**
   * @param code for programs, in kebab-case
   * @param message one sentence for people
   */
  constructor(code = "canceled", message = "the run was canceled", options?: ErrorOptions) {
    super(code, message, options);
  }
}
