import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { createLaunch } from "../../../src/node/launch/launch.ts";
import { thisHost } from "../../../src/node/launch/invoking_user.ts";
import type { LaunchedNode } from "../../../src/node/launch/launcher.ts";
import type { Node } from "../../../src/node/plan/types.ts";
import { Watchdog } from "../../../src/node/process/watchdog.ts";
import { writeAll } from "../../../src/wire/connection.ts";
import { TineError } from "../../../src/base/errors.ts";
import { noLeftovers } from "../../support/leaks.ts";
import { testAsOrdinaryUser } from "../../support/ordinary_user.ts";
import { whyNoNamespaces } from "../../support/namespaces.ts";
import { unless, whyNoRoot, whyNotInstalled } from "../../support/unless.ts";

const noNamespaces = whyNoNamespaces({ rootless: false });
const LEFT: Node = { id: "left", launcher: { local: {} } };

function launcher(script: string) {
  const watchdog = new Watchdog();
  const launch = createLaunch({ watchdog, command: ["sh", "-c", script] });
  const notes: string[] = [];
  return {
    notes,
    launch: (node: Node, signal = new AbortController().signal) =>
      launch(node, { host: { mounts: Deno.pid }, signal, onLine: (line) => notes.push(line) }),
    [Symbol.asyncDispose]: () => watchdog[Symbol.asyncDispose](),
  };
}

async function outputOf({ connection }: LaunchedNode): Promise<string> {
  const buffer = new Uint8Array(1000);
  let text = "";
  for (let length; (length = await connection.read(buffer)) !== null;) {
    text += new TextDecoder().decode(buffer.subarray(0, length));
  }
  return text;
}

Deno.test("createLaunch() connects with what it starts", async () => {
  await using _ = noLeftovers();
  await using it = launcher("cat");
  await using node = await it.launch(LEFT);
  await writeAll(node.connection, new TextEncoder().encode("hello"));
  await node.connection.closeWrite();
  assertEquals([await outputOf(node), await node.ended], ["hello", "exited with status 0"]);
  assertEquals(node.host, { mounts: Deno.pid });
});

Deno.test("createLaunch() passes on what a node writes to standard error, and reports it with its end", async () => {
  await using it = launcher("for i in 1 2 3 4; do echo line $i >&2; done; exit 7");
  await using node = await it.launch(LEFT);
  assertEquals(await node.ended, "exited with status 7: line 2: line 3: line 4");
  assertEquals(it.notes.filter((line) => line.startsWith("line")), ["line 1", "line 2", "line 3", "line 4"]);
});

Deno.test("createLaunch() does not let the standard error of a node flood its parent", async () => {
  await using it = launcher("yes | head -n 300000 >&2");
  await using node = await it.launch(LEFT);
  await node.ended;
  await node[Symbol.asyncDispose]();
  assert(it.notes.length < 100_000);
  assertMatch(it.notes.at(-1)!, /^\(\d+ more lines were left out\)$/);
});

Deno.test("createLaunch() sets the environment", async () => {
  await using it = launcher('echo "$A|$B|$USER|${HOME:+home}"');
  Deno.env.set("B", "inherited");
  try {
    await using all = await it.launch({ ...LEFT, env: { vars: ["A=x=y z", "USER=me"] } });
    assertEquals(await outputOf(all), "x=y z|inherited|me|home\n");
    await using few = await it.launch({ ...LEFT, env: { vars: ["A=1"], inherit: false } });
    assertEquals(await outputOf(few), "1|||home\n");
  } finally {
    Deno.env.delete("B");
  }
});

Deno.test("LaunchedNode is killed with its group, and when it does not end by itself", async () => {
  await using _ = noLeftovers();
  await using it = launcher("trap '' INT TERM; sleep 1001 & echo on; wait");
  await using node = await it.launch(LEFT);
  await node.connection.read(new Uint8Array(1));
  node.kill();
  assertEquals(await node.ended, "was killed by SIGKILL");
  node.kill();
});

