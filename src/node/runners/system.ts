import { splitCommand } from "../../base/shell_words.ts";
import type { Runner } from "../runner.ts";
import type { RunnerConfigs } from "../runner_schemas.ts";
import { fileOf } from "./output/output.ts";
import { Command, commandOf } from "./system/command.ts";

/** A command, and what becomes of its output. */
export type SystemConfig = RunnerConfigs["system"];

/** Runs a command. */
export const system: Runner<SystemConfig> = {
  needs: ({ command, root, stdout, stderr }) => ({
    programs: splitCommand(command)?.slice(0, 1),
    root,
    files: [fileOf(stdout), fileOf(stderr)].filter((file) => file !== undefined),
  }),
  title: commandOf,
  async run(config, context) {
    context.signal.throwIfAborted();
    const command = new Command(config, context);
    if (config.background) context.onEnd(() => command.end());
    else await command.finish();
  },
};
