import { messageOf, TineError } from "../../base/errors.ts";
import { CaseFileError, type CaseResult } from "../../udf/cases/mod.ts";
import { defineCommand } from "../command.ts";
import { UsageError } from "../errors.ts";
import { duration, flag, list, text } from "../flags.ts";
import { onInterrupt } from "../interrupts.ts";
import { checkModuleFlags, moduleFlags } from "../module_flags.ts";
import { escape, style, writeStdout } from "../terminal.ts";
import { checkTarget, maxFrame, targetFlags } from "../udf/target.ts";
import type { CaseReport } from "./reports.ts";

const flags = {
  ...targetFlags,
  filter: text({ value: "TEXT", help: "only cases whose name has this text in it, or matches /REGEXP/" }),
  update: flag({ help: "write what came into the files, in place of points that were expected" }),
  tap: flag({ help: "print TAP, version 14" }),
  junit: text({ value: "FILE|-", complete: "file", help: "write JUnit's XML for CI, too" }),
  json: flag({ help: "a JSON object a line: one for each case, then the summary" }),
  verbose: flag({ short: "v", help: "show what UDFs write to stderr" }),
  fromRecording: list({
    value: "FILE",
    complete: "file",
    help: "print what --record has written as cases, and test nothing",
  }),
  timeout: duration({
    default: 10_000,
    zero: "wait for ever",
    help: "give up on a UDF that is silent, or does not end, for this long",
  }),
  ...moduleFlags,
  maxFrame,
};

/** `tine test`: does a UDF answer as its cases say? */
export const command = defineCommand({
  name: "test",
  summary: "Test a UDF by cases: input, and what is to come back",
  usage: [
    "FILE|FOLDER... [flags]",
    "FILE|FOLDER... [flags] -- CMD ARGS... | --handler HANDLER | --socket PATH | --connect HOST:PORT",
    "--from-recording RECORDING",
  ],
  description:
    "Files of cases are YAML: points in, points expected, or what they are to be like. The UDF is that of the file, unless " +
    "the command line names one. Each case gets a fresh one. Exit code 1 unless all pass.",
  flags,
  positionals: [{
    name: "FILE",
    help: "a file of cases, or a folder: all files of YAML in it that have cases",
    optional: true,
    repeatable: true,
    complete: "file",
  }],
  trailing: true,
  examples: [
    { command: "tine test my_udf_cases.yaml", what: "all cases of a file, with the UDF that it names" },
    { command: "tine test cases/ --filter restart --junit report.xml", what: "some of a folder, in CI" },
    { command: "tine test my_udf_cases.yaml -- python3 -u my_udf.py", what: "the same cases, another UDF" },
    { command: "tine test my_udf_cases.yaml --update", what: "take what comes as what is expected" },
    { command: "tine test --from-recording run.rec > run_cases.yaml", what: "a case of what was recorded" },
  ],

  async run({ flags, positionals, trailing }) {
    const target = { handler: flags.handler, socket: flags.socket, connect: flags.connect, trailing };
    const isGiven = Object.values(target).some((value) => value !== undefined);
    if (isGiven) checkTarget(target);
    if (flags.fromRecording.length > 0) {
      if (positionals.length > 0) throw new UsageError("--from-recording prints cases and tests nothing: give no FILE");
      return await printRecordings(flags.fromRecording);
    }
    if (positionals.length === 0) throw new UsageError("FILE is missing: a file of cases, or a folder");
    // A file may name a module, which the permissions are for.
    if (isGiven) checkModuleFlags(flags, flags.handler);
    const wanted = selector(flags.filter);
    const { findCaseFiles, readCaseFile, writeCaseFile } = await import("./case_files.ts");
    const { runCase, updateCases } = await import("../../udf/cases/mod.ts");
    const { caseOptions } = await import("./case_options.ts");
    const files = [];
    for (const path of await findCaseFiles(positionals)) {
      try {
        const file = await readCaseFile(path);
        files.push({ path, file, cases: file.cases.filter(({ name }) => wanted(name)) });
      } catch (error) {
        if (!(error instanceof TineError)) throw error;
        files.push({ path, error });
      }
    }
    const count = files.reduce((sum, { cases, error }) => sum + (error === undefined ? cases!.length : 1), 0);
    if (count === 0) throw new UsageError(`--filter: no case has ${JSON.stringify(escape(flags.filter!))} in its name`);
    for (const { path, cases } of files) {
      const homeless = cases?.find(({ udf, skip }) => udf === undefined && skip === undefined && !isGiven);
      if (homeless === undefined) continue;
      throw new UsageError(
        `which UDF? ${
          escape(path)
        }:${homeless.line} names none (udf: {handler: ...}), and neither does the command line`,
      );
    }
    const report: CaseReport = await openReport(flags, count);
    const ending = new AbortController();
    using interrupts = onInterrupt(() => ending.abort(), () => Deno.exit(130));
    const { dim } = style(Deno.stderr);
    for (const { path, file, cases, error } of files) {
      if (ending.signal.aborted) break;
      await report.file(path);
      if (error !== undefined) {
        await report.add({ path, name: "can be read", line: 1, result: unreadable(error) });
        continue;
      }
      const results = new Map<string, CaseResult>();
      for (const test of cases!) {
        if (ending.signal.aborted) break;
        const result = await runCase(test, {
          ...caseOptions(path, test, isGiven ? target : undefined, flags),
          timeoutMs: flags.timeout,
          maxFrameBytes: flags.maxFrame,
          signal: ending.signal,
          log: flags.verbose ? (line) => console.error(dim(escape(line))) : undefined,
        });
        if (ending.signal.aborted) break;
        results.set(test.name, result);
        // What is updated is known once all have run.
        if (!flags.update) await report.add({ path, name: test.name, line: test.line, skip: test.skip, result });
      }
      if (!flags.update || ending.signal.aborted) continue;
      const { text, updated } = updateCases(file!, results);
      if (text !== file!.text) await writeCaseFile(path, text);
      for (const { name, line, skip } of cases!) {
        await report.add({ path, name, line, skip, result: results.get(name)!, updated: updated.includes(name) });
      }
    }
    if (interrupts.interrupted) return 130;
    await report.end();
    if (flags.junit !== undefined) {
      await (await import("../report/write.ts")).writeFile(flags.junit, report.junit());
    }
    return report.failed > 0 ? 1 : 0;
  },
});

