import { defineCommand } from "./command.ts";
import { writeStdout } from "./terminal.ts";

/** `tine schema`: the JSON Schema of plans. */
export const command = defineCommand({
  name: "schema",
  summary: "Print the JSON Schema of plans",
  usage: [""],
  description:
    "JSON Schema, draft 2020-12, with descriptions: editors complete and check plans with it. A plan in JSON " +
    'names it by "$schema": "./plan.schema.json"; one in YAML by a first line ' +
    "# yaml-language-server: $schema=plan.schema.json. tine vet checks more than a schema can.",
  flags: {},
  examples: [{ command: "tine schema > plan.schema.json", what: "for an editor" }],

  async run() {
    const { planJsonSchema } = await import("../node/plan/json_schema.ts");
    await writeStdout(JSON.stringify(planJsonSchema(), null, 2) + "\n");
    return 0;
  },
});
