import { assertEquals, assertStringIncludes } from "@std/assert";
import { vetUdfs } from "../../src/bridge/vet_udfs.ts";
import { parsePlan } from "../../src/node/plan/parse.ts";

async function findings(udf: string): Promise<string[]> {
  const plan = await parsePlan(`tests: [{ id: { cca: bbr }, udfs: [{ name: a, ${udf} }], sleep: 1s }]`);
  return (await vetUdfs(plan, { commands: true })).map(({ severity, place, message }) => {
    return `${severity} ${place.replace("tests[0].udfs[0]", "")}: ${message}`;
  });
}

for (
  const [udf, expected] of [
    [
      "table: round_trip, handler: mirror",
      'error .table: there is no table "round_trip" for UDFs: did you mean round_trips?',
    ],
    [
      "table: flows, handler: mirror",
      'error .table: there is no table "flows" for UDFs: expected one of intervals, round_trips, losses, packets, ' +
      "transactions, stream_io, tcp_info, counters, runs, logs, errors",
    ],
    ["table: logs, handler: miror", 'error .handler: there is no handler "miror": did you mean mirror?'],
    [
      "table: logs, handler: ./no_such.ts",
      "error .handler: cannot load the module ./no_such.ts: there is no such file",
    ],
    [
      "table: intervals, handler: mirror, groupBy: [cca, flwo]",
      'error .groupBy[1]: the table intervals has no tag "flwo": did you mean flow?',
    ],
    [
      "table: round_trips, handler: moving-avg, options: { field: rtt, size: 5 }",
      'error .options.field: the table round_trips has no field "rtt": did you mean rtt_us?',
    ],
    [
      "table: round_trips, handler: join, options: { left: to_server_us, right: from_servr_us }",
      'error .options.right: the table round_trips has no field "from_servr_us": did you mean from_server_us?',
    ],
    [
      "table: round_trips, handler: moving-avg, options: { field: rtt_us, sice: 5 }",
      'error .options: the UDF has no option "sice": did you mean size?',
    ],
    [
      "table: round_trips, handler: moving-avg, options: { field: rtt_us }",
      "error .options: the UDF refused its options: missing option: size",
    ],
    [
      "table: round_trips, handler: mirror, batchWindow: 1s",
      "warning .batchWindow: has no effect: the UDF wants single points, not batches",
    ],
    [
      "table: logs, command: [no-such-program]",
      'error .command: cannot start "no-such-program": there is no such program',
    ],
    [
      "table: logs, command: [sh, -c, exit 3]",
      "warning : the UDF did not answer with its options: the UDF exited with status 3",
    ],
  ]
) {
  Deno.test(`vetUdfs() finds what is wrong with ${udf}`, async () => {
    assertEquals(await findings(udf), [expected]);
  });
}

Deno.test("vetUdfs() finds nothing wrong with UDFs that can be used, and asks none behind a socket", async () => {
  assertEquals(
    await findings("table: round_trips, handler: moving-avg, options: { field: rtt_us, size: 5 }, groupBy: ['*']"),
    [],
  );
  assertEquals(
    await findings("table: round_trips, handler: outliers, options: { field: rtt_us }, batchWindow: 1s"),
    [],
  );
  assertEquals(await findings("table: logs, socket: /no/such/socket, options: { x: 1 }"), []);
  assertEquals(await findings("table: logs, connect: '127.0.0.1:1'"), []);
});

Deno.test("vetUdfs() reports a UDF of the plan, and one of a test with a matrix, once", async () => {
  const plan = await parsePlan(`
udfs: [{ name: a, table: x, handler: mirror }]
tests:
- { id: { name: one }, sleep: 1s }
- { id: { name: two }, matrix: { n: [1, 2] }, udfs: [{ name: b, table: y, handler: mirror }], sleep: "\${n}s" }
`);
  assertEquals(plan.tests.map(({ udfs }) => udfs?.map(({ name }) => name)), [["a"], ["a", "b"], ["a", "b"]]);
  assertEquals((await vetUdfs(plan)).map(({ place }) => place), ["udfs[0].table", "tests[1].udfs[0].table"]);
});

Deno.test("vetUdfs() reports a module that cannot be loaded as an error", async () => {
  const folder = await Deno.makeTempDir({ prefix: "tine-vet-" });
  try {
    const path = `${folder}/throws.ts`;
    await Deno.writeTextFile(path, "throw new Error('not today'); export function createHandler() {}");
    const [finding, ...more] = await findings(`table: logs, handler: ${path}`);
    assertStringIncludes(finding, "error .handler: the UDF reported an error: ");
    assertStringIncludes(finding, "not today");
    assertEquals(more, []);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("vetUdfs() warns of a pattern that no flow matches", async () => {
  const plan = (flows: string) =>
    parsePlan(`
tests:
- id: { a: b }
  udfs: [{ name: a, table: round_trips, handler: mirror, flows: "${flows}" }]
  packetClient: { addr: "127.0.0.1:1", flow: voip.a, sender: [{ unresponsive: { wait: [10ms], duration: 1s } }] }
`);
  assertEquals(
    (await vetUdfs(await plan("viop.a"))).map(({ severity, place, message }) => [severity, place, message]),
    [
      ["warning", "tests[0].udfs[0].flows", "no flow matches viop.a: did you mean voip.a?"],
    ],
  );
  for (const pattern of ["voip.*", "voip.a", "*"]) assertEquals(await vetUdfs(await plan(pattern)), []);
});
