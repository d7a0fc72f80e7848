import { assert, assertEquals } from "@std/assert";
import type { Canceled } from "../../src/node/runner.ts";
import { SAME_CLOCK } from "../../src/node/clock_relation.ts";
import type { Item } from "../../src/node/item.ts";
import type { Launch } from "../../src/node/launch/launcher.ts";
import { LiveNode } from "../../src/node/live_node.ts";
import { childNodes } from "../../src/node/run_tree.ts";
import type { Run } from "../../src/node/plan/types.ts";
import { Watchdog } from "../../src/node/process/watchdog.ts";
import { Kind, type Message } from "../../src/node/protocol/frame.ts";
import { FrameCutter } from "../../src/node/protocol/framing.ts";
import { Link } from "../../src/node/link/link.ts";
import { contentOf, controlMessage, decodeItem, encodeItem } from "../../src/node/protocol/kinds.ts";
import { RootUplink } from "../../src/node/run.ts";
import { type Connection, writeAll } from "../../src/wire/connection.ts";
import { TineError } from "../../src/base/errors.ts";
import { pipe } from "../../src/wire/pipe.ts";
import { concat, frame } from "../support/bytes.ts";
import { HOST } from "./memory_launch.ts";

const local = { local: {} };
const RUN: Run = { child: { node: { id: "bad", launcher: local }, child: { node: { id: "below", launcher: local } } } };

/** How a root node ends that has a hostile child, and what has reached it. */
interface Outcome {
  readonly reason: Canceled | undefined;
  readonly items: Item[];
}

/** Runs {@linkcode RUN} on a root node that launches its child in some way. */
async function runWith(launch: Launch): Promise<Outcome> {
  await using watchdog = new Watchdog();
  const uplink = new RootUplink();
  const node = new LiveNode({
    id: "-",
    host: HOST,
    clock: SAME_CLOCK,
    uplink,
    runners: {},
    watchdog,
    launch,
    key: new Uint8Array(32),
  });
  const items: Item[] = [];
  const reading = (async () => {
    for await (const message of uplink.messages()) items.push(decodeItem(message));
  })();
  try {
    await node.setup(childNodes(RUN));
    await node.run(RUN);
  } catch {
    // It has canceled the node: the reason comes from there.
  }
  const reason = await node.cancel();
  uplink.end();
  await reading;
  return { reason, items };
}

/** @param act plays the child, on its end of the connection, until it returns or is killed */
function runWithChild(act: (connection: Connection, killed: Promise<void>) => Promise<void>): Promise<Outcome> {
  return runWith(() => {
    const [ours, theirs] = pipe();
    const killed = Promise.withResolvers<void>();
    const acting = act(theirs, killed.promise).then(() => "returned", (error: Error) => `threw ${error.message}`);
    const kill = () => {
      ours.close();
      killed.resolve();
    };
    return Promise.resolve({
      connection: ours,
      host: HOST,
      ended: acting,
      kill,
      async [Symbol.asyncDispose]() {
        kill();
        await acting;
      },
    });
  });
}

/** A child that is ready, answers to frames of some kinds as is given, and else as it should. */
function answers(how: Partial<Record<"run" | "cancel", (link: Link) => void>>) {
  return async (connection: Connection) => {
    const link: Link = new Link(connection, {
      peer: "the parent",
      receive({ kind, name }) {
        if (kind === Kind.run) {
          how.run?.(link);
          link.send(controlMessage("ran", new Map(), name));
        } else if (kind === Kind.cancel) {
          if (how.cancel) return how.cancel(link);
          link.close(controlMessage("canceled", undefined)).catch(() => {}); // the parent has had enough
        }
      },
    });
    link.send(controlMessage("ready", undefined));
    await link.closed.catch(() => {});
    link.abort();
  };
}

const sends = (...messages: Message[]) =>
  answers({
    run(link) {
      for (const message of messages) link.send(message);
    },
  });

const log = (nodeId: string) => encodeItem({ type: "log", nodeId, time: 1n, tag: "x", text: "forged" });

