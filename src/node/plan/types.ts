import type { RunnerConfigs, RunnerInputs } from "../runners.ts";
import type { Duration } from "../../base/duration.ts";

/** A node: where and how a process of the test runs. Equal nodes are the same node. */
export interface Node {
  /** Names it in logs and results; unique in a test. */
  id: string;
  /** Such as `linux-x64`; the parent's for local, asked of the far side for ssh, when absent. */
  platform?: string;
  /** How it is started: exactly one of these. */
  launcher: {
    /** A process on the machine of its parent; `root`: as root, by default as the invoking user. */
    local?: { root?: boolean };
    /** A process on another machine; the destination is the node's id by default; `root`: by sudo there. */
    ssh?: { destination?: string; root?: boolean };
  };
  /** The network namespace that it runs in; when created, the node's id is its name by default. */
  netns?: { name?: string; create?: boolean };
  /** The environment of its processes: KEY=value, on top of that of the parent unless `inherit` is false. */
  env?: { vars?: string[]; inherit?: boolean };
}

/** A run as a plan has it: at most one of its members. */
export interface RunInput extends Partial<RunnerInputs> {
  /** One after another, up to the first failure. */
  serial?: RunInput[];
  /** At the same time; waits for all. */
  parallel?: RunInput[];
  /** Started one after another at given distances. */
  schedule?: ScheduleInput;
  /** A run on another node. */
  child?: ChildInput;
}

/** When the runs of a schedule are started. */
export interface ScheduleOptions<D = string> {
  /** What to wait between starts, cycled. */
  wait?: D[];
  /** Waits are drawn instead. */
  random?: boolean;
  /** Wait before the first run as well. */
  waitFirst?: boolean;
  /** Wait for the end of each run first. */
  sequential?: boolean;
}

/** A schedule as a plan has it. */
export interface ScheduleInput extends ScheduleOptions {
  run: RunInput[];
}

/** A node, and the run on it. */
export interface ChildInput extends RunInput {
  node: Node;
}

/** A test as a plan has it. */
export interface TestInput extends RunInput {
  /** What tells it from other tests: names and values, such as `{ name: "fct", cca: "bbr" }`. */
  id: Record<string, string>;
  /** It is canceled after this long; default 660s, 0 for never. */
  timeout?: string;
}

/** A plan as it is written. */
export interface PlanInput {
  /** For editors: where the JSON Schema is. */
  $schema?: string;
  tests: TestInput[];
  /** Passed over: a place for what is used several times. */
  [extension: `x-${string}`]: unknown;
}

/** A run as it is decoded; durations are milliseconds, sizes bytes. It is plain JSON as well. */
export interface Run extends Partial<RunnerConfigs> {
  serial?: Run[];
  parallel?: Run[];
  schedule?: Schedule;
  child?: Child;
}

/** A schedule as it is decoded. */
export interface Schedule extends ScheduleOptions<Duration> {
  run: Run[];
}

/** A node, and the run on it, as it is decoded. */
export interface Child extends Run {
  node: Node;
}

/** A test as it is decoded. */
export interface Test extends Run {
  id: Record<string, string>;
  /** 0 is never. */
  timeout: Duration;
}

/** A plan that was validated. */
export interface Plan {
  tests: Test[];
}
