import type { RunContext } from "../../runner.ts";
import { LineCutter } from "./line_cutter.ts";
import type { Output, OutputName } from "./output.ts";

/** Makes a log entry of each line, as it comes. */
export class StreamedLines implements Output {
  readonly #lines = new LineCutter();
  readonly #command: string;
  readonly #context: RunContext;

  constructor({ command }: OutputName, context: RunContext) {
    this.#command = command;
    this.#context = context;
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#log(this.#lines.push(bytes));
  }

  end(): Promise<void> {
    return this.#log(this.#lines.end());
  }

  async #log(lines: Iterable<string>): Promise<void> {
    for (const line of lines) {
      const room = this.#context.log(line, this.#command);
      if (room !== undefined) await room;
    }
  }
}
