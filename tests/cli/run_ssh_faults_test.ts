import { assert, assertEquals, assertMatch } from "@std/assert";
import { prepareSentTine } from "../support/built_tine.ts";
import { eventually } from "../support/eventually.ts";
import { makeFarNetwork } from "../support/far_network.ts";
import { PlanPlace } from "../support/plan_place.ts";
import type { RunningTine, TineEnd } from "../support/running_tine.ts";
import { makeUser, type Sshd, startSshd, type TestUser, whyNoSshd, withoutRootCache } from "../support/sshd.ts";
import { type Scenario, testTogether } from "../support/together.ts";
import { unless } from "../support/unless.ts";

const noSshd = whyNoSshd();
const ignore = noSshd !== undefined;
/** Most of their time is that of grace periods. */
const scenarios: Scenario[] = [];

if (!ignore) Deno.test.beforeAll(prepareSentTine);

/** A plan whose far node logs `on`, and then goes on for long. */
function plan(destination: string, more: Record<string, unknown> = {}) {
  const node = { id: "a", launcher: { ssh: { destination } }, ...more };
  const script = "echo on; trap '' INT TERM HUP; setsid sleep 1001 & sleep 1002";
  const system = { command: "sh", args: ["-c", script], stdout: "stream" };
  return { tests: [{ id: { name: "far" }, timeout: "120s", child: { node, system } }] };
}

/** Fails, with one error, within the time that people wait. */
async function failure(running: RunningTine): Promise<{ code: string; message: string; nodeId: string }> {
  const end = await running.end();
  assertEquals([end.code, end.test.status], [1, "failed"], JSON.stringify(end.test) + end.stderr);
  const [error, ...more] = end.test.errors;
  assertEquals(more, []);
  return error;
}

async function nothingRuns(user: TestUser): Promise<void> {
  await eventually("nothing runs on the far side", () => user.processes().length === 0);
}

function cacheOf({ home }: TestUser): string[] {
  try {
    return Array.from(Deno.readDirSync(`${home}/.cache/tine`), ({ name }) => name);
  } catch {
    return [];
  }
}

scenarios.push({
  name: "both sides end when packets are dropped, within 15 s",
  ignore,
  async fn() {
    await using user = await makeUser("cut");
    await using network = await makeFarNetwork();
    await using sshd = await startSshd({ within: ["ip", "netns", "exec", network.name], address: network.address });
    await PlanPlace.use(async (place) => {
      const running = await place.start(plan(`${user.name}@far`), { env: sshd.env });
      await running.event("log", { text: "on" });
      await network.cut();
      const started = performance.now();
      const error = await failure(running);
      assert(performance.now() - started < 15_000);
      assertMatch(
        error.message,
        /node a (gave no sign of life|ended unexpectedly: it was killed or cut off: ssh )/,
      );
      await nothingRuns(user);
    });
  },
});

scenarios.push({
  name: "nothing is left of an upload that is cut or canceled",
  ignore,
  async fn() {
    await using user = await makeUser("upload");
    await using network = await makeFarNetwork();
    await using sshd = await startSshd({ within: ["ip", "netns", "exec", network.name], address: network.address });
    await network.limit("80mbit");
    await PlanPlace.use(async (place) => {
      const uploading = async () => {
        const running = await place.start(plan(`${user.name}@far`), { env: sshd.env });
        await eventually("the upload is under way", () => cacheOf(user).some((name) => name.startsWith(".new")));
        return running;
      };
      const killed = await uploading();
      kill(sshd.sessions());
      const error = await failure(killed);
      assertEquals(error.code, "connection-cut", error.message);
      await nothingRuns(user);
      assertEquals(cacheOf(user), []);

      const canceled = await uploading();
      canceled.kill("SIGINT");
      assertEquals((await canceled.end()).code, 130);
      await nothingRuns(user);
      assertEquals(cacheOf(user), []);

      const dropped = await uploading();
      await network.cut();
      const started = performance.now();
      const last = await failure(dropped);
      assert(performance.now() - started < 15_000);
      // ssh finds out by itself, or by the kernel.
      assert(["unreachable", "connection-cut"].includes(last.code), last.message);
    });
  },
});

