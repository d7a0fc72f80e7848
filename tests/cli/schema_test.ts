import { assert, assertEquals } from "@std/assert";
import { Ajv2020 } from "ajv/dist/2020.js";
import { parseJsonc } from "../../src/node/plan/jsonc.ts";
import JSON_PLAN from "../../src/cli/init/skeletons/my_plan.jsonc" with { type: "text" };
import { tine } from "../support/tine.ts";

Deno.test("tine schema prints the JSON Schema of plans", async () => {
  const { code, stdout, stderr } = await tine(["schema"]);
  assertEquals([code, stderr], [0, ""]);
  const validate = new Ajv2020({ strict: false }).compile(JSON.parse(stdout));
  assert(validate(parseJsonc(JSON_PLAN)), JSON.stringify(validate.errors));
  assert(!validate({ tests: [{ id: { name: "x" }, slep: "1s" }] }));
});

Deno.test("tine schema takes no arguments", async () => {
  assertEquals((await tine(["schema", "x"])).code, 2);
});
