import { assert, assertEquals, assertRejects } from "@std/assert";
import { Canceled, type Runner } from "../../src/node/runner.ts";
import type { Item } from "../../src/node/item.ts";
import { contentOf, controlMessage } from "../../src/node/protocol/kinds.ts";
import { type Frame, Kind } from "../../src/node/protocol/frame.ts";
import { Link } from "../../src/node/link/link.ts";
import { decodeItem } from "../../src/node/protocol/kinds.ts";
import type { Run } from "../../src/node/plan/types.ts";
import { serve, type ServeOptions } from "../../src/node/serve.ts";
import { writeAll } from "../../src/wire/connection.ts";
import { TineError } from "../../src/base/errors.ts";
import { pipe } from "../../src/wire/pipe.ts";
import { HOST } from "./memory_launch.ts";

const SETUP = controlMessage("setup", { host: HOST, children: [], key: new Uint8Array(32) });

/** A parent that writes down what its child sends. */
class Parent {
  readonly got: Frame[] = [];
  readonly link: Link;
  readonly serving: Promise<void>;
  #news = Promise.withResolvers<void>();

  constructor(options: ServeOptions = {}) {
    const [ours, theirs] = pipe();
    this.serving = serve("left", theirs, options);
    this.serving.catch(() => {}); // looked at by tests
    this.link = new Link(ours, {
      peer: "node left",
      receive: (frame) => {
        this.got.push(frame);
        this.#news.resolve();
        this.#news = Promise.withResolvers();
      },
    });
  }

  /** Waits for a frame of a kind. */
  async until(kind: Kind): Promise<Frame> {
    for (let next = 0;; next++) {
      while (next >= this.got.length) await this.#news.promise;
      if (this.got[next].kind === kind) return this.got[next];
    }
  }

  /** Follows the child to its end, and returns the reason that it gave. */
  async canceled(): Promise<string | undefined> {
    const reason = contentOf("canceled", await this.until(Kind.canceled));
    assertEquals(this.got.at(-1)!.kind, Kind.canceled);
    await this.link.close();
    return reason?.code;
  }

  items(): Item[] {
    return this.got.filter(({ kind }) => kind >= Kind.nodeInfo).map((frame) => decodeItem(frame));
  }
}

/** A runner that reports what happens to it. */
function waiting() {
  const started = Promise.withResolvers<void>();
  const events: string[] = [];
  const runner: Runner = {
    schema: ({ z }) => z.string(),
    async run(_, { signal, onEnd, log }) {
      onEnd(() => void events.push("first cleanup"));
      onEnd(() => void events.push("second cleanup"));
      started.resolve();
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
      log("last words");
      events.push(`run: ${signal.reason.code}`);
      signal.throwIfAborted();
    },
  };
  return { started: started.promise, events, runners: { wait: runner } };
}
const WAIT = { wait: 1 } as unknown as Run;

Deno.test("serve() reports its node, runs what it gets, and ends when all is done", async () => {
  const runners: Record<string, Runner> = {
    double: {
      schema: ({ z }) => z.string(),
      run: (_, { feedback }) => Promise.resolve(new Map([["out", `${feedback.get("in")}${feedback.get("in")}`]])),
    },
  };
  const parent = new Parent({ runners });
  parent.link.send(SETUP);
  await parent.until(Kind.ready);
  const double = { double: 1 } as unknown as Run;
  parent.link.send(controlMessage("run", { run: double, feedback: new Map([["in", "x"]]) }, "7"));
  const ran = await parent.until(Kind.ran);
  assertEquals([ran.name, [...contentOf("ran", ran)]], ["7", [["out", "xx"]]]);
  parent.link.send(controlMessage("cancel", undefined));
  assertEquals(await parent.canceled(), undefined);
  await parent.serving;
  await parent.link.closed;
  assertEquals(parent.items().map(({ type, nodeId }) => [type, nodeId]), [
    ["nodeInfo", "left"],
    ["nodeEnd", "left"],
    ["runTimes", "left"],
  ]);
});

