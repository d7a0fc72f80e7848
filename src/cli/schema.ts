import { defineCommand } from "./command.ts";
import { UsageError } from "./errors.ts";
import { escape, writeStdout } from "./terminal.ts";

/** What has a schema. */
const SCHEMAS = ["plan", "cases"] as const;

/** `tine schema`: the JSON Schema of plans, or of cases of UDFs. */
export const command = defineCommand({
  name: "schema",
  summary: "Print the JSON Schema of plans, or of cases of UDFs",
  usage: ["[plan | cases]"],
  description:
    "JSON Schema, draft 2020-12, with descriptions: editors complete and check plans, and files of cases for tine test, " +
    "with it. A plan in JSON " +
    'names it by "$schema": "./plan.schema.json"; one in YAML by a first line ' +
    "# yaml-language-server: $schema=plan.schema.json. tine vet checks more than a schema can.",
  flags: {},
  positionals: [{ name: "WHAT", help: "plan or cases; default: plan", optional: true, words: SCHEMAS }],
  examples: [
    { command: "tine schema > plan.schema.json", what: "for an editor" },
    { command: "tine schema cases > cases.schema.json", what: "for files that tine test runs" },
  ],

  async run({ positionals: [what = "plan"] }) {
    if (!SCHEMAS.some((one) => one === what)) {
      throw new UsageError(`WHAT: expected ${SCHEMAS.join(" or ")}, not "${escape(what)}"`);
    }
    const schema = what === "cases"
      ? (await import("../udf/cases/schema.ts")).caseFileJsonSchema()
      : (await import("../node/plan/json_schema.ts")).planJsonSchema();
    await writeStdout(JSON.stringify(schema, null, 2) + "\n");
    return 0;
  },
});
