import type { Option, OptionValue, Request, Response } from "../messages.ts";

const MAX_LENGTH = 400;

/** A list of what went one way, short enough for a person: repetitions are counted, what lies far back is left out. */
export class Transcript {
  readonly #entries: { text: string; count: number }[] = [];

  /** Appends an entry; one that equals the last is counted with it. */
  add(text: string, count = 1): void {
    const last = this.#entries.at(-1);
    if (last?.text === text) last.count += count;
    else this.#entries.push({ text, count });
    // The beginning and the end matter most.
    if (this.#entries.length > 2000) this.#entries.splice(20, 1000, { text: "...", count: 1 });
  }

  toString(): string {
    if (this.#entries.length === 0) return "nothing";
    const parts = this.#entries.map(({ text, count }) => count === 1 ? text : `${count} x ${text}`);
    if (parts.length > 24) parts.splice(12, parts.length - 24, "...");
    return parts.join(", ");
  }
}

/** A request in a few words. */
export function describeRequest(request: Request): string {
  switch (request.kind) {
    case "init":
      return `init(${request.init.options.map(describeOption).join(" ")})`;
    case "restore":
      return `restore of ${request.snapshot.length} bytes`;
    case "begin":
      return `begin of batch ${clip(request.begin.name)}`;
    case "end":
      return `end of batch ${clip(request.end.name)}`;
    case "empty":
      return "an empty request";
    default:
      return request.kind;
  }
}

/** A response in a few words. */
export function describeResponse(response: Response): string {
  switch (response.kind) {
    case "init":
    case "restore": {
      const { success, error } = response.outcome;
      return `${response.kind}(${success ? "success" : `failure ${clip(error)}`})`;
    }
    case "snapshot":
      return `snapshot of ${response.snapshot.length} bytes`;
    case "error":
      return `the error ${clip(response.error)}`;
    case "begin":
      return `begin of batch ${clip(response.begin.name)} of size ${response.begin.size}`;
    case "end":
      return `end of batch ${clip(response.end.name)}`;
    case "empty":
      return "an empty or unknown response";
    default:
      return response.kind;
  }
}

/** A text in quotes, cut where it is long. */
export function clip(text: string): string {
  return JSON.stringify(text.length > MAX_LENGTH ? text.slice(0, MAX_LENGTH) + "..." : text);
}

function describeOption({ name, values }: Option): string {
  return values.length === 0 ? name : `${name}=${values.map(describeValue).join(",")}`;
}

function describeValue({ type, value }: OptionValue): string {
  return type === "string" ? clip(value) : `${value}${type === "duration" ? "ns" : ""}`;
}
