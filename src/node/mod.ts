/**
 * Network tests on nodes: write, read and check plans, run them, and serve as a node.
 *
 * @module
 */

export { Canceled, type Needs, type RunContext, type Runner, type Unsigned, type Vocabulary } from "./runner.ts";
export type { ClockRelation } from "./clock_relation.ts";
export type { Feedback } from "./feedback.ts";
export type {
  Activity,
  ErrorItem,
  FeedbackItem,
  FileData,
  FlowInfo,
  Item,
  LogEntry,
  Missing,
  NodeEnd,
  NodeInfo,
  Progress,
  Records,
  RunTime,
  RunTimes,
  SysInfoData,
} from "./item.ts";
export type {
  FlowProgress,
  FlowReport,
  PacketReport,
  PacketSenderReport,
  ServedPacketReport,
  ServedStreamReport,
  StreamProgress,
  StreamReport,
} from "../flow/report.ts";
export type { Connect, Host, InvokingUser } from "./launch/launcher.ts";
export { thisHost } from "./launch/invoking_user.ts";
export {
  child,
  counters,
  packetClient,
  packetServer,
  parallel,
  plan,
  printPlan,
  resultStream,
  runner,
  schedule,
  serial,
  sleep,
  streamClient,
  streamServer,
  sysInfo,
  system,
  test,
} from "./plan/builders.ts";
export {
  type Duration,
  formatDuration,
  formatSize,
  MAX_DURATION,
  parseDuration,
  parseSize,
  type Size,
} from "../base/units.ts";
export { leastTime } from "./plan/visits.ts";
export { type Machine, thisMachine, type VetOptions, vetPlan, type VetResult } from "./plan/vet/vet.ts";
export {
  isPlanModule,
  parsePlan,
  type ParsePlanOptions,
  type PlanFormat,
  readPlan,
  type ReadPlanOptions,
} from "./plan/parse.ts";
export { PlanError, type Problem } from "./plan/place.ts";
export { type Random, random } from "./plan/random.ts";
export type {
  Child,
  ChildInput,
  Node,
  Plan,
  PlanInput,
  Run,
  RunInput,
  Schedule,
  ScheduleInput,
  ScheduleOptions,
  Test,
  TestInput,
  UdfConfig,
  UdfInput,
} from "./plan/types.ts";
export type { Finding } from "./plan/vet/finding.ts";
export type { ProcessEnd, Processes, ProcessOptions, StartedProcess } from "./process/processes.ts";
export { Kind, type Message } from "./protocol/frame.ts";
export { decodeItem, encodeItem } from "./protocol/kinds.ts";
export { ROOT_ID } from "../base/limits.ts";
export { run, type RunOptions } from "./run.ts";
export { serve, type ServeOptions } from "./serve.ts";
export { type Connection, stdioConnection as stdioConn } from "../wire/connection.ts";
export { pipe as pipeConn } from "../wire/pipe.ts";
export { type Chunk, readChunk, samplesOf } from "../flow/records/read_chunk.ts";
export type { Columns, RecordKind, Sample } from "../flow/records/format.ts";
export type { RunnerConfigs, RunnerInputs, RunnerName } from "./runner_schemas.ts";
export { runners } from "./runners.ts";
export { TineError } from "../base/errors.ts";
