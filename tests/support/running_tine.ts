/** A `tine run --json` that is under way. */

import { TextLineStream, toText } from "@std/streams";

/** What it prints. */
// deno-lint-ignore no-explicit-any
export type TineEvent = { readonly type: string } & Readonly<Record<string, any>>;

/** How it ended. */
export interface TineEnd {
  readonly code: number;
  readonly signal: string | null;
  readonly events: readonly TineEvent[];
  readonly stderr: string;
  /** The last `test-end`. */
  readonly test: TineEvent;
  /** Where its results are; a work folder where it was killed. */
  readonly folder: string;
}

/** A process, and the events that it writes. */
export class RunningTine {
  readonly pid: number;
  readonly events: TineEvent[] = [];
  readonly #child: Deno.ChildProcess;
  readonly #end: Promise<TineEnd>;
  #news = Promise.withResolvers<void>();
  #ended = false;

  constructor(command: readonly string[], { cwd, env, input }: {
    cwd: string;
    env: Readonly<Record<string, string>>;
    input: string;
  }) {
    const [program, ...args] = command;
    this.#child = new Deno.Command(program, {
      args,
      cwd,
      env,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.pid = this.#child.pid;
    const writer = this.#child.stdin.getWriter();
    writer.write(new TextEncoder().encode(input)).then(() => writer.close()).catch(() => {}); // it need not read it
    this.#end = this.#follow();
    this.#end.catch(() => {}); // told by end()
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Waits for an event of a type, with these members. */
  async event(type: string, members: Readonly<Record<string, unknown>> = {}): Promise<TineEvent> {
    for (let next = 0;; next++) {
      while (next >= this.events.length) {
        if (this.#ended) throw new Error(`no ${type} ${JSON.stringify(members)}: ${JSON.stringify(await this.#end)}`);
        await this.#news.promise;
      }
      const event = this.events[next];
      if (event.type === type && Object.entries(members).every(([name, value]) => event[name] === value)) return event;
    }
  }

  kill(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /** Waits for its end. */
  end(): Promise<TineEnd> {
    return this.#end;
  }

  async #follow(): Promise<TineEnd> {
    const [, stderr, status] = await Promise.all([this.#read(), toText(this.#child.stderr), this.#child.status]);
    this.#ended = true;
    this.#tell();
    const { code, signal } = status;
    const last = (type: string) => this.events.findLast((event) => event.type === type);
    const folder = (last("summary") ?? last("plan"))?.folder ?? "";
    return { code, signal, events: this.events, stderr, test: last("test-end") ?? { type: "none" }, folder };
  }

  async #read(): Promise<void> {
    const lines = this.#child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
    for await (const line of lines) {
      this.events.push(JSON.parse(line));
      this.#tell();
    }
  }

  #tell(): void {
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }
}