scenarios.push({
  name: "tine run says so when the login hangs",
  ignore,
  async fn() {
    await using user = await makeUser("hung");
    await using sshd = await startSshd({ config: ["ForceCommand exec sleep 1000"] });
    await PlanPlace.use(async (place) => {
      const started = performance.now();
      const error = await failure(await place.start(plan(`${user.name}@far`), { env: sshd.env }));
      assertEquals(error.code, "hung");
      assertMatch(error.message, /has not answered within 14 s: the login there hangs/);
      assert(performance.now() - started < 60_000);
    });
  },
});

scenarios.push({
  name: "tine run says so when the far disk is full",
  ignore,
  async fn() {
    await using user = await makeUser("full");
    const cache = `${user.home}/.cache`;
    await Deno.mkdir(cache);
    const { uid } = await Deno.stat(user.home);
    await command("mount", "-t", "tmpfs", "-o", `size=16m,mode=700,uid=${uid}`, "tmpfs", cache);
    try {
      await using sshd = await startSshd();
      await PlanPlace.use(async (place) => {
        const error = await failure(await place.start(plan(`${user.name}@far`), { env: sshd.env }));
        assertEquals(error.code, "disk-full");
        assertMatch(error.message, /no space for the executable on \S+: make room, or clean up by tine node clean/);
        await nothingRuns(user);
        assertEquals(cacheOf(user), []);
      });
    } finally {
      await command("umount", cache);
    }
  },
});

scenarios.push({
  name: "tine run uses another folder where the far home lets no programs run, and removes it",
  ignore,
  async fn() {
    await using user = await makeUser("noexec");
    await command("mount", "--bind", user.home, user.home);
    await command("mount", "-o", "remount,bind,noexec", user.home);
    try {
      const temporary = await Deno.makeTempDir({ prefix: "tine-temporary-" });
      await Deno.chmod(temporary, 0o1777);
      await using sshd = await startSshd({ config: [`SetEnv TMPDIR=${temporary}`] });
      await PlanPlace.use(async (place) => {
        const running = await place.start(plan(`${user.name}@far`), { env: sshd.env });
        await running.event("log", { text: "on" });
        assertEquals([...Deno.readDirSync(temporary)].filter(({ name }) => name.startsWith("tine-")).length > 0, true);
        running.kill("SIGINT");
        assertEquals((await running.end()).code, 130);
        await nothingRuns(user);
        await eventually("the folder is removed", () => [...Deno.readDirSync(temporary)].length === 0);
        assertEquals(cacheOf(user), []);
      });
      await Deno.remove(temporary, { recursive: true });
    } finally {
      await command("umount", user.home);
    }
  },
});

/** What happens to a run whose far node is under way, and what is said of it. */
const DEATHS: readonly [string, (sshd: Sshd, user: TestUser, place: PlanPlace) => void, RegExp | undefined][] = [
  [
    "its ssh is killed",
    (_, __, place) => kill(place.processes(/^\d+ \S*ssh -T|ssh .*-oBatchMode/)),
    /it was cut off: its ssh was killed by SIGKILL/,
  ],
  [
    "the sshd of its session is killed",
    (sshd) => kill(sshd.sessions()),
    /node a ended unexpectedly: it was killed or cut off: ssh /,
  ],
  ["it is killed", (_, user) => kill(nodeOf(user)), /node a ended unexpectedly: it was killed or cut off: ssh /],
];

for (const [what, harm, message] of DEATHS) {
  scenarios.push({
    name: `nothing is left on either side of a far node when ${what}`,
    ignore,
    async fn() {
      await using user = await makeUser("death");
      await using sshd = await startSshd();
      await PlanPlace.use(async (place) => {
        const running = await place.start(plan(`${user.name}@far`), { env: sshd.env });
        await running.event("log", { text: "on" });
        harm(sshd, user, place);
        const error = await failure(running);
        assertEquals([error.nodeId, error.code], ["-", "node-ended"], error.message);
        assertMatch(error.message, message!);
        const end: TineEnd = await running.end();
        assertEquals(end.test.missing.map(({ nodeId }: { nodeId: string }) => nodeId), ["a"]);
        await nothingRuns(user);
      });
    },
  });
}

for (const signal of ["SIGKILL", "SIGINT"] as const) {
  scenarios.push({
    name: `nothing is left on the far side when tine run gets a ${signal}`,
    ignore,
    async fn() {
      await using user = await makeUser("root");
      await using sshd = await startSshd();
      await PlanPlace.use(async (place) => {
        const running = await place.start(plan(`${user.name}@far`), { env: sshd.env });
        await running.event("log", { text: "on" });
        running.kill(signal);
        const { code, signal: by } = await running.end();
        assertEquals([code, by], signal === "SIGINT" ? [130, null] : [137, "SIGKILL"]);
        await nothingRuns(user);
      });
    },
  });
}

