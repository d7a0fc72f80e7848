import { assert, assertEquals, assertMatch } from "@std/assert";
import { Ajv2020, type ErrorObject } from "ajv/dist/2020.js";
import { figuresJsonSchema } from "../../../src/cli/schema/figures_schema.ts";
import config from "../../../deno.json" with { type: "json" };
import { tine } from "../../support/tine.ts";
import { statsJson } from "../../../src/cli/traffic/served_report.ts";
import { ServerAccount } from "../../../src/flow/server_account.ts";
import { rawSockets } from "../../flow/packet/packet_makers.ts";
import { withServer } from "../traffic_server.ts";

// deno-lint-ignore no-explicit-any -- what a program prints
type Printed = any;

const schema = figuresJsonSchema();
const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false }).addSchema(schema, "figures");

/** Checks objects against a definition of the schema, which allows no other keys. */
function check(definition: string, ...objects: readonly Printed[]): void {
  const validate = ajv.getSchema(`figures#/$defs/${definition}`)!;
  for (const object of objects) {
    const valid = validate(object);
    const errors = validate.errors?.map(({ instancePath, message, params }: ErrorObject) =>
      `${instancePath} ${message} ${JSON.stringify(params)}`
    );
    assert(valid, `${definition}: ${errors?.join("; ")}`);
  }
}

const objects = (text: string): Printed[] => text.trimEnd().split("\n").map((line) => JSON.parse(line));

async function run(...args: string[]): Promise<Printed[]> {
  const { code, stdout, stderr } = await tine([...args, "--json"]);
  assertEquals([code, stderr], [0, ""]);
  return objects(stdout);
}

Deno.test("what a server prints of itself as JSON is what the schema of figures says", () => {
  check("stats", statsJson(new ServerAccount().totals));
});

Deno.test("what tine tcp prints as JSON stands alone, and is what the schema of figures says", async () => {
  const before = Date.now();
  const { stdout } = await withServer("tcp", ["--listen", "127.0.0.1:0", "--json"], async (address) => {
    const args = ["tcp", "client", address, "--duration=300ms", "--interval=100ms", "--dscp=8", "--bidir"];
    const printed = await run(...args);
    const summary = printed.pop();
    check("interval", ...printed);
    check("tcpSummary", summary);
    const { tine, command, started, ended, flows: [up, down] } = summary;
    assertEquals([tine, command], [config.version, ["tine", ...args, "--json"]]);
    assert(Date.parse(started) >= before && Date.parse(ended) >= Date.parse(started) + 300);
    for (const { client, server, mssBytes, options } of [up, down]) {
      assertMatch(client, /^127\.0\.0\.1:\d+$/);
      assertEquals([server, options.dscp, options.durationMs], [address, 8, 300]);
      assert(mssBytes === undefined || mssBytes > 500);
    }
    check(
      "transactionSummary",
      ...await run("tcp", "client", address, "--rr=64B", "--transactions=10", "--interval=0"),
    );
  });
  const [listening, ...served] = objects(stdout);
  check("listening", listening);
  assertEquals(listening.command.slice(0, 3), ["tine", "tcp", "server"]);
  const [transactions, streams] = [
    served.filter(({ connections }) => connections),
    served.filter(({ direction }) => direction),
  ];
  assertEquals([transactions.length, streams.length], [1, 2]);
  check("servedTransactions", ...transactions);
  check("servedStream", ...streams);
});

Deno.test("what tine udp prints as JSON stands alone, and is what the schema of figures says", async () => {
  const { stdout } = await withServer("udp", ["--listen", "127.0.0.1:0", "--json"], async (address) => {
    const printed = await run("udp", "client", address, "--duration=300ms", "--wait=10ms", "--interval=100ms");
    const summary = printed.pop();
    check("interval", ...printed);
    check("udpSummary", summary);
    assertEquals(summary.flows[0].server, address);
    assertEquals(summary.flows[0].options.payload, "random");
  });
  const [listening, ...served] = objects(stdout);
  check("listening", listening);
  check("servedPackets", ...served);
  assertEquals(served.length, 1);
});

Deno.test({
  name: "what tine udp prints of a group as JSON is what the schema of figures says, at both ends",
  ignore: !rawSockets,
  async fn() {
    const group = `239.77.${Deno.pid & 0xff}.250`;
    const keyFile = await Deno.makeTempFile();
    await Deno.writeTextFile(keyFile, "k".repeat(32));
    const serving = ["--join", `${group}%lo:7019`, "--key-file", keyFile, "--json"];
    const { stdout } = await withServer("udp", serving, async () => {
      const args = ["udp", "client", `${group}:7019`, "--interface=lo", "--ttl=3", "--packets=20", "--wait=5ms"];
      args.push("--key-file", keyFile);
      const [summary] = await run(...args);
      check("udpSummary", summary);
      const [{ client, server, options, receivers, toServer, complete }] = summary.flows;
      assertEquals([server, options.ttl, options.loop, options.interface], [`${group}:7019`, 3, true, "lo"]);
      assertEquals([complete, toServer.sent, toServer.received, receivers.length], [true, 20, undefined, 1]);
      assertMatch(client, /^127\.0\.0\.1:\d+$/);
      const [{ sent, received, lost, lostPercent, oneWayDelayMinMicros, oneWayDelayBoundMicros }] = receivers;
      assertEquals([sent, received, lost, lostPercent, oneWayDelayBoundMicros], [20, 20, 0, 0, 0]);
      assert(oneWayDelayMinMicros >= 0);
    });
    await Deno.remove(keyFile);
    const [listening, flow] = objects(stdout);
    check("listening", listening);
    check("servedPackets", flow);
    assertEquals([listening.address, flow.complete, flow.toServer.received], [`${group}:7019`, true, 20]);
  },
});

Deno.test("the schema of figures has a definition for each figure, and refuses other keys", async () => {
  const { code, stdout } = await tine(["schema", "figures"]);
  assertEquals([code, JSON.parse(stdout)], [0, schema]);
  const validate = ajv.getSchema("figures")!;
  const listening = { type: "listening", tine: "1", command: [], started: "now", address: "127.0.0.1:1" };
  assert(validate(listening));
  assert(!validate({ ...listening, adress: "x" }));
});
