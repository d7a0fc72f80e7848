import { assert, assertEquals, assertThrows } from "@std/assert";
import { Ajv2020 } from "ajv/dist/2020.js";
import JSON_PLAN from "../../../src/cli/init/skeletons/my_plan.jsonc" with { type: "text" };
import YAML_PLAN from "../../../src/cli/init/skeletons/my_plan.yaml" with { type: "text" };
import { parseJsonc } from "../../../src/node/plan/jsonc.ts";
import { type JsonSchema, planJsonSchema, planObjects } from "../../../src/node/plan/json_schema.ts";
import { PlanError } from "../../../src/node/plan/place.ts";
import { validatePlan } from "../../../src/node/plan/validate.ts";
import { parseYaml } from "../../../src/node/plan/yaml.ts";
import { EVERYTHING, LEFT, planOf } from "./samples.ts";

const schema = planJsonSchema();
// Strict: the schema has no keyword that a validator does not know. `if` may stand beside the properties that it means.
const validate = new Ajv2020({ strict: true, strictRequired: false, strictTypes: false }).compile(schema);

Deno.test("the JSON Schema is of draft 2020-12, named, and describes its members", () => {
  assertEquals(schema.$schema, "https://json-schema.org/draft/2020-12/schema");
  const definitions = schema.$defs as Record<string, { properties?: Record<string, { description?: string }> }>;
  assertEquals(Object.keys(definitions).sort(), ["Child", "Node", "Run", "Runs", "Schedule", "Test", "Udf"]);
  for (const [name, { properties = {} }] of Object.entries(definitions)) {
    for (const [key, member] of Object.entries(properties)) {
      assert(member.description ?? "$ref" in member, `${name}.${key} has no description`);
    }
  }
});

Deno.test("the JSON Schema takes plans", () => {
  for (const plan of [EVERYTHING, parseYaml(YAML_PLAN), parseJsonc(JSON_PLAN), planOf({}), { tests: [], "x-a": 1 }]) {
    assert(validate(plan), JSON.stringify(validate.errors));
  }
});

Deno.test("the JSON Schema takes keys of a matrix where values stand", () => {
  const plan = {
    tests: [{
      id: { name: "x-${cca}" },
      repeat: 3,
      matrix: { cca: ["cubic", "bbr"], n: [1], yes: [true] },
      exclude: [{ cca: "bbr", n: 1 }],
      serial: [{ sleep: "${n}s" }, { system: { command: "echo ${cca}", background: "${yes}", stdout: "${cca}" } }],
    }],
  };
  assert(validate(plan), JSON.stringify(validate.errors));
  assert(!validate({ tests: [{ id: { name: "x" }, sleep: "$n" }] }));
  assert(!validate({ tests: [{ id: { name: "x" }, repeat: 0 }] }));
  assert(!validate({ tests: [{ id: { name: "x" }, matrix: { n: [] } }] }));
});

Deno.test("patterns in the JSON Schema have no escapes that Go and CUE do not know", () => {
  const patterns: string[] = [];
  JSON.stringify(schema, (key, value) => {
    if (key === "pattern") patterns.push(value);
    return value;
  });
  assert(patterns.length > 100);
  assertEquals(patterns.filter((pattern) => /\\u|\\c|\\k/.test(pattern)), []);
});

Deno.test("sizes are texts with a unit or numbers of bytes, in tine and in the JSON Schema", () => {
  const plan = (length: unknown) =>
    planOf({ serial: [{ streamClient: { addr: "h:1", upload: { flow: "f", length } } } as never] });
  for (const [written, bytes] of [["64KiB", 65_536], [65_536, 65_536]] as const) {
    assert(validate(plan(written)), JSON.stringify(validate.errors));
    assertEquals(validatePlan(plan(written)).tests[0].serial![0].streamClient!.upload!.length, bytes);
  }
  for (const written of ["64", -1, 1.5, true]) {
    assert(!validate(plan(written)), String(written));
    assertThrows(
      () => validatePlan(plan(written)),
      PlanError,
      "expected a size such as 4096B, 64KiB or 10MB, or a number of bytes, not ",
    );
  }
});

Deno.test("the JSON Schema refuses what tine refuses", () => {
  const refused: unknown[] = [
    {},
    [],
    { tests: [], foo: 1 },
    { tests: [{ sleep: "1s" }] },
    { tests: [{ id: {} }] },
    { tests: [{ id: { a: 1 } }] },
    { tests: [{ id: { "a b": "x" } }] },
    planOf({ sleep: "1" }),
    planOf({ sleep: 1 as never }),
    planOf({ sleep: "1s", serial: [] }),
    planOf({ timeout: "1s", sleep: "1s", serial: [] }),
    planOf({ serial: [{ sleep: "1s", serial: [] }] }),
    planOf({ serial: [{ slep: "1s" } as never] }),
    planOf({ child: { node: {} as never } }),
    planOf({ child: { sleep: "1s" } as never }),
    planOf({ child: { node: { id: "a", launcher: {} } } }),
    planOf({ child: { node: { id: "a", launcher: { local: {}, ssh: {} } } } }),
    planOf({ child: { node: LEFT, sleep: "1s", serial: [] } }),
    planOf({ schedule: {} as never }),
    planOf({ system: {} as never }),
    planOf({ system: { command: "a", stdout: "../b" } }),
  ];
  for (const plan of refused) assert(!validate(plan), JSON.stringify(plan));
});

Deno.test("planObjects() has a description, a type and the default of each field of a plan", () => {
  const objects = planObjects();
  for (const { places, fields } of objects) {
    for (const { name, type, description } of fields) {
      assert(description !== "" && type !== "", `${places.join(", ")}: ${name}`);
    }
  }
  const field = (place: string, name: string) =>
    objects.find(({ places }) => places.includes(place))?.fields.find((field) => field.name === name);
  assertEquals(field("packetClient.sender.unresponsive", "wait"), {
    name: "wait",
    type: "list of durations",
    required: false,
    default: "200ms",
    description: "What to wait between packets, cycled.",
  });
  assertEquals(field("streamClient.download", "bufLen")?.default, "128KiB");
  assertEquals(field("test", "timeout")?.default, "660s");
  assertEquals(field("streamServer", "protocol")?.type, "tcp, tcp4 or tcp6");
  const { min, max, required } = field("packetClient", "ecn")!;
  assertEquals([min, max, required, field("packetClient", "flow")?.required], [0, 3, false, true]);
  assertEquals(objects.find(({ places }) => places.includes("sleep"))?.type, "duration");
});

Deno.test("descriptions in the JSON Schema name defaults, once", () => {
  const { system, streamServer } = (schema as JsonSchema).$defs!.Run.properties!;
  assertEquals(
    system.properties!.stderr.description,
    "What becomes of standard error, as for stdout. Default: gather.",
  );
  assertEquals(system.properties!.root, {
    description: "Run it as root.",
    default: false,
    anyOf: [{ type: "boolean" }, { type: "string", pattern: "\\$\\{[A-Za-z]\\w*\\}" }],
  });
  assertEquals(streamServer.properties!.hmac.default, true);
});
