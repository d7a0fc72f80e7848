import type { PointOrBatch } from "../batcher.ts";
import { parseSettings } from "../option_settings.ts";
import type { InfoResponse, Option, OptionValue, ValueType } from "../messages.ts";
import type { RunningUdf } from "../running_udf.ts";
import { firstDifference } from "./canonical.ts";
import { Context } from "./context.ts";
import { copyUnits, requestsOf, sampleUnits } from "./data.ts";
import { CheckError, skip } from "./check.ts";
import { describeRequest } from "./transcript.ts";

/** Pauses before the end of input that show whether a UDF adds points by its own clock. */
const SHORT_PAUSE_MS = 20;
const LONG_PAUSE_MS = 200;

/** What is checked, and how. */
export interface SubjectOptions {
  /** Reaches a fresh UDF: a new process, or a new connection. `log` gets its lines on stderr, where it has one. */
  connect(log: (line: string) => void): Promise<RunningUdf>;
  /** Options as people write them, `name=value`; without any, what the UDF accepts is found out. */
  settings?: readonly string[];
  /** Makes the data of one's own, once it is known what the UDF wants; absent: samples. */
  data?: (info: InfoResponse) => Promise<PointOrBatch[]>;
  /** How long a check may wait, in ms; default 10,000. */
  timeoutMs?: number;
  /** Stops all checks. */
  signal?: AbortSignal;
}

/** What a UDF makes of the data, undisturbed. */
export interface Reference {
  outputs: readonly PointOrBatch[];
  /** Fresh runs gave the same, however long they lasted. */
  deterministic: boolean;
}

/** A UDF under check, and what has been learned about it. */
export class Subject {
  readonly connect: SubjectOptions["connect"];
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  /** The info of the UDF, once it has answered. */
  info: InfoResponse | undefined;
  /** A bad end of the UDF that has been reported, and by which check. */
  knownEnd: { id: string; end: string } | undefined;
  /** The check since which the UDF answers nothing any more, as a server that is stuck or gone. */
  silentSince: string | undefined;
  /** The longest line on stderr so far, in bytes. */
  longestStderrLine = 0;

  readonly #settings: readonly string[];
  readonly #data: SubjectOptions["data"];
  #options: readonly Option[] | undefined;
  #refusal = "it was not asked to init";
  #echoes = false;
  #units: PointOrBatch[] | undefined;
  #reference: Promise<Reference> | undefined;
  #stuck = false;

  constructor({ connect, settings = [], data, timeoutMs = 10_000, signal }: SubjectOptions) {
    this.connect = connect;
    this.timeoutMs = timeoutMs;
    this.signal = signal;
    this.#settings = settings;
    this.#data = data;
  }

  /** Whether options were given, so that their refusal is a failure. */
  get hasSettings(): boolean {
    return this.#settings.length > 0;
  }