Deno.test("createLaunch() names the node when it fails", async () => {
  await using watchdog = new Watchdog();
  const options = { host: thisHost(), signal: new AbortController().signal, onLine: () => {} };
  const missing = createLaunch({ watchdog, command: ["/nonexistent/tine"] });
  const error = await assertRejects(
    () => missing(LEFT, options),
    TineError,
    "cannot launch the node left: cannot start",
  );
  assertEquals(error.code, "cannot-start");
});

Deno.test("createLaunch() starts nothing when it is canceled", async () => {
  await using _ = noLeftovers();
  await using it = launcher("cat");
  const reason = new Error("enough");
  assertEquals(await assertRejects(() => it.launch(LEFT, AbortSignal.abort(reason))), reason);
  if (noNamespaces !== undefined) return;
  const canceled = new AbortController();
  const launched = it.launch({ ...LEFT, netns: { create: true, name: `tine-c${Deno.pid}` } }, canceled.signal);
  canceled.abort(reason);
  assertEquals(await assertRejects(() => launched), reason);
});

testAsOrdinaryUser(import.meta.filename!, "createLaunch() says that it must be root", async () => {
  await using it = launcher("cat");
  for (const node of [{ ...LEFT, launcher: { local: { root: true } } }, { ...LEFT, netns: { create: true } }]) {
    const error = await assertRejects(() => it.launch(node), TineError, "with sudo");
    assertEquals(error.code, "not-root");
  }
});

Deno.test({
  ...unless(noNamespaces, "createLaunch() starts nodes in namespaces, new ones and existing ones"),
  async fn() {
    await using _ = noLeftovers();
    await using it = launcher("ip -br addr show up; readlink /proc/self/ns/net; cat");
    const name = `tine-l${Deno.pid}`;
    await using first = await it.launch({ ...LEFT, netns: { create: true, name } });
    await using second = await it.launch({ id: "right", launcher: { local: {} }, netns: { name } });
    await Promise.all([first.connection.closeWrite(), second.connection.closeWrite()]);
    const text = await outputOf(first);
    assertMatch(text, /^lo\s+UNKNOWN\s+127\.0\.0\.1\/8 ::1\/128 \nnet:\[\d+\]\n$/);
    assertEquals(await outputOf(second), text);
    assert(!text.includes(Deno.readLinkSync("/proc/self/ns/net")));
    const exists = await assertRejects(() => it.launch({ ...LEFT, netns: { create: true, name } }), TineError);
    assertEquals(exists.code, "namespace-exists");
    const none = await assertRejects(() => it.launch({ ...LEFT, netns: { name: `${name}x` } }), TineError);
    assertEquals(none.code, "no-namespace");
  },
});

Deno.test({
  ...unless(whyNoRoot, "createLaunch() says that it stays root, once"),
  async fn() {
    await using it = launcher("id -u");
    for (let i = 0; i < 2; i++) {
      await using node = await it.launch(LEFT);
      assertEquals(await outputOf(node), "0\n");
    }
    assertEquals(it.notes, ["nodes run as root: tine was not started through sudo, so there is no user to drop to"]);
  },
});

Deno.test({
  ...unless(noNamespaces ?? whyNotInstalled("setpriv"), "createLaunch() drops to the user behind sudo"),
  async fn() {
    await using watchdog = new Watchdog();
    const user = { name: "nobody", uid: 65534, gid: 65534, home: "/nonexistent" };
    const options = { host: { mounts: Deno.pid, user }, signal: new AbortController().signal, onLine: () => {} };
    const launch = createLaunch({ watchdog, command: ["sh", "-c", 'echo "$(id -u):$(id -G) $HOME $USER $LOGNAME"'] });
    await using plain = await launch(LEFT, options);
    assertEquals([await outputOf(plain), plain.host], ["65534:65534 /nonexistent nobody nobody\n", {
      mounts: Deno.pid,
    }]);
    await using inside = await launch({ ...LEFT, netns: { create: true, name: `tine-u${Deno.pid}` } }, options);
    assertEquals(await outputOf(inside), "65534:65534 /nonexistent nobody nobody\n");
    await using root = await launch({ ...LEFT, launcher: { local: { root: true } } }, options);
    assertEquals([(await outputOf(root)).slice(0, 3), root.host?.user], ["0:0", user]);
  },
});