Deno.test("serve() ends its runs, cleans up in reverse order, and throws the reason when it is canceled", async () => {
  const { started, events, runners } = waiting();
  const parent = new Parent({ runners });
  parent.link.send(SETUP);
  parent.link.send(controlMessage("run", { run: WAIT, feedback: new Map() }, "1"));
  await started;
  parent.link.send(controlMessage("cancel", { code: "timeout", message: "too long" }));
  assertEquals(await parent.canceled(), "timeout");
  assertEquals(events, ["run: timeout", "second cleanup", "first cleanup"]);
  const error = await assertRejects(() => parent.serving, Canceled, "too long");
  assertEquals(error.code, "timeout");
  assertEquals(parent.items().map(({ type }) => type).filter((type) => type !== "activity"), [
    "nodeInfo",
    "log",
    "nodeEnd",
    "runTimes",
  ]);
});

Deno.test("serve() reports an error before it is canceled for it", async () => {
  const runners: Record<string, Runner> = {
    fail: { schema: ({ z }) => z.string(), run: () => Promise.reject(new TineError("no-luck", "it was not to be")) },
  };
  const parent = new Parent({ runners });
  parent.link.send(SETUP);
  parent.link.send(controlMessage("run", { run: { fail: 1 } as unknown as Run, feedback: new Map() }, "1"));
  assertEquals(await parent.canceled(), "no-luck");
  await assertRejects(() => parent.serving, Canceled, "fail: it was not to be");
  const [error] = parent.items().filter((item) => item.type === "error");
  assertEquals({ ...error, time: 0n }, {
    type: "error",
    nodeId: "left",
    time: 0n,
    tag: "fail",
    code: "no-luck",
    message: "it was not to be",
  });
});

Deno.test("serve() can be asked to hurry while it ends", async () => {
  const { started, runners } = waiting();
  const parent = new Parent({ runners });
  parent.link.send(SETUP);
  parent.link.send(controlMessage("run", { run: WAIT, feedback: new Map() }, "1"));
  await started;
  parent.link.send(controlMessage("cancel", { code: "interrupted", message: "stop" }));
  parent.link.send(controlMessage("cancel", { code: "interrupted", message: "stop", kill: true }));
  assertEquals(await parent.canceled(), "interrupted");
  await assertRejects(() => parent.serving, Canceled, "stop");
});

Deno.test("serve() ends its runs when the connection has ended, or breaks", async () => {
  const breaks: ((parent: Parent) => unknown)[] = [
    ({ link }) => link.close(),
    ({ link }) => link.abort(),
  ];
  for (const end of breaks) {
    const { started, events, runners } = waiting();
    const parent = new Parent({ runners });
    parent.link.send(SETUP);
    parent.link.send(controlMessage("run", { run: WAIT, feedback: new Map() }, "1"));
    await started;
    end(parent);
    const error = await assertRejects(() => parent.serving, Canceled);
    assertEquals([error.code, events[0]], ["parent-gone", "run: parent-gone"]);
  }
});

Deno.test("serve() refuses a parent that breaks the protocol", async () => {
  const parent = new Parent();
  parent.link.send(SETUP);
  parent.link.send(SETUP);
  assertEquals(await parent.canceled(), "bad-setup");
  await assertRejects(() => parent.serving, Canceled, "protocol: the parent sent a second setup");

  const other = new Parent();
  other.link.send({ ...SETUP, payload: new TextEncoder().encode('{"protocol":99}') });
  await assertRejects(() => other.serving, TineError, "the parent speaks version 99 of the protocol, this node 1");

  const early = new Parent();
  early.link.send(controlMessage("run", { run: {}, feedback: new Map() }, "1"));
  await assertRejects(() => early.serving, TineError, "the parent sent a run before the setup");

  const [ours, theirs] = pipe();
  const serving = serve("left", theirs);
  writeAll(ours, new TextEncoder().encode("GET / HTTP/1.1\r\n".repeat(10))).catch(() => {}); // it reads as far as it likes
  const error = await assertRejects(() => serving, Canceled, "the connection to the parent failed: ");
  assertEquals(error.code, "parent-gone");
  ours.close();
});

Deno.test("serve() ends on a signal", async () => {
  const { started, runners } = waiting();
  const stop = new AbortController();
  const parent = new Parent({ runners, signal: stop.signal });
  parent.link.send(SETUP);
  parent.link.send(controlMessage("run", { run: WAIT, feedback: new Map() }, "1"));
  await started;
  stop.abort(new Canceled("interrupted", "a signal came"));
  assertEquals(await parent.canceled(), "interrupted");
  await assertRejects(() => parent.serving, Canceled, "a signal came");
  assert(parent.got.length > 0);
});
