import { splitCommand } from "../../base/shell_words.ts";
import type { RunContext, Runner } from "../runner.ts";
import type { RunnerConfigs } from "../runner_schemas.ts";
import { createOutput, fileOf, type Outputs, treatOutput } from "./output/output.ts";
import { TineError } from "../../base/errors.ts";
import type { ProcessEnd, StartedProcess } from "../process/processes.ts";
import { LastLine } from "./output/log_outputs.ts";

/** A command, and what becomes of its output. */
export type SystemConfig = RunnerConfigs["system"];

/** Runs a command. */
export const system: Runner<SystemConfig> = {
  needs: ({ command, root, stdout, stderr }) => ({
    programs: splitCommand(command)?.slice(0, 1),
    root,
    files: [fileOf(stdout), fileOf(stderr)].filter((file) => file !== undefined),
  }),
  name: ({ command }) => nameOf(splitCommand(command)?.[0] ?? "") || "system",
  title: commandOf,
  async run(config, context) {
    context.signal.throwIfAborted();
    const command = new SystemCommand(config, context);
    if (config.background) context.onEnd(() => command.end());
    else await command.finish();
  },
};

/** A started command, whose output is treated. */
export class SystemCommand {
  readonly #config: SystemConfig;
  readonly #context: RunContext;
  readonly #name: string;
  readonly #outputs: Outputs;
  readonly #process: StartedProcess;
  readonly #lastError = new LastLine();
  /** Resolves when the command has ended and all of its output is treated. */
  readonly #treated: Promise<void>;
  #stopping: Promise<void> | undefined;

  /**
   * Starts the command.
   *
   * @throws {TineError} `bad-command`; or what starting it throws, such as `no-program`
   */
  constructor(config: SystemConfig, context: RunContext) {
    const { command, args = [], stdout, stderr, root } = config;
    const [program, ...words] = splitCommand(command) ?? [];
    if (program === undefined) throw new TineError("bad-command", `"${command}" is no command that has an end`);
    this.#config = config;
    this.#context = context;
    this.#name = nameOf(program);
    this.#outputs = {
      stdout: createOutput(stdout, { stream: "stdout", command: this.#name }, context),
      stderr: createOutput(stderr, { stream: "stderr", command: this.#name }, context),
    };
    this.#process = context.processes.start({
      program,
      args: [...words, ...args],
      root,
      stdout: this.#outputs.stdout !== undefined,
      stderr: this.#outputs.stderr !== undefined,
    });
    this.#treated = this.#treat();
    this.#treated.catch(() => {}); // finish() and end() report it.
  }

  /**
   * Waits for the end of the command; stops it when the run is canceled.
   *
   * @throws {TineError} `command-failed`, if it failed and that is not to be ignored; the reason of the cancellation,
   *     once its output until then is treated; what treating its output threw
   */
  async finish(): Promise<void> {
    const { signal } = this.#context;
    const cancel = () => void this.#stop();
    signal.addEventListener("abort", cancel, { once: true });
    try {
      await this.#treated;
    } finally {
      signal.removeEventListener("abort", cancel);
      await this.#stopping;
    }
    signal.throwIfAborted();
    const end = await this.#process.ended;
    if (!end.success && !this.#config.ignoreErrors) throw new TineError("command-failed", this.#failure(end));
  }

  /**
   * Stops the command and its process group, and waits until the output is treated.
   *
   * @throws what treating its output threw
   */
  async end(): Promise<void> {
    await this.#stop();
    await this.#treated;
  }

  #stop(): Promise<void> {
    this.#stopping ??= this.#process.stop(this.#config.kill ? "kill" : "interrupt");
    this.#stopping.catch(() => {}); // finish() and end() report it.
    return this.#stopping;
  }

  async #treat(): Promise<void> {
    const stillOpen = await treatOutput(this.#process, {
      stdout: this.#outputs.stdout,
      stderr: withLastLine(this.#outputs.stderr, this.#lastError),
    }, () => void this.#stop());
    for (const stream of stillOpen) {
      await this.#context.log(
        `${
          commandOf(this.#config)
        } has ended, but something that it started holds ${stream} open; what that writes is not kept`,
        this.#name,
      );
    }
    const { background, ignoreErrors } = this.#config;
    const end = await this.#process.ended;
    // No run waits for it, but readers of the results want to know that it had ended early.
    if (background && !end.success && !ignoreErrors && this.#stopping === undefined) {
      await this.#context.log(`in the background, ${this.#failure(end)}`, this.#name);
    }
  }

  #failure({ how }: ProcessEnd): string {
    const line = this.#lastError.text();
    return `${commandOf(this.#config)}: ${how}` + (line === undefined ? "" : `: ${line}`);
  }
}

function withLastLine(output: Outputs["stderr"], lastLine: LastLine): Outputs["stderr"] {
  return output && {
    write(bytes) {
      lastLine.add(bytes);
      return output.write(bytes);
    },
    end: () => output.end(),
  };
}

/** Returns the name of a program without its folder. */
function nameOf(program: string): string {
  return program.slice(program.lastIndexOf("/") + 1);
}

const SHOWN_CHARACTERS = 100;

/** Returns the command of a run as messages show it: in one line, cut if it is long. */
export function commandOf({ command: line, args = [] }: SystemConfig): string {
  const command = [line, ...args].join(" ").replace(/\s+/g, " ");
  return command.length > SHOWN_CHARACTERS ? command.slice(0, SHOWN_CHARACTERS) + "..." : command;
}
