import type { RunContext } from "../../runner.ts";
import { GatheredText } from "./gathered_text.ts";
import type { Output, OutputName } from "./output.ts";

/** Makes one log entry of an output, at its end; none of an empty one. */
export class GatheredEntry implements Output {
  readonly #text = new GatheredText();
  readonly #name: OutputName;
  readonly #context: RunContext;

  constructor(name: OutputName, context: RunContext) {
    this.#name = name;
    this.#context = context;
  }

  write(bytes: Uint8Array): undefined {
    this.#text.add(bytes);
  }

  async end(): Promise<void> {
    const { text, leftOut } = this.#text.take();
    const { stream, command } = this.#name;
    const remark = leftOut === 0
      ? ""
      : `\n(${leftOut} bytes of ${stream} are left out; to keep all of it, give it a file: ${stream}: ${command}.txt)`;
    if (text !== "" || remark !== "") await this.#context.log(text + remark, command);
  }
}
