import { assertEquals, assertThrows } from "@std/assert";
import {
  child,
  parallel,
  parsePlan,
  plan,
  resultStream,
  runner,
  schedule,
  serial,
  sleep,
  sysInfo,
  system,
  test,
} from "../../../src/node/mod.ts";
import { TineError } from "../../../src/base/errors.ts";
import { tine } from "../../support/tine.ts";
import { LEFT } from "./samples.ts";

Deno.test("builders return the JSON that a plan is", () => {
  const built = plan(
    test(
      { name: "hello" },
      serial(
        sysInfo(),
        child({ ...LEFT, netns: { create: true } }, serial(system("ip -br addr", { stdout: "addr.txt" }), sleep("1s"))),
        parallel(resultStream({ include: { log: true } }), runner("sleep", "2s")),
        schedule({ wait: ["100ms"] }, sleep("1s")),
      ),
      { timeout: "60s" },
    ),
    test({ name: "empty" }, {}),
  );
  assertEquals(built, {
    tests: [
      {
        id: { name: "hello" },
        timeout: "60s",
        serial: [
          { sysInfo: {} },
          {
            child: {
              node: { id: "left", launcher: { local: {} }, netns: { create: true } },
              serial: [{ system: { command: "ip -br addr", stdout: "addr.txt" } }, { sleep: "1s" }],
            },
          },
          { parallel: [{ resultStream: { include: { log: true } } }, { sleep: "2s" }] },
          { schedule: { wait: ["100ms"], run: [{ sleep: "1s" }] } },
        ],
      },
      { id: { name: "empty" } },
    ],
  });
});

Deno.test("builders refuse what would be left out of the plan", () => {
  // JavaScript has no types that would refuse it.
  // deno-lint-ignore no-explicit-any -- what a plan in JavaScript may call them with
  const [anyTest, anyChild, anySleep, anySchedule] = [test, child, sleep, schedule] as any[];
  const [one, two] = [sleep("1s"), sleep("2s")];
  assertThrows(
    () => anyTest({ name: "two" }, one, two),
    TineError,
    'test({"name":"two"}) takes one run and options such as timeout, but its options have sleep: put several runs into ' +
      "serial() or parallel()",
  );
  assertThrows(() => anyTest({ name: "two" }, one, {}, two), TineError, "takes at most 3 arguments, but has 4");
  assertThrows(() => anyChild(LEFT, one, two), TineError, "child() takes at most 2 arguments, but has 3");
  assertThrows(() => anySleep("1s", "2s"), TineError, "sleep() takes at most 1 argument, but has 2");
  // A run where options are wanted would be a member of the schedule that nothing knows.
  assertThrows(() => anySchedule(one, two), TineError, "schedule() takes options first, but they have sleep");
});

Deno.test("what a program prints is a plan for tine vet", async () => {
  const module = new URL("../../../src/node/mod.ts", import.meta.url).href;
  const folder = await Deno.makeTempDir({ prefix: "tine-plan-" });
  try {
    await Deno.writeTextFile(
      `${folder}/my_plan.ts`,
      `import { plan, printPlan, serial, sleep, test } from "${module}";
const many = Array.from({ length: 10_000 }, () => sleep("1ms"));
await printPlan(plan(test({ name: "many" }, serial(...many))));\n`,
    );
    // It needs no permission.
    const config = new URL("../../../deno.json", import.meta.url).pathname;
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-check", "--config", config, `${folder}/my_plan.ts`],
    }).output();
    assertEquals(code, 0, new TextDecoder().decode(stderr));
    assertEquals((await parsePlan(new TextDecoder().decode(stdout))).tests[0].serial?.length, 10_000);
    const vetted = await tine(["vet", "-"], stdout);
    assertEquals([vetted.code, vetted.stdout], [0, "stdin: 1 test, 10,001 runs, 0 nodes; 0 errors, 0 warnings\n"]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