/** The values of the flags of `tine test`. */
export type TestFlags = import("../flags.ts").FlagValues<typeof flags>;

async function openReport(flags: TestFlags, count: number): Promise<CaseReport> {
  const { CaseReport, jsonReport, people, tap } = await import("./reports.ts");
  const kinds = [flags.tap && "--tap", flags.json && "--json", flags.junit === "-" && "--junit -"].filter(Boolean);
  if (kinds.length > 1) {
    throw new UsageError(`${kinds.join(" and ")} exclude each other: each prints to standard output`);
  }
  const format = flags.tap ? tap(count) : flags.json ? jsonReport() : people(style(Deno.stdout));
  return new CaseReport(format, flags.junit === "-" ? () => Promise.resolve() : writeStdout);
}

/** Which cases are wanted. */
function selector(filter: string | undefined): (name: string) => boolean {
  if (filter === undefined) return () => true;
  const [, source] = /^\/(.+)\/$/s.exec(filter) ?? [];
  if (source === undefined) return (name) => name.includes(filter);
  try {
    const pattern = new RegExp(source, "u");
    return (name) => pattern.test(name);
  } catch (error) {
    throw new UsageError(`--filter: ${escape(filter)} is no regular expression: ${messageOf(error)}`);
  }
}

/** A file that cannot be read counts as a case, so that the others run. */
function unreadable(error: TineError): CaseResult {
  const problems = error instanceof CaseFileError ? error.problems : [{ line: 1, message: error.message }];
  return { status: "error", problems, warnings: [], stderr: [], outputs: [], durationMs: 0 };
}

async function printRecordings(paths: readonly string[]): Promise<number> {
  const { casesOfRecordings } = await import("../../udf/cases/from_recording.ts");
  await writeStdout(await casesOfRecordings(paths, (message) => console.error(`tine test: ${escape(message)}`)));
  return 0;
}
