import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { parse } from "@std/yaml";
import { prepareSentTine } from "../support/built_tine.ts";
import { eventually } from "../support/eventually.ts";
import { PlanPlace, type StartOptions } from "../support/plan_place.ts";
import type { TineEnd } from "../support/running_tine.ts";
import { makeUser, type Sshd, startSshd, type TestUser, whyNoSshd, withoutRootCache } from "../support/sshd.ts";
import { type Scenario, testTogether } from "../support/together.ts";
import { unless } from "../support/unless.ts";

const NO_SSHD = whyNoSshd();
const ignore = NO_SSHD !== undefined;

/** Each logs in, and most send the executable: side by side, they take half of the time. */
const scenarios: Scenario[] = [];

if (!ignore) Deno.test.beforeAll(prepareSentTine);

/** A command whose output comes as lines of the log. */
function say(script: string) {
  return { system: { command: "sh", args: ["-c", script], stdout: "stream" } };
}

function far(id: string, destination: string, more: Record<string, unknown> = {}) {
  return { id, launcher: { ssh: { destination } }, ...more };
}

function planOf(...children: unknown[]) {
  return { tests: [{ id: { name: "far" }, timeout: "60s", parallel: children.map((child) => ({ child })) }] };
}

async function run(place: PlanPlace, sshd: Sshd, plan: unknown, options: StartOptions = {}): Promise<TineEnd> {
  const running = await place.start(plan, { ...options, env: { ...sshd.env, ...options.env } });
  return await running.end();
}

/** What a node has logged. */
function logOf({ events }: TineEnd, nodeId: string): string[] {
  return events.filter((event) => event.type === "log" && event.nodeId === nodeId).map(({ text }) => text);
}

function assertOk(end: TineEnd) {
  assertEquals([end.code, end.test.status, end.test.errors], [0, "ok", []], JSON.stringify(end.test) + end.stderr);
}

/** Of a user, but for its cache. */
async function nothingLeft(user: TestUser): Promise<void> {
  await eventually("nothing runs any more", () => user.processes().length === 0);
  assertEquals(namesIn(user.home).filter((name) => !name.startsWith(".bash") && name !== ".profile"), [".cache"]);
  assertEquals(namesIn(`${user.home}/.cache`), ["tine"]);
  assertEquals(namesIn(`${user.home}/.cache/tine`).filter((name) => !/^(tine-)?[0-9a-f]+(\.checked)?$/.test(name)), []);
}

function namesIn(folder: string): string[] {
  return Array.from(Deno.readDirSync(folder), ({ name }) => name);
}

scenarios.push({
  name: "tine run sends the executable to a far host once, for two nodes, and leaves nothing else",
  ignore,
  async fn() {
    await using user = await makeUser("once");
    await using sshd = await startSshd();
    await PlanPlace.use(async (place) => {
      const to = `${user.name}@far`;
      const plan = planOf(
        { node: far("a", to, { env: { vars: ["WHO=it's a\nnode"] } }), ...say('echo "$WHO"; id -un') },
        { node: far("b", to), serial: [say("pwd"), { system: { command: "echo hello", stdout: "b.txt" } }] },
      );
      const first = await run(place, sshd, plan);
      assertOk(first);
      assertEquals(logOf(first, "a"), ["it's a", "node", user.name]);
      assertEquals(logOf(first, "b"), [user.home]);
      assertEquals(logOf(first, "-").filter((line) => line.startsWith("sending")).length, 1);
      assertEquals(await Deno.readTextFile(`${first.folder}/name=far/files/b.txt`), "hello\n");
      await nothingLeft(user);

      const second = await run(place, sshd, plan);
      assertOk(second);
      assertEquals(logOf(second, "-").filter((line) => line.startsWith("sending")), []);
      // They share the clock of this machine.
      for (const { clock } of second.events.filter(({ type }) => type === "node")) {
        assertEquals(clock, { offsetNs: 0, errorNs: 0 });
      }
      await nothingLeft(user);
    });
  },
});