scenarios.push({
  name: "nothing is left of a far node in a namespace when it, or what relays it, is killed",
  ignore,
  async fn() {
    await using sshd = await startSshd();
    using _ = await withoutRootCache();
    await PlanPlace.use(async (place) => {
      const netns = { create: true, name: place.namespace("a") };
      for (const pick of ["first", "last"] as const) {
        // Its environment is what tells its processes from others.
        const more = { netns, env: { vars: [`FAR_PLACE=${place.marker}`] } };
        const running = await place.start(plan("root@far", more), { env: sshd.env });
        await running.event("log", { text: "on" });
        const nodes = farNodes(sshd);
        assertEquals(nodes.length, 2);
        kill([pick === "first" ? nodes[0] : nodes[1]]);
        const error = await failure(running);
        assertEquals(error.code, "node-ended");
        await place.nothingLeft();
      }
    });
  },
});

/** As `[what, configuration of ssh for the host x, expected code, expected message]`. */
const LOGINS: readonly [string, string[], string, RegExp][] = [
  [
    "there is no such host",
    ["HostName no-such-host.invalid"],
    "no-such-host",
    /there is no host \S+@x: .*~\/.ssh\/config/,
  ],
  [
    "the connection is refused",
    ["HostName 127.0.0.1", "Port 1"],
    "refused",
    /refuses the connection: start sshd there/,
  ],
  [
    "the host key is not known",
    ["HostName 127.0.0.1", "UserKnownHostsFile /dev/null"],
    "host-key-unknown",
    /is not known: connect once by hand \(ssh \S+@x\)/,
  ],
  [
    "the host key has changed",
    ["HostName 127.0.0.1", "UserKnownHostsFile CHANGED"],
    "host-key-changed",
    /has changed: .*ssh-keygen -R/,
  ],
  [
    "a password is wanted",
    ["HostName 127.0.0.1", "PubkeyAuthentication no"],
    "not-permitted",
    /does not let us in without a password: .*ssh-copy-id/,
  ],
];

for (const [what, client, code, message] of LOGINS) {
  scenarios.push({
    name: `tine run says so when ${what}`,
    ignore,
    async fn() {
      await using user = await makeUser("login");
      const folder = await Deno.makeTempDir({ prefix: "tine-keys-" });
      const lines = client.map((line) => `  ${line.replace("CHANGED", `${folder}/known_hosts`)}`);
      await using sshd = await startSshd({ client: ["Host x", ...lines], config: ["PasswordAuthentication yes"] });
      const key = (await Deno.readTextFile(`${sshd.folder}/user.pub`)).split(" ").slice(0, 2).join(" ");
      await Deno.writeTextFile(`${folder}/known_hosts`, `[127.0.0.1]:${sshd.port} ${key}\n`);
      await PlanPlace.use(async (place) => {
        const error = await failure(await place.start(plan(`${user.name}@x`), { env: sshd.env }));
        assertEquals([error.nodeId, error.code], ["-", code], error.message);
        assertMatch(error.message, /^cannot launch the node a: /);
        assertMatch(error.message, message);
      });
      await Deno.remove(folder, { recursive: true });
    },
  });
}

testTogether(unless(noSshd, "tine run with far nodes that fail").name, scenarios, 6);

/** The processes `node serve a` below an sshd, the one that was started first in front. */
function farNodes(sshd: Sshd): number[] {
  return sshd.commands().filter((pid) => {
    const args = argsOf(pid);
    return args.includes("serve") && args.includes("--far") && /deno$/.test(args[0]);
  });
}

function nodeOf(user: TestUser): number[] {
  return user.processes().filter((line) => / node serve a --far/.test(line)).map((line) => parseInt(line));
}

function argsOf(pid: number): string[] {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/cmdline`).split("\0");
  } catch {
    return []; // it has just ended
  }
}

function kill(pids: readonly number[]): void {
  assert(pids.length > 0, "there is nothing to kill");
  for (const pid of pids) {
    try {
      Deno.kill(pid, "SIGKILL");
    } catch {
      // It ended with another one.
    }
  }
}

async function command(program: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, { args, stdin: "null", stdout: "null" }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}
