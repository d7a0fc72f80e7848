import { assert, assertEquals } from "@std/assert";
import type { Node } from "../../../src/node/plan/types.ts";
import type { Spec } from "../../support/modules/launch_program.ts";
import { PlanPlace } from "../../support/plan_place.ts";
import { TextReader } from "../../support/tine.ts";
import { type Scenario, testTogether } from "../../support/together.ts";
import { whyNoNamespaces } from "../../support/namespaces.ts";
import { unless, whyNotInstalled } from "../../support/unless.ts";

const ROOT = Deno.uid() === 0;
const PROGRAM = new URL("../../support/modules/launch_program.ts", import.meta.url).pathname;

const SCRIPTS = [
  "exec sleep 1001",
  "trap '' INT TERM HUP; setsid sleep 1002 & wait",
  "setsid sh -c '(sleep 1003 &)' </dev/null >/dev/null 2>&1",
];

/** A chain of nodes: one in a namespace, one in another, one as they come. */
function chain(place: PlanPlace): Node[] {
  const local = { launcher: { local: {} } };
  return [
    { id: "a", ...local, netns: { create: true, name: place.namespace("a") } },
    { id: "b", ...local, netns: { create: true, name: place.namespace("b") } },
    { id: "c", ...local },
  ];
}

interface Running {
  child: Deno.ChildProcess;
  /** id, pid, marker, uid, namespace of each node from the root on. */
  nodes: { id: string; pid: number; uid: string; net: string; cwd: string }[];
}

async function start(place: PlanPlace, spec: Partial<Spec>): Promise<Running> {
  const full: Spec = { scripts: SCRIPTS, nodes: chain(place), ...spec };
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--no-lock", PROGRAM, JSON.stringify(full)],
    cwd: "/usr",
    env: place.env,
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const reader = new TextReader(child.stdout);
  await reader.until(/\n/);
  await reader[Symbol.asyncDispose]();
  const nodes = reader.text.trim().split(";").map((text) => {
    const [id, pid, , uid, net, cwd] = text.split(" ");
    return { id, pid: Number(pid), uid, net, cwd };
  });
  place.noteFamily(child.pid);
  return { child, nodes };
}

/** The process of a node as it is seen from here: those in a holder are numbered anew in there. */
function pidOf(place: PlanPlace, id: string): number {
  for (const pid of place.processes()) {
    try {
      const args = Deno.readTextFileSync(`/proc/${pid}/cmdline`).split("\0");
      if (args[0] !== Deno.execPath()) continue;
      const spec = args.find((arg) => arg.startsWith("{"));
      if (spec && args.includes(PROGRAM) && (JSON.parse(spec) as Spec).id === id) return pid;
    } catch {
      // it has just ended
    }
  }
  throw new Error(`there is no node ${id}`);
}

/** What happens to a chain. Nothing must be left of it. */
const scenarios: Scenario[] = [];

for (const rootless of ROOT ? [false, true] : [true]) {
  const how = rootless ? "without root" : "as root";
  const why = whyNoNamespaces({ rootless }) ?? whyNotInstalled("setsid");
  const scenario = (name: string, fn: (place: PlanPlace) => Promise<void>) =>
    scenarios.push({ ...unless(why, name), fn: () => PlanPlace.use(fn) });

  scenario(`nodes in nodes in namespaces end in order, ${how}`, async (place) => {
    const { child, nodes } = await start(place, { rootless });
    assertEquals(nodes.map(({ id }) => id), ["-", "a", "b", "c"]);
    assertEquals(new Set(nodes.map(({ net }) => net)).size, 3);
    assertEquals(nodes.map(({ cwd }) => cwd), Array(4).fill("cwd=/usr"));
    await child.stdin.close();
    assert((await child.status).success);
  });

  for (const id of ["-", "a", "b", "c"]) {
    scenario(`nothing is left when node ${id} is killed, ${how}`, async (place) => {
      const { child } = await start(place, { rootless });
      if (id === "-") child.kill("SIGKILL");
      else Deno.kill(pidOf(place, id), "SIGKILL");
      await child.stdin.close().catch(() => {});
      await child.status;
    });
  }

  scenario(`nothing is left when a node is stopped and the root is killed, ${how}`, async (place) => {
    const { child } = await start(place, { rootless });
    Deno.kill(pidOf(place, "b"), "SIGSTOP");
    child.kill("SIGKILL");
    await child.stdin.close().catch(() => {});
    await child.status;
  });

  scenario(`nothing is left of a node that goes on when the root is killed, ${how}`, async (place) => {
    const { child } = await start(place, { rootless, scripts: [], deaf: "c" });
    child.kill("SIGKILL");
    await child.stdin.close().catch(() => {});
    await child.status;
  });
}

testTogether("nodes in nodes", scenarios, 4);