for (const shell of ["/bin/bash", "/usr/bin/zsh", "/usr/bin/fish", "/usr/bin/csh", "/usr/bin/tcsh"]) {
  scenarios.push({
    name: `tine run logs in where ${shell} is the login shell, and start-up files and banners are noisy`,
    ignore: ignore || !exists(shell),
    async fn() {
      await using user = await makeUser("shell", { shell });
      for (const name of [".bashrc", ".zshenv", ".cshrc", ".tcshrc"]) {
        await Deno.writeTextFile(`${user.home}/${name}`, "echo 'good morning'\n");
      }
      await Deno.mkdir(`${user.home}/.config/fish`, { recursive: true });
      await Deno.writeTextFile(`${user.home}/.config/fish/config.fish`, "echo 'good morning'\n");
      await Deno.chmod(`${user.home}/.config`, 0o777);
      await Deno.chmod(`${user.home}/.config/fish`, 0o777);
      await using sshd = await startSshd({ config: ["Banner /etc/passwd"] });
      await PlanPlace.use(async (place) => {
        const end = await run(place, sshd, planOf({ node: far("a", `${user.name}@far`), ...say("echo hello") }));
        assertOk(end);
        assertEquals(logOf(end, "a"), ["hello"]);
        await eventually("nothing runs any more", () => user.processes().length === 0);
      });
    },
  });
}

scenarios.push({
  name: "tine run survives a login shell that prints before and after",
  ignore,
  async fn() {
    await using sshd = await startSshd();
    const shell = `${sshd.folder}/noisy`;
    await Deno.writeTextFile(shell, '#!/bin/sh\nyes noise | head -n 99999\n/bin/sh "$@"\necho bye; echo bye >&2\n', {
      mode: 0o755,
    });
    await using user = await makeUser("noisy", { shell });
    await PlanPlace.use(async (place) => {
      const end = await run(place, sshd, planOf({ node: far("a", `${user.name}@far`), ...say("echo hello") }));
      assertOk(end);
      assertEquals(logOf(end, "a"), ["hello"]);
      await nothingLeft(user);
    });
  },
});

scenarios.push({
  name: "tine run makes namespaces and sets the environment on the far side, as root there by sudo",
  ignore: ignore || !exists("/usr/bin/sudo"),
  async fn() {
    using _ = await withoutRootCache();
    await using user = await makeUser("sudo");
    await using sshd = await startSshd();
    const rule = `/etc/sudoers.d/${user.name}`;
    await PlanPlace.use(async (place) => {
      const node = {
        id: "a",
        launcher: { ssh: { destination: `${user.name}@far`, root: true } },
        netns: { create: true, name: place.namespace("a") },
        env: { vars: ["COLOR=red"], inherit: false },
      };
      const inner = { id: "inner", launcher: { local: {} }, netns: { create: true, name: place.namespace("b") } };
      const plan = planOf({
        node,
        parallel: [say("echo $COLOR; id -un; ip netns identify; echo $SSH_CLIENT"), {
          child: { node: inner, ...say("id -un; ip netns identify") },
        }],
      });
      const refused = await run(place, sshd, plan);
      assertEquals(refused.test.errors.map(({ code }: { code: string }) => code), ["no-sudo"]);
      assertMatch(refused.test.errors[0].message, /^cannot launch the node a: sudo on \S+@far wants a password: /);

      await Deno.writeTextFile(rule, `${user.name} ALL=(ALL) NOPASSWD: ALL\n`, { mode: 0o440 });
      try {
        const end = await run(place, sshd, plan);
        assertOk(end);
        assertEquals(logOf(end, "a"), ["red", "root", place.namespace("a"), ""]);
        assertEquals(logOf(end, "inner"), ["root", place.namespace("b")]);
        // Root uses a cache of its own.
        assert(!exists(`${user.home}/.cache`));
        await place.nothingLeft();
      } finally {
        await Deno.remove(rule);
      }
    });
  },
});

