import type { ServerResponse } from "node:http";
import { messageOf } from "../../base/errors.ts";
import { type FollowedTest, followTests } from "../../result/follow_tests.ts";
import { headingOf } from "../page/test_page.ts";
import type { RunSummary, TestEntry } from "../../result/summary.ts";
import { EventStreams, type ServerEvent } from "./event_stream.ts";
import { LiveTest } from "./live_test.ts";

/** The time between updates of pages, in milliseconds. */
const UPDATE_MS = 200;
/** Tests of a run that a page lists: the last ones. */
const MAX_TESTS = 200;

/** A run as a page lists its tests. */
interface RunState {
  readonly plan: string;
  readonly tests: readonly { folder: string; id: string; status: string; durationMs?: number; errors: number }[];
  /** Tests that the list has no room for. */
  readonly moreTests: number;
}

/** Follows a run that is under way, for all pages that show it. */
export class LiveRun implements Disposable {
  readonly #stop = new AbortController();
  readonly #streams = new EventStreams(() => this.#start());
  readonly #onError: (message: string) => void;
  #run: RunState | undefined;
  #runText = "";
  #test: { readonly folder: string; readonly id: string; readonly live: LiveTest } | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;
  #ended = false;
  /** Pages that have to load the final page. */
  #owed = 0;
  readonly #settled = Promise.withResolvers<void>();

  /**
   * @param path of the run's folder
   * @param onError gets what keeps it from being followed
   */
  constructor(path: string, onError: (message: string) => void) {
    this.#onError = onError;
    this.#timer = setInterval(() => this.#update(), UPDATE_MS);
    void this.#follow(path);
  }

  /** Resolves when the run has ended, and the pages that followed it until then have loaded the final one. */
  get settled(): Promise<void> {
    return this.#settled.promise;
  }

  /** Notes that a page has loaded the final one. */
  loaded(): void {
    this.#owed--;
    if (this.#ended && this.#owed <= 0) this.#settled.resolve();
  }

  /** Whether the run has ended. */
  get ended(): boolean {
    return this.#ended;
  }

  /** The number of pages that follow it. */
  get pages(): number {
    return this.#streams.size;
  }

  /** Has a page follow the run. */
  follow(response: ServerResponse): void {
    // What it starts from has all that came until now: others get that first, or it would come twice.
    if (!this.#ended) this.#update();
    this.#streams.add(response, performance.now());
    if (this.#ended) this.#streams.end(END);
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
    clearInterval(this.#timer);
  }

  async #follow(path: string): Promise<void> {
    const { signal } = this.#stop;
    try {
      await followTests({
        run: path,
        open: (folder, entry) => this.#open(folder, entry),
        looked: (summary) => this.#looked(summary),
        signal,
      });
    } catch (error) {
      if (!signal.aborted) this.#onError(messageOf(error));
    }
    clearInterval(this.#timer);
    this.#update();
    this.#ended = true;
    this.#owed = this.#streams.size;
    if (this.#owed === 0) this.#settled.resolve();
    this.#streams.end(END);
  }

  async #open(folder: string, { folder: name, id, status }: TestEntry): Promise<FollowedTest | undefined> {
    // What ended before has a page of its own.
    if (status !== "running") return { step: () => Promise.resolve(), [Symbol.dispose]() {} };
    const live = await LiveTest.open(folder);
    if (live === undefined) return undefined;
    this.#test = { folder: name, id: headingOf(id), live };
    this.#streams.restart(performance.now());
    return live;
  }

  #looked({ plan, tests }: RunSummary): void {
    const shown = tests.slice(-MAX_TESTS).map(({ folder, id, status, durationMs, errors }) => ({
      folder,
      id: headingOf(id),
      status,
      durationMs,
      errors,
    }));
    const run = { plan, tests: shown, moreTests: tests.length - shown.length };
    const text = JSON.stringify(run);
    if (text === this.#runText) return;
    this.#run = run;
    this.#runText = text;
    this.#streams.send([{ name: "run", data: run }], performance.now());
  }

  /** Sends what is new. */
  #update(): void {
    const now = performance.now();
    if (this.#test === undefined) return this.#streams.send([], now);
    const update = this.#test.live.update();
    if (update === undefined) return this.#streams.restart(now);
    const { series, flows, lines } = update;
    const isNews = series.length > 0 || flows.length > 0 || lines.length > 0;
    this.#streams.send(isNews ? [{ name: "update", data: update }] : [], now);
  }

  /** What a page starts from. */
  #start(): ServerEvent[] {
    const events: ServerEvent[] = [];
    if (this.#run !== undefined) events.push({ name: "run", data: this.#run });
    if (this.#test !== undefined) {
      const { folder, id, live } = this.#test;
      events.push({ name: "test", data: { folder, id, ...live.snapshot() } });
    }
    return events;
  }
}

/** The run has ended: the page is to be loaded anew. */
const END: ServerEvent = { name: "end", data: {} };
