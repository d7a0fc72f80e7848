/** A small terminal that understands what a live display writes; lines are as wide as they come. */
export class FakeTerminal {
  readonly #lines: string[] = [""];
  #row = 0;
  #column = 0;

  /** Everything on it, without the empty end. */
  get lines(): string[] {
    const lines = this.#lines.map((line) => line.trimEnd());
    while (lines.at(-1) === "") lines.pop();
    return lines;
  }

  /** Where the cursor is. */
  get cursor(): { row: number; column: number } {
    return { row: this.#row, column: this.#column };
  }

  write(text: string): void {
    // deno-lint-ignore no-control-regex
    for (const [token, count, command] of text.matchAll(/\x1b\[(\d*)([A-Za-z])|\n|\r|[^\x1b\n\r]+/g)) {
      if (token === "\n") this.#moveTo(this.#row + 1, 0);
      else if (token === "\r") this.#column = 0;
      else if (command === "A") this.#moveTo(Math.max(0, this.#row - Number(count)), this.#column);
      else if (command === "K") this.#clearToEnd();
      else if (command === "J") this.#clearBelow();
      else if (command === undefined) this.#print(token);
      else if (command !== "m") throw new Error(`unexpected ${JSON.stringify(token)}`);
    }
  }

  #moveTo(row: number, column: number): void {
    this.#row = row;
    this.#column = column;
    while (this.#lines.length <= row) this.#lines.push("");
  }

  #clearToEnd(): void {
    this.#lines[this.#row] = this.#lines[this.#row].slice(0, this.#column);
  }

  #clearBelow(): void {
    this.#clearToEnd();
    this.#lines.length = this.#row + 1;
  }

  #print(text: string): void {
    const line = this.#lines[this.#row].padEnd(this.#column);
    this.#lines[this.#row] = line.slice(0, this.#column) + text + line.slice(this.#column + text.length);
    this.#column += text.length;
  }
}