  /**
   * Learns which options the UDF accepts: those that were given, else no options, else some of the declared types,
   * without those that the UDF names in a refusal.
   *
   * @throws {TineError} `bad-option` where the given ones are not of the declared types
   */
  async learnOptions(info: InfoResponse): Promise<void> {
    this.info = info;
    const candidates = this.hasSettings
      ? [parseSettings(this.#settings, info)]
      : info.options.size === 0
      ? [[]]
      : [[], sampleOptions(info)];
    for (const options of candidates) {
      try {
        await using context = new Context(this);
        const probe = await context.open();
        const request = { kind: "init", init: { options, taskId: "check", nodeId: "udf1" } } as const;
        await probe.send(request);
        const { outcome } = await probe.answer("init");
        if (outcome.success) {
          this.#options = options;
          break;
        }
        // Bytes that come back unchanged read as an empty info, and as a refusal whose reason is the id of the task.
        this.#echoes = outcome.error === request.init.taskId;
        if (this.#echoes) {
          this.#refusal = "it sends back what it is sent, as cat does, and speaks no protocol";
          break;
        }
        this.#refusal = `it refused ${describeRequest(request)}: ${outcome.error || "it gave no reason"}`;
        // A sample is no good for an option with a few allowed values.
        const named = options.find(({ name }) => outcome.error.split(/[^\w-]+/).includes(name));
        if (!this.hasSettings && named !== undefined) candidates.push(options.filter((option) => option !== named));
      } catch (error) {
        if (!(error instanceof CheckError)) throw error;
        this.#refusal = `at init ${error.reason}`;
      }
    }
    this.#units = await this.#data?.(info);
    this.#units ??= sampleUnits(info.wants, this.#options ?? []);
  }

  /** The options that the UDF accepts; undefined where it refused all. */
  get options(): readonly Option[] | undefined {
    return this.#options;
  }

  /** Whether it hands back its input unread, which no options mend. */
  get echoes(): boolean {
    return this.#echoes;
  }

  /** Why it accepts no options. */
  get refusal(): string {
    return this.#refusal;
  }

  /** The options that the UDF accepts. Without them there is nothing to check. */
  needOptions(): Option[] {
    if (this.#options === undefined) throw skip("it does not accept its options, see init");
    return [...this.#options];
  }

  /** Skips all that needs data from now on. */
  giveUpData(): void {
    this.#stuck = true;
  }

  /** Data that fits the UDF; fresh copies, since handlers in this process may change what they get. */
  units(shift = 0n): PointOrBatch[] {
    if (this.#stuck) throw skip("it gets stuck on ordinary data, see data");
    return copyUnits(this.#units ?? [], shift);
  }

  /** Why checks are skipped that would talk to a UDF which is silent. */
  get silence(): string {
    return `it answers nothing any more, not even info, since ${this.silentSince}`;
  }

  /** Whether a fresh UDF answers info. */
  async answers(): Promise<boolean> {
    try {
      await using context = new Context(this);
      const probe = await context.open();
      await probe.send({ kind: "info" });
      await probe.answer("info");
      return true;
    } catch (error) {
      if (error instanceof CheckError) return false;
      throw error;
    }
  }

  /** Gets a line that the UDF wrote to stderr. */
  receiveStderr(line: string): void {
    this.longestStderrLine = Math.max(this.longestStderrLine, new TextEncoder().encode(line).length);
  }

  /** What the UDF makes of the data: fresh runs, made once. A UDF that does not survive them skips what needs them. */
  async reference(): Promise<Reference> {
    this.needOptions();
    this.#reference ??= this.#measure();
    try {
      return await this.#reference;
    } catch (error) {
      if (error instanceof CheckError) throw skip("it does not survive ordinary data, see data");
      throw error;
    }
  }

  async #measure(): Promise<Reference> {
    const [first, second] = [await this.#run(), await this.#run()];
    // Longer pauses change nothing, unless the UDF adds points by its own clock.
    const [paused, longer] = [await this.#run(SHORT_PAUSE_MS), await this.#run(LONG_PAUSE_MS)];
    const same = firstDifference(first, second) === undefined && firstDifference(paused, longer) === undefined;
    return { outputs: first, deterministic: same };
  }

  /** A fresh run on the data, with a pause before the end of input. */
  async #run(pauseMs?: number): Promise<PointOrBatch[]> {
    await using context = new Context(this);
    const probe = await context.start();
    await probe.send(...requestsOf(this.units()));
    if (pauseMs !== undefined) {
      await probe.settle();
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
    await probe.finish();
    return probe.outputs;
  }
}

/** A value for each option of a UDF, of the declared types. */
export function sampleOptions(info: Pick<InfoResponse, "options">): Option[] {
  return Array.from(info.options, ([name, types]) => ({
    name,
    values: types.map((type) => sampleValue(type, name)),
  }));
}

/** A value of this type that most options can live with. A text is the name of a field that the data has. */
export function sampleValue(type: ValueType, name: string): OptionValue {
  switch (type) {
    case "bool":
      return { type, value: true };
    case "int":
      return { type, value: 3n };
    case "double":
      return { type, value: 2 };
    case "duration":
      return { type, value: 10_000_000_000n };
    case "string":
      return { type, value: /^(as|name|output)$/i.test(name) ? "result" : "value" };
  }
}
