import { makeUser, startSshd, whyNoSshd } from "../../tests/support/sshd.ts";
import { ChildNode } from "../../src/node/child_node.ts";
import { SAME_CLOCK } from "../../src/node/clock_relation.ts";
import { checkoutBuild, knownFiles } from "../../src/node/launch/executable.ts";
import { createLaunch } from "../../src/node/launch/launch.ts";
import { thisPlatform } from "../../src/node/platform.ts";
import { Watchdog } from "../../src/node/process/watchdog.ts";
import { type Benchmark, MissingPeer } from "./benchmark.ts";
import { median } from "./median.ts";

/** How long it takes until a node on another machine is ready, beside a login and a start of the executable. */
export const benchmark: Benchmark = {
  summary: "launch of a node by ssh over loopback, beside `ssh HOST true` and a start of the executable",

  async *run({ quick }) {
    const why = whyNoSshd();
    if (why !== undefined) throw new MissingPeer(why);
    const rounds = quick ? 1 : 9;
    await using watchdog = new Watchdog();
    const path = await checkoutBuild().find(thisPlatform(), {
      signal: new AbortController().signal,
      lineage: watchdog.lineage.command,
      onLine() {},
    });
    if (path === undefined) throw new MissingPeer("there is no checkout to build from");
    await using sshd = await startSshd();
    await using user = await makeUser("bench");
    using _path = setPath(sshd.env.PATH);
    const destination = `${user.name}@far`;
    const launch = createLaunch({ watchdog, exeSource: knownFiles({ [thisPlatform()]: path }) });
    const lines: string[] = [];
    const ready = async () => {
      const started = performance.now();
      const child = await ChildNode.launch({
        tree: { node: { id: "far", launcher: { ssh: { destination } } }, children: [] },
        host: { mounts: Deno.pid },
        clock: () => SAME_CLOCK,
        launch,
        key: new Uint8Array(32),
        signal: new AbortController().signal,
        killSignal: new AbortController().signal,
        uplink: { send() {}, room: () => undefined, forward: () => Promise.resolve(), forget() {} },
        log: (line) => lines.push(line),
        onError: () => true,
        onMissing() {},
        onFailure: (error) => {
          throw error;
        },
      });
      const ms = performance.now() - started;
      await child.cancel(undefined);
      return ms;
    };
    const first = await ready();
    yield {
      what: "first launch by ssh",
      figures: `${first.toFixed(0)} ms; ${lines.find((line) => line.startsWith("sent tine"))?.split(";")[0]}`,
    };
    lines.length = 0;
    const times = { second: [] as number[], login: [] as number[], start: [] as number[] };
    for (let i = 0; i < rounds; i++) {
      times.second.push(await ready());
      times.login.push(await commandMs("ssh", "-T", destination, "true"));
      times.start.push(await commandMs(path, "--version"));
    }
    const [second, login, start] = [times.second, times.login, times.start].map(median);
    const most = 1.5 * login + start;
    yield {
      what: "second launch by ssh",
      figures: `${second.toFixed(0)} ms, ssh HOST true ${login.toFixed(0)} ms, start of the executable ` +
        `${start.toFixed(0)} ms, ${lines.length === 0 ? "nothing" : "the executable"} sent`,
      target: `at most ${most.toFixed(0)} ms (1.5 x the login and a start), nothing sent`,
      reached: second <= most && lines.length === 0,
    };
  },
};

/** Has `ssh` find the sshd of the benchmark, until it is disposed. */
function setPath(path: string): Disposable {
  const before = Deno.env.get("PATH") ?? "";
  Deno.env.set("PATH", path);
  return { [Symbol.dispose]: () => Deno.env.set("PATH", before) };
}

async function commandMs(command: string, ...args: string[]): Promise<number> {
  const started = performance.now();
  const { success } = await new Deno.Command(command, { args, stdin: "null", stdout: "null" }).output();
  if (!success) throw new Error(`${[command, ...args].join(" ")} failed`);
  return performance.now() - started;
}