scenarios.push({
  name: "tine run reaches a third host from a far one, with executables handed on",
  ignore,
  async fn() {
    await using middle = await makeUser("middle");
    await using last = await makeUser("last");
    await using sshd = await startSshd();
    // The far user has a configuration and keys of its own.
    await Deno.mkdir(`${middle.home}/.ssh`);
    await Deno.writeTextFile(
      `${middle.home}/.ssh/config`,
      (await Deno.readTextFile(`${sshd.folder}/ssh_config`)).replaceAll(
        `${sshd.folder}/user`,
        `${middle.home}/.ssh/key`,
      ),
    );
    await Deno.copyFile(`${sshd.folder}/user`, `${middle.home}/.ssh/key`);
    await Deno.chmod(`${middle.home}/.ssh/key`, 0o600);
    await new Deno.Command("chown", { args: ["-R", middle.name, `${middle.home}/.ssh`] }).output();
    await PlanPlace.use(async (place) => {
      const plan = planOf({
        node: far("middle", `${middle.name}@far`),
        parallel: [say("id -un"), { child: { node: far("last", `${last.name}@far`), ...say("id -un") } }],
      });
      const end = await run(place, sshd, plan);
      assertOk(end);
      assertEquals(logOf(end, "middle").filter((line) => !line.includes("sen")), [middle.name]);
      assertEquals(logOf(end, "last"), [last.name]);
      await nothingLeft(last);
      await eventually("nothing runs any more", () => middle.processes().length === 0);
    });
  },
});

scenarios.push({
  name: "tine run takes executables from a folder of builds, and names the command for a missing one",
  ignore,
  async fn() {
    await using user = await makeUser("builds");
    await using sshd = await startSshd();
    await PlanPlace.use(async (place) => {
      const builds = `${place.folder}/builds`;
      await Deno.mkdir(builds);
      const plan = planOf({ node: far("a", `${user.name}@far`), ...say("true") });
      const empty = await run(place, sshd, plan, { args: ["--exe-dir", builds] });
      assertEquals(empty.code, 1);
      assertStringIncludes(JSON.stringify(empty.events), "holds no builds of tine: make one with deno task build");

      // What lies there is sent, whatever it is.
      const platform = `linux-${Deno.build.arch === "x86_64" ? "x64" : "arm64"}`;
      await Deno.writeTextFile(`${builds}/tine-${platform}`, "#!/bin/sh\necho I am another program >&2\nexit 3\n");
      const other = await run(place, sshd, plan, { args: ["--exe-dir", builds] });
      assertEquals(other.test.errors[0].code, "not-runnable");
      assertStringIncludes(other.test.errors[0].message, "(I am another program)");

      const wrong = planOf({ node: far("a", `${user.name}@far`, { platform: "linux-riscv64" }), ...say("true") });
      const end = await run(place, sshd, wrong);
      assertStringIncludes(end.test.errors[0].message, "correct the node's platform");
      await eventually("nothing runs any more", () => user.processes().length === 0);
    });
  },
});

scenarios.push({
  name: "tine run starts ssh in the network of the host, also from a node in a namespace",
  ignore,
  async fn() {
    await using user = await makeUser("inside");
    await using sshd = await startSshd();
    await PlanPlace.use(async (place) => {
      const inside = { id: "inside", launcher: { local: {} }, netns: { create: true, name: place.namespace("in") } };
      const plan = planOf({
        node: inside,
        child: { node: far("a", `${user.name}@far`), ...say("id -un") },
      });
      const end = await run(place, sshd, plan);
      assertOk(end);
      assertEquals(logOf(end, "a"), [user.name]);
      // In a rootless run, a far node below the root is reached; one below a namespace is not.
      const root = planOf({ node: inside, ...say("true") }, { node: far("a", `${user.name}@far`), ...say("id -un") });
      const rootless = await run(place, sshd, root, { args: ["--rootless"] });
      assertOk(rootless);
      assertEquals(logOf(rootless, "a"), [user.name]);
      await nothingLeft(user);
    });
  },
});

