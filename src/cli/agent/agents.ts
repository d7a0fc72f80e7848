import type { AgentCounts } from "../../udf/agent.ts";
import type { ServingAgent } from "../../udf/agent_server.ts";
import type { RunningUdf } from "../../udf/running_udf.ts";
import type { Connection } from "../../wire/connection.ts";
import { formatCount } from "../../base/units.ts";
import { isModule, type ModuleFlagValues, moduleOptions } from "../module_flags.ts";
import { describeSupervision, type SupervisionFlagValues, supervisorOptions } from "../udf/supervision_flags.ts";
import { reachUdf } from "../udf/target.ts";

/** Makes what serves each connection of `tine agent`. */
export interface Agents {
  /** @param inputEnd waits until the host has ended the input */
  accept(connection: Connection, number: number, inputEnd?: () => Promise<void>): ServingAgent;
  /** Ends by force whatever the agents have started. */
  kill(): void;
}

/** The flags of `tine agent` that matter to what serves its connections. */
export interface AgentFlags extends ModuleFlagValues, SupervisionFlagValues {
  readonly maxFrame?: number;
  readonly workers: number;
  readonly watch: boolean;
  readonly connect?: string;
  readonly timeout?: number;
  readonly drainTimeout?: number;
}

/** How long a relayed UDF may be silent, and how long it may go on after its input, in ms, where nothing else is given. */
const TIMEOUT_MS = 10_000;
const DRAIN_TIMEOUT_MS = 60_000;

/**
 * Prepares to run a bundled handler, an author's module, or a relay to another UDF.
 *
 * @param handler undefined: a relay, to `--connect` or to the command behind `--`
 * @param log gets lines for stderr
 */
export async function openAgents(
  handler: string | undefined,
  trailing: readonly string[] | undefined,
  flags: AgentFlags,
  log: (line: string) => void,
): Promise<Agents> {
  const timeoutMs = flags.timeout ?? TIMEOUT_MS;
  const agentOptions = { maxFrameBytes: flags.maxFrame, handlerTimeoutMs: flags.handlerTimeout };
  if (handler === undefined) {
    return await openRelay(() =>
      reachUdf({ connect: flags.connect, trailing }, {
        ...moduleReach(flags),
        retryMs: timeoutMs || Infinity,
        log,
        waiting: (why) => log(`${why}; trying ${timeoutMs === 0 ? "until it is there" : `for ${timeoutMs / 1000} s`}`),
      })
    );
  }
  if (!isModule(handler, "HANDLER")) {
    const { loadBundledHandler } = await import("../../udf/handlers/mod.ts");
    const { Agent } = await import("../../udf/agent.ts");
    const createHandler = (await loadBundledHandler(handler))!;
    return {
      accept(connection) {
        const agent = new Agent(connection, createHandler, agentOptions);
        return reporting(agent, () => agent.counts);
      },
      kill() {},
    };
  }
  const { ModuleRunner } = await import("../../udf/module/module_runner.ts");
  const runnerOptions = { ...moduleOptions(flags), workers: flags.workers, maxFrameBytes: flags.maxFrame };
  if (flags.watch || flags.restart) {
    // Each start loads the module anew.
    await ModuleRunner.open(handler, runnerOptions);
    return await openRelay(() => reachUdf({ handler }, { ...moduleReach(flags), retryMs: 0, log }), handler);
  }
  const runner = await ModuleRunner.open(handler, runnerOptions);
  const { ModuleAgent } = await import("../../udf/module/module_runner.ts");
  return {
    accept(connection) {
      const udf = runner.connect();
      return reporting(new ModuleAgent(connection, udf), () => udf.counts);
    },
    kill: () => void runner[Symbol.asyncDispose](),
  };

  /** Reports at the end what had to be mended or dropped. */
  function reporting(agent: ServingAgent, counts: () => AgentCounts | undefined): ServingAgent {
    return {
      async run() {
        await agent.run();
        const { invalidStrings = 0, pointsDropped = 0 } = counts() ?? {};
        if (invalidStrings > 0) log(`${invalidStrings} strings were not valid UTF-8 and came in with U+FFFD`);
        if (pointsDropped > 0) {
          log(
            `dropped ${
              formatCount(pointsDropped, "point")
            }: written without a successful init, when hosts take no data`,
          );
        }
      },
      stop: () => agent.stop(),
    };
  }

  async function openRelay(reach: () => Promise<RunningUdf>, watched?: string): Promise<Agents> {
    const { Agent } = await import("../../udf/agent.ts");
    const { createRelay } = await import("../../udf/supervise/relay.ts");
    const running = new Set<RunningUdf>();
    const reachAndKeep = async () => {
      const udf = await reach();
      running.add(udf);
      void udf.ended.then(() => running.delete(udf));
      return udf;
    };
    return {
      accept(connection, _number, inputEnd) {
        const relay = createRelay(reachAndKeep, {
          ...supervisorOptions(flags),
          timeoutMs,
          // A host that has ended the input waits for our end: that is to come within its own timeout.
          inputEnd,
          endTimeoutMs: timeoutMs * 0.8,
          drainTimeoutMs: flags.drainTimeout ?? DRAIN_TIMEOUT_MS,
          maxFrameBytes: flags.maxFrame,
          log,
          watch: flags.watch ? watched : undefined,
          // The host gets to know at once, also while it sends nothing.
          onAbort: () => agent.stop(),
          onEnd(counts) {
            const sentence = describeSupervision(counts);
            if (sentence !== undefined) log(sentence);
          },
        });
        // The relay supervises the UDF itself: its own calls may wait for as long as that takes.
        const agent = new Agent(connection, relay, { ...agentOptions, handlerTimeoutMs: 0 });
        return reporting(agent, () => agent.counts);
      },
      kill() {
        for (const udf of running) udf.kill();
      },
    };
  }
}

/** What reaching a module needs to know. */
function moduleReach(flags: AgentFlags) {
  return { module: { ...moduleOptions(flags), maxFrameBytes: flags.maxFrame } };
}
