import { assert, assertEquals, assertRejects } from "@std/assert";
import { Canceled, type RunContext, type Runner } from "../../src/node/runner.ts";
import { SAME_CLOCK } from "../../src/node/clock_relation.ts";
import type { Item } from "../../src/node/item.ts";
import type { Launch } from "../../src/node/launch/launcher.ts";
import { LiveNode } from "../../src/node/live_node.ts";
import { childNodes } from "../../src/node/run_tree.ts";
import type { Run } from "../../src/node/plan/types.ts";
import { Watchdog } from "../../src/node/process/watchdog.ts";
import { decodeItem } from "../../src/node/protocol/kinds.ts";
import { RootUplink } from "../../src/node/run.ts";
import { TineError } from "../../src/base/errors.ts";
import { HOST, memoryLaunch } from "./memory_launch.ts";

type Work = (name: string, context: RunContext) => Promise<void>;

/** A node whose runs do what a function says. */
class TestNode implements AsyncDisposable {
  readonly node: LiveNode;
  readonly items: Item[] = [];
  readonly #uplink = new RootUplink();
  readonly #watchdog = new Watchdog();
  readonly #reading: Promise<void>;

  constructor(work: Work, launch?: Launch) {
    const work_: Runner<string, string> = {
      schema: ({ z }) => z.string(),
      run: (name, context) => work(name, context),
    };
    const runners = { work: work_ } as Record<string, Runner>;
    this.node = new LiveNode({
      id: "-",
      host: HOST,
      clock: SAME_CLOCK,
      uplink: this.#uplink,
      runners,
      watchdog: this.#watchdog,
      launch: launch ?? memoryLaunch({ runners }),
      key: new Uint8Array(32),
    });
    this.#reading = (async () => {
      for await (const message of this.#uplink.messages()) this.items.push(decodeItem(message));
    })();
  }

  /** Launches the nodes of a tree, and runs it. */
  async run(run: Run): Promise<void> {
    await this.node.setup(childNodes(run));
    await this.node.run(run);
  }

  async end(reason?: Canceled): Promise<Canceled | undefined> {
    const canceled = await this.node.cancel(reason);
    this.#uplink.end();
    await this.#reading;
    return canceled;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
    await this.#watchdog[Symbol.asyncDispose]();
  }
}

const work = (name: string) => ({ work: name }) as unknown as Run;
const on = (id: string, run: Run): Run => ({ child: { node: { id, launcher: { local: {} } }, ...run } });

/** Until a run is canceled. */
function aborted({ signal }: RunContext): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }));
}

Deno.test("LiveNode goes from run over cancel and canceled to done", async () => {
  const states: string[] = [];
  await using it = new TestNode((_, { onEnd }) => {
    states.push(it.node.state);
    onEnd(() => void states.push(it.node.state));
    return Promise.resolve();
  });
  await it.run(work("x"));
  assertEquals(await it.end(), undefined);
  states.push(it.node.state);
  it.node.done();
  assertEquals([...states, it.node.state], ["run", "cancel", "canceled", "done"]);
});

Deno.test("LiveNode aborts its runs, then cleans up in reverse order, then ends its children", async () => {
  const events: string[] = [];
  const started = { here: Promise.withResolvers<void>(), there: Promise.withResolvers<void>() };
  await using it = new TestNode(async (name, context) => {
    context.onEnd(() => void events.push(`${name}: first`));
    context.onEnd(() => void events.push(`${name}: second`));
    started[name as "here"].resolve();
    await aborted(context).finally(() => events.push(`${name}: ${context.signal.reason.code}`));
  });
  const running = assertRejects(() => it.run({ parallel: [on("left", work("there")), work("here")] }));
  await Promise.all([started.here.promise, started.there.promise]);
  const reason = new Canceled("interrupted", "enough");
  assertEquals(await it.end(reason), reason);
  assertEquals(await running, reason);
  assertEquals(events.filter((event) => event.startsWith("here")), [
    "here: interrupted",
    "here: second",
    "here: first",
  ]);
  const below = ["there: interrupted", "there: second", "there: first"];
  assertEquals(events.filter((event) => event.startsWith("there")), below);
  assert(events.indexOf("here: first") < events.indexOf("there: interrupted"));
});