Deno.test("LiveNode refuses results of nodes that are not below the child that sends them", async () => {
  for (const nodeId of ["-", "other", ""]) {
    const { reason, items } = await runWithChild(sends(log("below"), { ...log("bad"), origin: nodeId }));
    assertEquals(reason?.code, "bad-origin", `origin ${nodeId}`);
    assert(reason!.message.includes("node bad"), reason!.message);
    assertEquals(items.filter(({ type }) => type === "log").map(({ nodeId }) => nodeId), ["below"]);
  }
});

Deno.test("LiveNode refuses to miss results of nodes that are not below the child that says so", async () => {
  const missing = encodeItem({ type: "missing", nodeId: "bad", from: "other", what: "all" });
  const { reason, items } = await runWithChild(sends(missing));
  assertEquals(reason?.code, "bad-origin");
  assertEquals(items.filter((item) => item.type === "missing" && item.from === "other"), []);
});

Deno.test("LiveNode fails if a child dies while it is canceled since all is done", async () => {
  const { reason, items } = await runWithChild(answers({ cancel: (link) => link.abort() }));
  assertEquals(reason?.code, "node-ended");
  assertEquals(items.flatMap((item) => item.type === "missing" ? [item.from] : []), ["bad", "below"]);
});

Deno.test("LiveNode answers no endless questions for the time", async () => {
  const { reason } = await runWithChild(
    sends(...Array.from({ length: 200 }, (_, i) => controlMessage("clock", undefined, String(i)))),
  );
  assertEquals(reason?.code, "too-many-clocks");
});

Deno.test("LiveNode gives a child up that has said its last word and does not listen", async () => {
  for (const last of [[controlMessage("canceled", undefined)], []]) {
    const { reason } = await runWithChild(async (connection, killed) => {
      const cutter = new FrameCutter();
      const end = { kind: Kind.end, origin: "", name: "", payload: new Uint8Array() };
      for (const message of [controlMessage("ready", undefined), ...last, end]) {
        for (const bytes of cutter.cut(message)) await writeAll(connection, frame(bytes));
      }
      await killed;
    });
    assertEquals(reason?.code, "node-ended");
  }
});

Deno.test("LiveNode leaves no file open if a child cannot be launched", async () => {
  const spills = () =>
    [...Deno.readDirSync("/proc/self/fd")].filter(({ name }) => {
      try {
        return Deno.readLinkSync(`/proc/self/fd/${name}`).includes("tine-spill-");
      } catch {
        return false; // the folder itself was opened to read it
      }
    }).length;
  const before = spills();
  const { reason } = await runWith(() => Promise.reject(new TineError("no-way", "it cannot be launched")));
  assertEquals(reason?.code, "no-way");
  assertEquals(spills(), before);
});

Deno.test("LiveNode sends on what a child that died had put into its file, and had not sent", async () => {
  const info = (text: string) => encodeItem({ type: "sysInfo", nodeId: "bad", sections: { text } });
  const messages = ["sent", "kept", "kept too"].map(info);
  const { reason, items } = await runWithChild(async (connection) => {
    const died = Promise.withResolvers<void>();
    let spill: string | undefined;
    const link: Link = new Link(connection, {
      peer: "the parent",
      receive(received) {
        if (received.kind === Kind.setup) spill = contentOf("setup", received).spill;
        if (received.kind !== Kind.run) return;
        link.send(messages[0]);
        const cutter = new FrameCutter();
        Deno.writeFileSync(spill!, concat(messages.flatMap((message) => cutter.cut(message).map(frame))));
        died.resolve(link.close());
      },
    });
    link.send(controlMessage("ready", undefined));
    await died.promise;
    link.abort();
  });
  assertEquals(reason?.code, "node-ended");
  assertEquals(items.flatMap((item) => item.type === "sysInfo" ? [item.sections.text] : []), [
    "sent",
    "kept",
    "kept too",
  ]);
  const missing = items.flatMap((item) => item.type === "missing" && item.from === "bad" ? [item.what] : []);
  assertEquals(missing, ["what it had not sent yet, except for 2 frames that it had put into a file"]);
});
