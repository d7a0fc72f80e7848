import { splitCommand } from "../command_words.ts";
import type { Runner } from "../runner.ts";

/** What is described besides the usual: operating system, kernel, CPU, memory, interfaces. */
export interface SysInfoConfig {
  /** Commands whose output is kept. */
  commands?: string[];
  /** Files whose content is kept; patterns are possible. */
  files?: string[];
  /** Patterns for names of variables that are kept. */
  env?: string[];
  /** Patterns for names of kernel settings that are kept. */
  sysctl?: string[];
}

/** Describes the node's system. */
export const sysInfo: Runner<SysInfoConfig, SysInfoConfig> = {
  schema({ z, expects }) {
    const texts = (what: string) => z.array(z.string(expects("a text, in quotes")).min(1), expects(what)).optional();
    return z.strictObject({
      commands: texts("a list of commands").describe("Commands whose output is kept."),
      files: texts("a list of files").describe("Files whose content is kept; patterns are possible."),
      env: texts("a list of patterns").describe("Patterns for names of variables that are kept."),
      sysctl: texts("a list of patterns").describe("Patterns for names of kernel settings that are kept."),
    }, expects("an object, {} for the usual"))
      .describe("Describe the node's system: operating system, kernel, CPU, memory, interfaces.");
  },
  async run(_config, context) {
    await context.send({ type: "sysInfo", sections: { kernel: Deno.osRelease() } });
  },
  needs: ({ commands = [] }) => ({ programs: commands.flatMap((command) => splitCommand(command)?.slice(0, 1) ?? []) }),
};
