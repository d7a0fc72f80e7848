import { assert, assertEquals } from "@std/assert";
import { planTree } from "../../../src/cli/run/plan_tree.ts";
import { formatDuration } from "../../../src/base/units.ts";
import { validatePlan } from "../../../src/node/plan/validate.ts";
import type { RunInput } from "../../../src/node/plan/types.ts";
import type { Runner } from "../../../src/node/runner.ts";
import { runners } from "../../../src/node/runners.ts";

// Titles of the test's own, so that it does not depend on the runners' words.
const titled: Record<string, Runner> = {
  ...runners as Record<string, Runner>,
  sleep: { ...runners.sleep, title: (ms) => formatDuration(ms as number) } as Runner,
  system: { ...runners.system, title: (config) => (config as { command: string }).command } as Runner,
  sysInfo: { ...runners.sysInfo, title: undefined } as Runner,
};

function tree(run: RunInput, timeout = "60s"): string[] {
  const plan = validatePlan({ tests: [{ id: { name: "hello" }, timeout, ...run }] });
  return planTree(plan, titled).trimEnd().split("\n");
}

const left = { id: "left", launcher: { local: {} }, netns: { create: true } };

Deno.test("planTree() shows each test with its limits, nodes and runs", () => {
  const far = {
    id: "far",
    platform: "linux-arm64",
    launcher: { ssh: { destination: "me@lab", root: true } },
    netns: { name: "blue" },
    env: { vars: ["TOKEN=secret"], inherit: false },
  };
  const plan = validatePlan({
    tests: [
      {
        id: { name: "hello" },
        serial: [
          {
            child: {
              node: left,
              serial: [{ system: { command: "ip -br addr", stdout: "addr.txt" } }, { sleep: "1s" }],
            },
          },
          { parallel: [{ child: { node: left, child: { node: far, sysInfo: { env: ["PATH"] } } } }, {}] },
        ],
      },
      { id: { name: "idle", cca: "bbr" }, timeout: "0" },
    ],
  });
  assertEquals(
    planTree(plan, titled),
    `test 1 of 2: name=hello
  timeout 11m, at least 1s
  node left: local, creates netns left
  node far: ssh me@lab, as root, linux-arm64, netns blue, sets TOKEN, inherits no environment, below left
  serial
    child left (local, netns left)
      serial
        system ip -br addr  stdout: addr.txt
        sleep 1s
    parallel
      child left (local, netns left)
        child far (ssh, netns blue)
          sysInfo env: ["PATH"]
      nothing

test 2 of 2: cca=bbr, name=idle
  no timeout
  nothing
`,
  );
});

Deno.test("planTree() says how a schedule starts its runs", () => {
  const run = [{ sleep: "1s" }, { sleep: "2s" }];
  const line = (schedule: object) => tree({ schedule: { ...schedule, run } })[2].trim();
  assertEquals(line({}), "schedule at once, 2 runs");
  assertEquals(line({ sequential: true }), "schedule one after another, 2 runs");
  assertEquals(line({ wait: ["100ms"], waitFirst: true }), "schedule every 100ms, waits first, 2 runs");
  assertEquals(
    line({ wait: ["1s", "2s"], sequential: true }),
    "schedule every 1s, 2s in turn, from the end of the run before, 2 runs",
  );
  assertEquals(line({ wait: ["1s", "2s"], random: true }), "schedule every 1s or 2s at random, 2 runs");
  assertEquals(line({ wait: Array(9).fill("1s") }), "schedule every 1s, 1s, 1s, 1s, 1s, 1s, 3 more in turn, 2 runs");
});

Deno.test("planTree() keeps a plan of 10,000 runs readable", () => {
  const pair = [{ system: { command: "true", background: true } }, { sleep: "1ms" }];
  assertEquals(
    tree({
      serial: [
        { schedule: { wait: ["1ms"], run: Array(5000).fill({ child: { node: left, sleep: "1ms" } }) } },
        { serial: Array(2500).fill(pair).flat() },
      ],
    }),
    [
      "test 1 of 1: name=hello",
      "  timeout 1m, at least 7s500ms",
      "  node left: local, creates netns left",
      "  serial",
      "    schedule every 1ms, 5000 runs",
      "      child left (local, netns left)  x 5000",
      "        sleep 1ms",
      "    serial",
      "      2500 times these 2",
      "        system true  background",
      "        sleep 1ms",
    ],
  );
});

Deno.test("planTree() makes visible what would act on the terminal", () => {
  // deno-lint-ignore no-control-regex
  assert(!/[\x00-\x09\x0b-\x1f]/.test(tree({ system: { command: "printf \x1b[2J\r\n" } }).join("\n")));
  assertEquals(tree({ system: { command: "printf 'a\nb'" } }).at(-1), "  system printf 'a\\nb'");
});

Deno.test("planTree() shows the UDFs of a test", () => {
  const udfs = [
    { name: "smooth", table: "round_trips", flows: "voip.*", handler: "moving-avg" },
    { name: "other", table: "logs", command: ["python3", "-u", "udf.py"] },
  ];
  const plan = validatePlan({ udfs, tests: [{ id: { name: "hello" }, timeout: "60s", sleep: "1s" }] });
  assertEquals(planTree(plan, titled).trimEnd().split("\n").slice(2, 4), [
    "  udf smooth: round_trips of voip.* through moving-avg",
    "  udf other: logs through python3 -u udf.py",
  ]);
});
