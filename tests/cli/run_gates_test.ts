import { assertEquals, assertMatch } from "@std/assert";
import { inFolder, listing } from "../result/fixtures.ts";
import { tine } from "../support/tine.ts";

/** Two transfers over loopback: how much arrives is the same on any machine. */
const PLAN = `gates: ["bulk.b bytes > 1kB"]
tests:
${
  ["a", "b"].map((name) =>
    `- id: { name: ${name} }
  gates: ["bulk.${name} bytes <= 100kB"]
  serial:
  - streamServer: { listenAddr: "127.0.0.1:0", listenAddrKey: tcp }
  - streamClient: { addrKey: tcp, upload: { flow: bulk.${name}, length: 100kB } }
`
  ).join("")
}`;

/** Gates that a run has evaluated, and what their verdicts are. */
function gatesIn(stdout: string): string[] {
  const events = stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
  return events.filter(({ type }) => type === "gate").map(({ gate, test, status }) =>
    `${gate}: ${test?.name} ${status}`
  );
}

Deno.test("tine run evaluates gates of the plan and of --gate, stores the verdicts, and ends with 3 unless all pass", () =>
  inFolder(async (out) => {
    const passed = await tine(["run", "-", "--out", out, "--json"], PLAN);
    const own = ["bulk.b bytes > 1kB: b pass", "bulk.a bytes <= 100kB: a pass", "bulk.b bytes <= 100kB: b pass"];
    assertEquals([gatesIn(passed.stdout), passed.stderr, passed.code], [own, "", 0]);
    const failed = await tine(["run", "-", "--out", out, "--json", "--gate", "* bytes < 1kB"], PLAN);
    const [first, ...others] = own;
    assertEquals(gatesIn(failed.stdout), [first, "* bytes < 1kB: a fail", "* bytes < 1kB: b fail", ...others]);
    assertEquals(failed.code, 3);
    const stored = JSON.parse(await Deno.readTextFile(`${out}/latest/name=a/gates.json`));
    assertEquals(stored.verdicts.map(({ gate, status }: Record<string, string>) => `${gate} ${status}`), [
      "* bytes < 1kB fail",
      "bulk.a bytes <= 100kB pass",
    ]);
    // They are shown with the results: of the run, of a test, as JSON and in the index.
    const shown = await tine(["results", `${out}/latest`]);
    assertMatch(shown.stdout, /^ok .*name=a .*\n {4}FAIL {7}\* bytes < 1kB .*\n {4}PASS {7}bulk\.a bytes <= 100kB /m);
    const one = await tine(["results", `${out}/latest/name=a`]);
    assertMatch(one.stdout, /^gate {5}FAIL {7}\* bytes < 1kB /m);
    const json = JSON.parse((await tine(["results", `${out}/latest/name=a`, "--json"])).stdout.split("\n", 1)[0]);
    assertEquals(json.gates, stored.verdicts);
    await tine(["report", `${out}/latest`, "-o", `${out}/index.html`]);
    const index = await Deno.readTextFile(`${out}/index.html`);
    assertMatch(
      index,
      /<span class="status failed" title="fail: \* bytes &lt; 1kB">1 fail<\/span> <span class="note">of 2</,
    );
    // Kept results are gated anew.
    const kept = await tine(["run", "-", "--out", out, "--resume", "--gate", "bulk.a bytes >= 100kB"], PLAN);
    assertMatch(kept.stderr, /PASS {7}bulk\.a bytes >= 100kB {2}name=a: bulk\.a: 100 kB\n/);
    assertEquals(kept.code, 0);
    const anew = JSON.parse(await Deno.readTextFile(`${out}/latest/name=a/gates.json`));
    assertEquals(anew.verdicts.map(({ gate }: Record<string, string>) => gate), [
      "bulk.a bytes >= 100kB",
      "bulk.a bytes <= 100kB",
    ]);
    // Of some tests, gates of the others have no say.
    const some = await tine(["run", "-", "--out", out, "--json", "--test", "name=a"], PLAN);
    assertEquals([gatesIn(some.stdout), some.code], [["bulk.a bytes <= 100kB: a pass"], 0]);
    const baseline = await tine(["run", "-", "--out", out, "--json", "--baseline", "none"], PLAN);
    assertEquals([baseline.code, baseline.stdout], [1, ""]);
  }));

Deno.test("tine run and tine vet refuse gates that cannot be understood before anything runs", () =>
  inFolder(async (out) => {
    const flag = await tine(["run", "-", "--out", out, "--gate", "bulk.a byts > 1kB"], PLAN);
    assertEquals([flag.code, flag.stderr.split("\n")[0]], [
      2,
      'tine run: --gate "bulk.a byts > 1kB": column 8: there is no figure "byts": did you mean bytes?',
    ]);
    const unknown = await tine(["run", "-", "--out", out, "--gate", "bulk.c bytes > 1kB"], PLAN);
    assertEquals([unknown.code, unknown.stderr.split("\n")[0]], [
      2,
      'tine run: --gate "bulk.c bytes > 1kB": no flow matches bulk.c: did you mean bulk.a?',
    ]);
    const plan = await tine(["run", "-", "--out", out], PLAN.replace("bulk.b bytes <= 100kB", "bulk.b bytes <= 100"));
    const problem =
      'tests[1].gates[0]: "bulk.b bytes <= 100": column 17: expected a size such as 64KiB for bytes, not ' +
      '"100"; a unit is missing: 100B?';
    assertEquals([plan.code, plan.stderr], [1, `tine run: stdin: ${problem}; tine vet lists all\n`]);
    const vetted = await tine(["vet", "-"], PLAN.replace("bulk.b bytes > 1kB", "bulk.x bytes > 1kB"));
    assertMatch(
      vetted.stdout,
      /^ERROR {2}gates\[0\]\n {7}"bulk\.x bytes > 1kB": no flow matches bulk\.x: did you mean/,
    );
    assertEquals([vetted.code, await listing(out)], [1, []]);
  }));

Deno.test("tine run refuses --max-repeat without --until and a page with the name of a picture, tine gate a name that no baseline can have", async () => {
  const alone = await tine(["run", "-", "--max-repeat", "3"], "tests: []");
  assertEquals([alone.code, alone.stderr.split("\n")[0]], [2, "tine run: --max-repeat means nothing without --until"]);
  const picture = await tine(["run", "-", "--report", "run.pdf"], "tests: []");
  assertEquals([picture.code, picture.stderr.split("\n")[0]], [
    2,
    'tine run: a page is HTML: expected a file such as page.html, not "run.pdf"; tine report makes pictures',
  ]);
  const bad = await tine(["gate", "--save", "../x"]);
  assertEquals([bad.code, bad.stderr.split("\n")[0]], [
    2,
    'tine gate: --save NAME: expected a name of letters, digits, _, ., + and -, such as main, not "../x"',
  ]);
});
