import { FLOW_ID } from "../base/limits.ts";
/**
 * The schemas of what stands behind the names of runners in plans: the only source of the types of their configurations,
 * of the JSON Schema and of the manual's tables.
 *
 * @module
 */
import type { input, output } from "zod";
import { duration, expects, type Immutable, pattern, toggle, z } from "../base/schema.ts";
import { splitCommand } from "../base/shell_words.ts";
import {
  packetClientSchema,
  packetServerSchema,
  streamClientSchema,
  streamServerSchema,
} from "../flow/config_schema.ts";
import { fileOf } from "./runners/output/output.ts";

const sleepSchema = duration.describe("Sleep for this long, such as 500ms; ends early when canceled.");

// File names are relative to the folder of results, so they must not lead out of it.
const outputTreatment = pattern(
  "gather, stream, quiet, bufmem:NAME, buftmp:NAME, or a relative file name without .. and colons",
  // deno-lint-ignore no-control-regex
  /^(?:|gather|stream|quiet|(?:(?:bufmem|buftmp):)?(?!.*(?<![^/:])\.{0,2}(?:\/|$))[^\0-\x1f\x7f\\:]{1,255})$/,
).optional();

const systemSchema = z.strictObject({
  command: z.string(expects('a command such as "ip -br addr"')).superRefine((command, { addIssue }) => {
    const words = splitCommand(command);
    if (words === undefined) addIssue(`has a quote or backslash that does not end: ${command}`);
    else if (words.length === 0) addIssue('is empty, expected a command such as "ip -br addr"');
  }).describe("The command line, split into words as a shell does; no shell runs it."),
  args: z.array(z.string(expects("a text, in quotes")), expects("a list of arguments")).optional()
    .describe("Further arguments, taken as they are."),
  background: toggle("Return once started; ended after the rest of the tree is complete."),
  ignoreErrors: toggle("An exit status other than 0 does not fail the run."),
  stdout: outputTreatment.meta({
    description: "What becomes of standard output. gather: one log entry at the end; stream: one log entry a line; " +
      "quiet: nothing; bufmem:NAME, buftmp:NAME: kept in memory or in a temporary file until the end, then a file of " +
      "the results; another name: a file of the results, streamed. A file whose name ends with .gz or .zst is " +
      "compressed, unless the output is already.",
    default: "gather",
  }),
  stderr: outputTreatment.meta({ description: "What becomes of standard error, as for stdout.", default: "gather" }),
  kill: toggle("When it is canceled, or ended in the background: kill it rather than interrupt it."),
  root: toggle("Run it as root."),
}, expects('an object such as {command: "ip -br addr"}')).superRefine(({ stdout, stderr }, { addIssue }) => {
  const file = fileOf(stdout);
  if (file === undefined || file !== fileOf(stderr)) return;
  addIssue({
    code: "custom",
    path: ["stderr"],
    message: `is the file ${file}, as is stdout; give it another, or run sh -c "COMMAND 2>&1"`,
  });
}).describe("Run a command.");

const messageFilter = z.strictObject({
  file: z.array(pattern("a glob pattern such as *.txt", /^\P{Cc}+$/u), expects("a list of glob patterns")).optional()
    .describe("Files whose names match; * and ? stay in a folder, ** does not."),
  log: toggle("Log entries."),
  flow: z.array(pattern("a flow id such as bulk.1", FLOW_ID), expects("a list of flow ids")).optional()
    .describe("Samples of these flows, and what describes them."),
  all: toggle("Everything."),
}, expects("an object such as {log: true}"));

const resultStreamSchema = z.strictObject({
  include: messageFilter.optional().describe("What is sent at once; left out: everything; {}: nothing."),
  exclude: messageFilter.optional().describe("Of what is included, what is not sent at once."),
}, expects("an object such as {include: {log: true}}")).describe(
  "Choose which results of this node are sent at once; the others wait on the node until the run is over, so that they " +
    "do not disturb the traffic under test. Without a resultStream, all are sent at once. Errors, progress, what " +
    "describes a node and feedback never wait.",
);

const texts = (what: string) => z.array(z.string(expects("a text, in quotes")).min(1), expects(what)).optional();

const sysInfoSchema = z.strictObject({
  commands: texts("a list of commands").describe("Commands whose output is kept; no shell runs them."),
  files: texts("a list of files").describe(
    "Files whose content is kept, as it is. * and ? stay in a folder, ** does not.",
  ),
  env: texts("a list of patterns").describe(
    'Patterns for names of variables that are kept, such as "LC_*". What looks like a secret is masked.',
  ),
  sysctl: texts("a list of patterns").describe(
    'Patterns for names of kernel settings that are kept, such as "net.ipv4.tcp_*"; * goes across dots.',
  ),
}, expects("an object, {} for the usual")).describe(
  "Describe the node's system: operating system, kernel, CPU, memory, load, clock, TCP, interfaces, queueing " +
    "disciplines. What cannot be found out is noted, and fails nothing.",
);

const countersSchema = z.strictObject({
  interval: duration.refine((ms) => ms >= 10, "expected at least 10ms").optional()
    .meta({ description: "The time between two readings.", default: "100ms" }),
  qdisc: z.boolean(expects("true or false")).optional()
    .describe("Queueing disciplines: backlog, drops and marks."),
  link: z.boolean(expects("true or false")).optional().describe("Interfaces: bytes, packets and drops."),
  cpu: z.boolean(expects("true or false")).optional().describe("Processors: what they spend their time on."),
  softnet: z.boolean(expects("true or false")).optional()
    .describe("Processors: packets that they took from network cards, dropped, or had no time for."),
}, expects("an object such as {interval: 100ms, qdisc: true}, {} for all")).describe(
  "Record counters of the node's system and network namespace beside the flows. Returns at once, and goes on until the " +
    "runs of its node are over. All kinds are recorded, or those that are true, or those that are not false. They are the table counters, and the queue under the round-trip times of a page.",
);

/** The schemas of all runners of tine, by the key that a runner has in a plan. */
export const runnerSchemas = {
  sleep: sleepSchema,
  system: systemSchema,
  resultStream: resultStreamSchema,
  sysInfo: sysInfoSchema,
  counters: countersSchema,
  streamServer: streamServerSchema,
  streamClient: streamClientSchema,
  packetServer: packetServerSchema,
  packetClient: packetClientSchema,
} as const;

/** The name of a runner. */
export type RunnerName = keyof typeof runnerSchemas;

/** The configuration of each runner as a plan has it. */
export type RunnerInputs = { [N in RunnerName]: Immutable<input<typeof runnerSchemas[N]>> };

/** The configuration of each runner as it is decoded: durations are milliseconds, sizes bytes. */
export type RunnerConfigs = { [N in RunnerName]: Immutable<output<typeof runnerSchemas[N]>> };