Deno.test("LiveNode cancels all for an error below it, which keeps its origin", async () => {
  await using it = new TestNode(async (name, context) => {
    if (name === "bad") throw new TineError("no-luck", "it was not to be");
    await aborted(context);
  });
  const tree = { parallel: [on("left", { parallel: [work("bad"), work("other")] }), on("right", work("more"))] };
  await assertRejects(() => it.run(tree));
  const reason = await it.end();
  assertEquals([reason?.code, reason?.message], ["no-luck", "work on node left: it was not to be"]);
  const errors = it.items.filter((item) => item.type === "error");
  assertEquals(errors.map(({ nodeId, tag, code }) => [nodeId, tag, code]), [["left", "work", "no-luck"]]);
});

Deno.test("LiveNode logs an error below it that comes once it is canceled", async () => {
  const started = Promise.withResolvers<void>();
  const reset = Promise.withResolvers<never>();
  await using it = new TestNode(async (name, context) => {
    // The server of "client" ends a moment before the node of the client learns that all is canceled.
    if (name === "server") context.onEnd(() => reset.reject(new TineError("connection-reset", "the peer has gone")));
    else {
      started.resolve();
      await reset.promise;
    }
  });
  const running = assertRejects(() =>
    it.run({ serial: [work("server"), on("below", { parallel: [work("client")] })] })
  );
  await started.promise;
  const reason = new Canceled("interrupted", "enough");
  assertEquals(await it.end(reason), reason);
  await running;
  assertEquals(it.items.filter(({ type }) => type === "error"), []);
  const logs = it.items.flatMap((item) => item.type === "log" ? [[item.nodeId, item.tag, item.text]] : []);
  assertEquals(logs, [["below", "work", "after it was canceled: the peer has gone"]]);
});

Deno.test("LiveNode reports an error of a cleanup, and logs those after the first", async () => {
  await using it = new TestNode((_, { onEnd }) => {
    onEnd(() => Promise.reject(new TineError("second", "another one")));
    onEnd(() => Promise.reject(new TineError("first", "it cannot be undone")));
    return Promise.resolve();
  });
  await it.run(work("x"));
  assertEquals((await it.end())?.code, "first");
  const told = it.items.flatMap((item) =>
    item.type === "error" ? [item.message] : item.type === "log" ? [item.text] : []
  );
  assertEquals(told, ["it cannot be undone", "after it was canceled: another one"]);
});

Deno.test("LiveNode reports a cleanup that takes its time", async () => {
  await using it = new TestNode((_, { onEnd }) => {
    onEnd(async () => {
      while (!it.items.some((item) => item.type === "activity" && item.running.includes("end of work"))) {
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    });
    return Promise.resolve();
  });
  await it.run(work("x"));
  await it.end();
});

Deno.test("LiveNode says what kept a child from being launched, and ends the others", async () => {
  const launch = memoryLaunch();
  await using it = new TestNode(() => Promise.resolve(), (node, options) => {
    if (node.id === "bad") throw new TineError("cannot-start", "cannot launch the node bad: there is no room");
    return launch(node, options);
  });
  await assertRejects(() => it.run({ parallel: [on("good", {}), on("bad", {})] }), TineError, "no room");
  assertEquals((await it.end())?.code, "cannot-start");
  const errors = it.items.filter((item) => item.type === "error");
  assertEquals(errors.map(({ nodeId, tag, message }) => [nodeId, tag, message]), [
    ["-", "launch", "cannot launch the node bad: there is no room"],
  ]);
});

Deno.test("LiveNode launches nothing once it is canceled", async () => {
  await using it = new TestNode(() => Promise.resolve());
  await it.end(new Canceled("interrupted", "enough"));
  await assertRejects(() => it.run(on("left", {})), Canceled, "enough");
});

Deno.test("LiveNode calls a mistake a mistake", async () => {
  await using it = new TestNode(() => Promise.reject(new TypeError("x is not a function")));
  await assertRejects(() => it.run(work("x")), TypeError);
  assertEquals((await it.end())?.code, "internal");
  const [error] = it.items.filter((item) => item.type === "error");
  assertEquals(error.message, "a mistake in tine: x is not a function");
});