scenarios.push({
  name: "tine run hands on executables for other platforms, and a far node launches nodes of its own machine",
  ignore,
  async fn() {
    await using middle = await makeUser("hands");
    await using sshd = await startSshd();
    await PlanPlace.use(async (place) => {
      const builds = `${place.folder}/builds`;
      await Deno.mkdir(builds);
      await Deno.writeTextFile(`${builds}/tine-linux-riscv64`, "an executable for another machine");
      const beyond = far("beyond", "nobody@no-such-host.invalid", { platform: "linux-riscv64" });
      const plan = planOf({
        node: far("middle", `${middle.name}@far`),
        parallel: [
          { child: { node: { id: "beside", launcher: { local: {} } }, ...say("id -un") } },
          { child: { node: beyond, ...say("true") } },
        ],
      });
      const end = await run(place, sshd, plan, { args: ["--exe-dir", builds] });
      assertEquals(end.test.errors.map(({ nodeId, code }: { nodeId: string; code: string }) => [nodeId, code]), [
        ["middle", "no-such-host"],
      ]);
      const texts = namesIn(`${middle.home}/.cache/tine`).filter((name) => /^tine-\w+$/.test(name))
        .map((name) => Deno.readFileSync(`${middle.home}/.cache/tine/${name}`).length);
      assertEquals(texts.length, 2);
      assert(texts.includes("an executable for another machine".length));
      await nothingLeft(middle);
    });
  },
});

scenarios.push({
  name: "tine run that is run through sudo reaches other machines as the user behind it",
  ignore,
  async fn() {
    await using user = await makeUser("behind");
    await using sshd = await startSshd({ client: ["Match exec WHO"] });
    const { uid, gid } = await Deno.stat(user.home);
    await Deno.chown(`${sshd.folder}/user`, uid, gid);
    // ssh runs this as the user that it runs as.
    const config = `${sshd.folder}/ssh_config`;
    const who = `${user.home}/who`;
    await Deno.writeTextFile(
      config,
      (await Deno.readTextFile(config)).replace(/^Match .*$/m, `Match exec "id -un > ${who}"`),
    );
    await PlanPlace.use(async (place) => {
      const env = { SUDO_UID: String(uid), SUDO_GID: String(gid), SUDO_USER: user.name };
      const end = await run(place, sshd, planOf({ node: far("a", `${user.name}@far`), ...say("id -un") }), { env });
      assertOk(end);
      assertEquals(await Deno.readTextFile(who), `${user.name}\n`);
      assertEquals(logOf(end, "a"), [user.name]);
    });
  },
});

scenarios.push({
  name: "examples/ssh.yaml runs on two far nodes and a local one",
  ignore,
  async fn() {
    await using one = await makeUser("one");
    await using two = await makeUser("two");
    const client = [["one", one.name], ["two", two.name]].flatMap(([host, user]) => [
      `Host ${host}.example`,
      "  HostName 127.0.0.1",
      `  User ${user}`,
    ]);
    await using sshd = await startSshd({ client });
    await PlanPlace.use(async (place) => {
      const example = parse(await Deno.readTextFile(new URL("../../examples/ssh.yaml", import.meta.url)));
      const end = await run(place, sshd, example);
      assertOk(end);
      assertEquals(logOf(end, "one"), [`this is ${one.name}`]);
      assertEquals(logOf(end, "two"), [`this is ${two.name}`]);
      const file = (name: string) => Deno.readTextFile(`${end.folder}/name=hosts/files/${name}`);
      for (const name of ["one.txt", "two.txt", "here.txt"]) assertMatch(await file(name), /^Linux /);
      await nothingLeft(one);
      await nothingLeft(two);
    });
  },
});

testTogether(unless(NO_SSHD, "tine run with far nodes").name, scenarios, 4);

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}
