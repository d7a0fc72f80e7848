import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { parsePutOff, PUT_OFF } from "../../scripts/test/summary.ts";
import { processorTimes, tryOnQuietMachine, whyBusy } from "./quiet.ts";

/** A machine that is busy or quiet each time that it is watched; the last answer stays. */
function machine(...answers: (string | undefined)[]) {
  return { watch: () => () => Promise.resolve(answers.length > 1 ? answers.shift() : answers[0]) };
}

/** A test that fails so many times, and counts its tries. */
function failing(times: number) {
  const test = () => ++test.tries > times ? Promise.resolve() : Promise.reject(new Error(`try ${test.tries}\nmore`));
  test.tries = 0;
  return test;
}

Deno.test("tryOnQuietMachine() fails at once with the error of a test on a quiet machine", async () => {
  const test = failing(9);
  await assertRejects(() => tryOnQuietMachine(test, machine(undefined)), Error, "try 1");
  assertEquals(test.tries, 1);
});

Deno.test("tryOnQuietMachine() passes with the first try that does on a busy machine", async () => {
  for (const times of [0, 1, 2]) {
    const test = failing(times);
    assertEquals(await tryOnQuietMachine(test, machine("busy", undefined, "busy", undefined)), undefined);
    assertEquals(test.tries, times + 1);
  }
});

Deno.test("tryOnQuietMachine() fails when the machine is quiet in a later try", async () => {
  const test = failing(9);
  // A try, the wait for a quiet machine, the next try.
  await assertRejects(() => tryOnQuietMachine(test, machine("busy", "busy", undefined, undefined)), Error, "try 2");
});

Deno.test("tryOnQuietMachine() says why a test is inconclusive after three tries on a busy machine", async () => {
  const test = failing(3);
  assertEquals(await tryOnQuietMachine(test, machine("it rained")), "failed 3 times while it rained; last: try 3");
  assertEquals(test.tries, 3);
});

Deno.test("whyBusy() counts what others had and what a host took, neither a test's own work nor interrupts", () => {
  const process = (pid: number, parent: number, ...ticks: number[]) =>
    `${pid} (a b) c) R ${parent} 1 1 0 -1 4194304 1 0 0 0 ${ticks.join(" ")} 20 0 1 0`;
  const times = (cpu: number[], own: number[], below = 0) =>
    processorTimes(
      `cpu  ${cpu.join(" ")} 0 0\ncpu0 1 2 3\n`,
      // The test, one of its children's, and another.
      [process(1, 0, 900, 9, 9, 9), process(7, 1, ...own), process(9, 8, below, 0, 0, 0), process(8, 7, 0, 0, 0, 0)],
      7,
    );
  const before = times([100, 0, 50, 800, 10, 5, 5, 0], [10, 5, 0, 0]);
  assertEquals(before, { all: 970, busy: 150, own: 15 });
  // 200 ticks each: its own, with those of children that have ended and that run; interrupts; of others; of the host.
  assertEquals(whyBusy(before, times([200, 0, 150, 800, 10, 5, 5, 0], [60, 35, 40, 30], 50)), undefined);
  assertEquals(whyBusy(before, times([100, 0, 50, 800, 10, 105, 105, 0], [10, 5, 0, 0])), undefined);
  assertMatch(whyBusy(before, times([140, 0, 50, 960, 10, 5, 5, 0], [10, 5, 0, 0]))!, /had 20% of the processors/);
  assertMatch(whyBusy(before, times([100, 0, 50, 970, 10, 5, 5, 30], [10, 5, 0, 0]))!, /had 15% of the processors/);
});

Deno.test({
  name: "tryOnQuietMachine() sees other processes that are busy",
  ignore: Deno.build.os !== "linux",
  async fn() {
    // Children of a shell that has ended are nobody's own; they end by themselves, should this test be killed.
    const script = "ulimit -t 10; (while :; do :; done) >/dev/null 2>&1 & echo $!";
    const start = async () => {
      const { stdout } = await new Deno.Command("sh", { args: ["-c", script], stdin: "null" }).output();
      return Number(new TextDecoder().decode(stdout));
    };
    const busy = await Promise.all(Array.from({ length: navigator.hardwareConcurrency }, start));
    try {
      const test = failing(9);
      const why = await tryOnQuietMachine(test, { patienceMs: 0 });
      assertEquals(test.tries, 3);
      assertMatch(why ?? "", /^failed 3 times while other work had \d+% of the processors; last: try 3$/);
    } finally {
      for (const pid of busy) Deno.kill(pid, "SIGKILL");
    }
  },
});

Deno.test("needsProcessors() puts tests and steps off where all tests run, and runs them otherwise", async () => {
  const folder = await Deno.makeTempDir({ prefix: "tine-quiet-" });
  try {
    const file = `${folder}/x_test.ts`;
    await Deno.writeTextFile(
      file,
      `import { needsProcessors } from ${JSON.stringify(new URL("quiet.ts", import.meta.url))};
      Deno.test(needsProcessors("a test", () => console.log("a test runs")));
      Deno.test("with steps", async (t) => {
        await t.step(needsProcessors("a step", () => console.log("a step runs")));
      });`,
    );
    const run = async (env: Record<string, string>) => {
      const config = new URL("../../deno.json", import.meta.url).pathname;
      const args = ["test", "-A", "--no-check", "--config", config, file];
      const { success, stdout } = await new Deno.Command(Deno.execPath(), { args, env: { ...env, NO_COLOR: "1" } })
        .output();
      const text = new TextDecoder().decode(stdout);
      assertEquals(success, true, text);
      return { ran: text.match(/^a \w+ runs$/gm) ?? [], putOff: parsePutOff(text) };
    };
    const origin = new URL(`file://${file}`).href;
    assertEquals(await run({ [PUT_OFF]: "1" }), {
      ran: [],
      putOff: [{ origin, name: "a test" }, { origin, name: "with steps", step: "a step" }],
    });
    assertEquals(await run({ [PUT_OFF]: "" }), { ran: ["a test runs", "a step runs"], putOff: [] });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
