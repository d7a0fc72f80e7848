import { Ajv2020 } from "ajv/dist/2020.js";
import { assert, assertEquals } from "@std/assert";
import { parse } from "@std/yaml";
import { parseCaseFile } from "../../../src/udf/cases/mod.ts";
import { caseFileJsonSchema } from "../../../src/udf/cases/schema.ts";

const validate = new Ajv2020({ allowUnionTypes: true }).compile(caseFileJsonSchema());

/** Whether the JSON Schema takes a file of cases, and whether tine does. */
async function taken(text: string): Promise<[schema: boolean, tine: boolean]> {
  const isRead = await parseCaseFile(text, "cases.yaml").then(() => true, () => false);
  return [validate(parse(text, { schema: "core" })), isRead];
}

Deno.test("the JSON Schema of cases takes what tine takes", async () => {
  const root = new URL("../../../", import.meta.url);
  for (const path of ["examples/handler_cases.yaml", "src/cli/init/skeletons/my_udf_cases.yaml"]) {
    const text = await Deno.readTextFile(new URL(path, root));
    assertEquals(await taken(text), [true, true], `${path}: ${JSON.stringify(validate.errors)}`);
  }
  for (
    const member of [
      "expect: none",
      "expect: []",
      "expect: [a v=1, { name: a, fields: { v: 1 } }]",
      "expect: { file: out.txt, format: json }",
      "expect: { count: 3, batches: { min: 1 }, time: increasing, fields: { v: { max: 1.5, optional: true } } }",
      "expect: { points: a v=1, order: any, error: no }",
      "{ restore: text, input: a v=1, expect: none }".slice(2, -2),
      "restore: { base64: AAE= }",
      "steps: [{ input: a v=1 }, { expect: none }]",
      "tolerance: { absolute: 0.1 }",
      "limit: 1m30s",
      "options: { a: 1, b: [1, 2], c: [[1, x], [2, y]], d: true }",
      "udf: { command: [python3, -u, udf.py] }",
      "groupBy: ['*']",
      "skip: later",
    ]
  ) {
    assertEquals(await taken(`cases: [{ name: a, ${member} }]\n`), [true, true], member);
  }
});

Deno.test("the JSON Schema of cases refuses what tine refuses", async () => {
  for (
    const member of [
      "expect: { cuont: 1 }",
      "expect: { count: -1 }",
      "expect: { fields: { v: { monotone: up } } }",
      "expect: 3",
      "input: { file: x, format: xml }",
      "tolerance: -1",
      "timeout: 10",
      "steps: []",
      "udf: {}",
      "udf: { handler: a, socket: b }",
      "exepct: none",
      "batchSize: 0",
    ]
  ) {
    assertEquals(await taken(`cases: [{ name: a, ${member} }]\n`), [false, false], member);
  }
  assertEquals(await taken("cases: []\n"), [false, false]);
});

Deno.test("the JSON Schema of cases describes each member", () => {
  const { properties, $defs } = caseFileJsonSchema() as {
    properties: Record<string, { description?: string; $ref?: string }>;
    $defs: Record<string, { properties?: Record<string, { description?: string; $ref?: string }> }>;
  };
  const members = [properties, ...Object.values($defs).map(({ properties = {} }) => properties)]
    .flatMap((object) => Object.entries(object));
  assert(members.length > 30, `${members.length} members`);
  const silent = members.filter(([, { description, $ref }]) => description === undefined && $ref === undefined);
  assertEquals(silent.map(([name]) => name), ["cases"]);
});
