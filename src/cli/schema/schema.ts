import { defineCommand } from "../command.ts";
import { UsageError } from "../errors.ts";
import { escape, writeStdout } from "../terminal.ts";

/** What has a schema. */
const SCHEMAS = ["plan", "cases", "figures"] as const;

/** `tine schema`: the JSON Schema of plans, of cases of UDFs, or of figures. */
export const command = defineCommand({
  name: "schema",
  summary: "Print the JSON Schema of plans, of cases of UDFs, or of figures",
  usage: ["[plan | cases | figures]"],
  description:
    "JSON Schema, draft 2020-12, with descriptions: editors complete and check plans, and files of cases for tine test, " +
    "with it. A plan in JSON " +
    'names it by "$schema": "./plan.schema.json"; one in YAML by a first line ' +
    "# yaml-language-server: $schema=plan.schema.json. tine vet checks more than a schema can. That of " +
    "figures is of what tine tcp and tine udp print with --json, an object a line: each key with its unit and definition.",
  flags: {},
  positionals: [{ name: "WHAT", help: "plan, cases or figures; default: plan", optional: true, words: SCHEMAS }],
  examples: [
    { command: "tine schema > plan.schema.json", what: "for an editor" },
    { command: "tine schema cases > cases.schema.json", what: "for files that tine test runs" },
    { command: "tine schema figures > figures.schema.json", what: "for programs that read --json" },
  ],

  async run({ positionals: [what = "plan"] }) {
    if (!SCHEMAS.some((one) => one === what)) {
      throw new UsageError(`WHAT: expected plan, cases or figures, not "${escape(what)}"`);
    }
    const schema = what === "cases"
      ? (await import("../../udf/cases/schema.ts")).caseFileJsonSchema()
      : what === "figures"
      ? (await import("./figures_schema.ts")).figuresJsonSchema()
      : (await import("../../node/plan/json_schema.ts")).planJsonSchema();
    await writeStdout(JSON.stringify(schema, null, 2) + "\n");
    return 0;
  },
});
