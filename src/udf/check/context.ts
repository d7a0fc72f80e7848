import { messageOf, TineError } from "../../base/errors.ts";
import { MAX_TIMER_MS } from "../../base/time.ts";
import { LastWords } from "../last_words.ts";
import { skip, Stuck } from "./check.ts";
import { Probe } from "./probe.ts";
import type { Subject } from "./subject.ts";

/** What a check works with: fresh conversations with the UDF, all of which end with the check, in time. */
export class Context implements AsyncDisposable {
  /** Whether each sign of life gives the check its whole time again. */
  patient = false;

  /** Whether the UDF ended as badly as it is known to. */
  endedAsKnown = false;

  readonly #probes: Probe[] = [];
  #expires: number;

  constructor(readonly subject: Subject) {
    this.#expires = performance.now() + subject.timeoutMs;
  }

  /** Gives the check its whole time again: for one that makes progress. */
  extend(): void {
    this.#expires = performance.now() + this.subject.timeoutMs;
  }

  /** A conversation with a fresh UDF, which has received nothing yet. */
  async open(): Promise<Probe> {
    const { subject } = this;
    subject.signal?.throwIfAborted();
    if (subject.silentSince !== undefined) throw skip(subject.silence);
    const lastWords = new LastWords();
    let udf;
    try {
      udf = await subject.connect((line) => {
        subject.receiveStderr(line);
        lastWords.add(line);
      });
    } catch (error) {
      if (!(error instanceof TineError) || error.code === "usage") throw error;
      subject.signal?.throwIfAborted();
      throw new Stuck(`it cannot be reached: ${messageOf(error)}`, {
        sent: "nothing",
        came: messageOf(error),
        expected: "a UDF that can be started or connected to again and again",
      });
    }
    const probe = new Probe(udf, {
      provides: subject.info?.provides,
      timeoutMs: subject.timeoutMs,
      knownEnd: subject.knownEnd?.end,
      stderr: () => lastWords.context,
      onKnownEnd: () => this.endedAsKnown = true,
      onSign: () => this.patient && this.extend(),
      within: (promise, atMostMs) => this.#within(promise, atMostMs),
    });
    this.#probes.push(probe);
    return probe;
  }

  /**
   * A conversation with a fresh UDF that has accepted its options, as Kapacitor starts one: without asking for info.
   */
  async start(): Promise<Probe> {
    const options = this.subject.needOptions();
    const probe = await this.open();
    await probe.send({ kind: "init", init: { options, taskId: "check", nodeId: "udf1" } });
    const { outcome } = await probe.answer("init");
    if (!outcome.success) throw probe.fail("it refused options that it accepted before", "a success");
    return probe;
  }

  async #within(promise: Promise<unknown>, atMostMs = Infinity): Promise<boolean> {
    const { signal } = this.subject;
    signal?.throwIfAborted();
    const started = performance.now();
    const left = () => Math.min(started + atMostMs, this.#expires) - performance.now();
    const done = Promise.withResolvers<boolean>();
    const abort = () => done.reject(signal!.reason);
    const wait = () => setTimeout(tick, Math.min(Math.max(0, Math.ceil(left())), MAX_TIMER_MS));
    let timer = wait();
    function tick(): void {
      if (left() <= 0) done.resolve(false);
      else timer = wait();
    }
    signal?.addEventListener("abort", abort, { once: true });
    promise.then(() => done.resolve(true), done.reject);
    try {
      return await done.promise;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#probes.splice(0).map((probe) => probe.close()));
  }
}
