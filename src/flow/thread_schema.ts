/**
 * The parts of schemas that concern the threads of flows and servers.
 *
 * @module
 */
import { A_CPU_LIST, CPU_LIST } from "../base/cpu_list.ts";
import { MAX_SERVER_WORKERS } from "../base/limits.ts";
import { expects, z } from "../base/schema.ts";

const A_PRIORITY = "a whole number of 1 to 99";
const WORKERS = `a whole number of 1 to ${MAX_SERVER_WORKERS}`;

/** The processors that threads may run on. */
export const cpu = z.union([
  z.int(expects(A_CPU_LIST)).min(0, expects(A_CPU_LIST)).max(8191, expects(A_CPU_LIST)),
  z.string(expects(A_CPU_LIST)).regex(CPU_LIST, expects(A_CPU_LIST)),
], expects(A_CPU_LIST)).optional();

/** The fields that say where the threads of flows run. */
export const placementFields = {
  cpu: cpu.describe(
    "The CPU that its thread runs on, or a list such as 0-1,3. Flows of one placement share threads, which no other " +
      "flow has.",
  ),
  priority: z.int(expects(A_PRIORITY)).min(1, expects(A_PRIORITY)).max(99, expects(A_PRIORITY)).optional().describe(
    "Priority of its thread before all usual ones (SCHED_FIFO); where it is not allowed, a line in the log says so.",
  ),
};

/** In how many threads a server serves. */
export const workers = z.int(expects(WORKERS)).min(1, expects(WORKERS)).max(MAX_SERVER_WORKERS, expects(WORKERS))
  .optional().meta({
    description: "How many threads serve, each flow in one of them: more than one where one core is too few.",
    default: 1,
  });
