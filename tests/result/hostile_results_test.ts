import { assert, assertEquals } from "@std/assert";
import { Kind } from "../../src/node/protocol/frame.ts";
import { encodeJson } from "../../src/node/protocol/json.ts";
import { runPlan } from "../../src/experiment/run_plan.ts";
import type { Test } from "../../src/node/plan/types.ts";
import { TineError } from "../../src/base/errors.ts";
import { errorMessage, inFolder, item, rejection, startRun, testNamed } from "./fixtures.ts";

Deno.test("TestStore.add() takes the feedback of a test from the root only", () =>
  inFolder(async (out) => {
    await using run = await startRun(out);
    const store = await run.startTest(testNamed("a"));
    await store.add(item({ type: "feedback", nodeId: "-", values: { addr: "::1" } }));
    const payload = encodeJson({ values: { addr: "evil" } });
    const { code } = await rejection(store.add({ kind: Kind.feedback, origin: "left", name: "", payload }));
    assertEquals(code, "bad-item");
    assertEquals((await store.finish({ status: "ok" })).feedback, { addr: "::1" });
  }));

Deno.test("TestStore keeps a bounded number of long errors in the summary, and all of them in a file", () =>
  inFolder(async (out) => {
    await using run = await startRun(out);
    const store = await run.startTest(testNamed("a"));
    const long = errorMessage("left", "x".repeat(1024 * 1024));
    for (let i = 0; i < 40; i++) await store.add(long);
    const { errors, moreErrors } = await store.finish({ status: "failed" });
    assert(errors.length < 20, `${errors.length} errors`);
    assertEquals(errors.length + moreErrors, 40);
  }));

Deno.test("runPlan() says that a test failed, whatever code the error of a node has", () =>
  inFolder(async (out) => {
    const fail = {
      schema: () => {
        throw new Error("nobody validates here");
      },
      run: (code: string) => Promise.reject(new TineError(code, "the node was interrupted by a signal")),
    };
    const tests = ["timeout", "interrupted", "canceled"].map((code) => ({ id: { code }, timeout: 60_000, fail: code }));
    const ended: string[][] = [];
    const { failed } = await runPlan({ tests: tests as unknown as Test[] }, {
      out,
      planName: "codes.yaml",
      tine: "1.2.3",
      runners: { fail },
      observer: {
        planStarts() {},
        testStarts() {},
        message() {},
        testEnds: ({ status, errors }) => ended.push([status, ...errors.map(({ tag, code }) => `${tag} ${code}`)]),
      },
    });
    assertEquals(failed, 3);
    assertEquals(ended, [["failed", "fail timeout"], ["failed", "fail interrupted"], ["failed", "fail canceled"]]);
  }));
