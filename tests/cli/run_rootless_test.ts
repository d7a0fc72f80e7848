import { assertEquals, assertMatch, assertNotEquals, assertStringIncludes } from "@std/assert";
import { buildTine } from "../support/built_tine.ts";
import { PlanPlace, type StartOptions } from "../support/plan_place.ts";
import { whyNoNamespaces } from "../support/namespaces.ts";
import { unless, whyNotInstalled } from "../support/unless.ts";

const ROOT = Deno.uid() === 0;
const noNamespaces = whyNoNamespaces({ rootless: true }) ??
  (ROOT ? whyNoNamespaces({ rootless: false }) : undefined);
/** An ordinary user, where the tests run as root. */
const NOBODY = 65534;

const said = (command: string, stdout: string) => ({ system: { command, stdout } });

/** Two nodes in namespaces that are linked by the node in front of them, and one without a namespace. */
function linkedPlan(place: PlanPlace): unknown {
  const names = { a: place.namespace("a"), b: place.namespace("b") };
  const node = (id: "a" | "b") => ({ id, launcher: { local: {} }, netns: { create: true, name: names[id] } });
  const inside = (id: "a" | "b", number: number, ...more: unknown[]) => ({
    child: {
      node: node(id),
      serial: [
        { system: { command: `ip addr add 10.9.8.${number}/24 dev v${id}` } },
        { system: { command: `ip link set v${id} up` } },
        said("readlink /proc/self/ns/net", `${id}.net`),
        said("id -u", `${id}.uid`),
        ...more,
      ],
    },
  });
  const link = `ip link add va type veth peer vb netns ${names.b}`;
  return {
    tests: [{
      id: { name: "linked" },
      timeout: "60s",
      serial: [
        { child: { node: node("a"), serial: [{ system: { command: link } }] } },
        inside("b", 2),
        inside(
          "a",
          1,
          said("tc qdisc add dev va root tbf rate 10mbit burst 16k latency 50ms", "tc.txt"),
          said(
            "ip -br addr show dev va",
            "addr.txt",
          ),
        ),
        { child: { node: { id: "plain", launcher: { local: {} } }, ...said("id -u", "plain.uid") } },
      ],
    }],
  };
}

async function checkLinked(place: PlanPlace, options: StartOptions, uid: number): Promise<void> {
  const { code, test, stderr } = await (await place.start(linkedPlan(place), options)).end();
  assertEquals([code, test.errors, stderr], [0, [], ""]);
  const file = async (name: string) => (await Deno.readTextFile(`${test.folder}/files/${name}`)).trim();
  assertNotEquals(await file("a.net"), await file("b.net"));
  assertNotEquals(await file("a.net"), Deno.readLinkSync("/proc/self/ns/net"));
  assertEquals([await file("a.uid"), await file("b.uid"), await file("plain.uid")], ["0", "0", `${uid}`]);
  assertStringIncludes(await file("addr.txt"), "10.9.8.1/24");
}

Deno.test({
  ...unless(
    noNamespaces ?? whyNotInstalled("tc", ...(ROOT ? ["setpriv"] : [])),
    "tine run makes namespaces, links them and shapes the link, without root and with it",
  ),
  async fn() {
    await using built = await buildTine();
    const tine = [built.path];
    const works = [PlanPlace.use((place) => checkLinked(place, { args: ["--rootless"] }, Deno.uid()!))];
    if (ROOT) {
      works.push(PlanPlace.use((place) => checkLinked(place, {}, 0)));
      works.push(PlanPlace.use((place) => checkLinked(place, { tine }, 0)));
      works.push(PlanPlace.use((place) => checkLinked(place, { tine, env: cacheIn(place) }, NOBODY), NOBODY));
    }
    for (const result of await Promise.allSettled(works)) if (result.status === "rejected") throw result.reason;
  },
});

Deno.test("tine run --rootless says that it does not reach the namespaces of the host", async () => {
  await PlanPlace.use(async (place) => {
    const node = { id: "left", launcher: { local: {} }, netns: { name: place.namespace("host") } };
    const plan = { tests: [{ id: { name: "x" }, child: { node, sleep: "1ms" } }] };
    const { code, stderr, events } = await (await place.start(plan, { args: ["--rootless"] })).end();
    assertEquals([code, events], [1, []]);
    assertMatch(stderr, /tests\[0\]\.child\.node\.netns.*namespace.*\n$/);
  });
});

/** Where the user's own executable is unpacked. */
function cacheIn(place: PlanPlace): Record<string, string> {
  return { XDG_CACHE_HOME: `${place.folder}/cache` };
}
