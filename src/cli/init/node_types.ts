import BUILDERS from "../../node/plan/builders.ts" with { type: "text" };
import RANDOM from "../../node/plan/random.ts" with { type: "text" };
import { type JsonSchema, planJsonSchema } from "../../node/plan/json_schema.ts";

/**
 * Returns what `@tine/tine/node` means to editors and type checks in a folder that has only the tine executable: the
 * types of plans, from their schema, and the declarations of the functions that write plans, from their source. They
 * declare the module by its name, so Deno and plain TypeScript find it without a configuration.
 */
export function nodeTypes(): string {
  const { $defs, ...plan } = planJsonSchema({ matrixKeys: false }) as JsonSchema;
  const { Run, Schedule, Child, Test, Node, Udf } = $defs!;
  const interfaces = [
    interfaceOf("PlanInput", plan),
    interfaceOf("TestInput extends RunInput", Test, Run),
    interfaceOf("RunInput", Run),
    interfaceOf("ScheduleInput", Schedule),
    interfaceOf("ChildInput extends RunInput", Child, Run),
    interfaceOf("Node", Node),
    interfaceOf("UdfInput", Udf),
  ];
  return `// What plans import from tine, as types: tine init wrote this file for editors
// and type checks. It is not needed to run a plan.
declare module "@tine/tine/node" {
${[...interfaces, ...OTHER_TYPES, ...declarations(BUILDERS), ...declarations(RANDOM)].map(indent).join("\n\n")}
}
`;
}

/** Types that are made of the others, as in src/node/plan/types.ts and src/node/runner_schemas.ts. */
const OTHER_TYPES = [
  '/** What a test has beside its id and its run. */\nexport type TestOptions = Omit<TestInput, "id" | keyof RunInput>;',
  '/** When the runs of a schedule are started. */\nexport type ScheduleOptions = Omit<ScheduleInput, "run">;',
  "/** The configuration of each runner. */\n" +
  'export type RunnerInputs = Required<Omit<RunInput, "serial" | "parallel" | "schedule" | "child">>;',
  "/** The name of a runner. */\nexport type RunnerName = keyof RunnerInputs;",
];

/** What definitions of the JSON Schema are called as types. */
const TYPE_NAMES: Readonly<Record<string, string>> = {
  Run: "RunInput",
  Runs: "readonly RunInput[]",
  Schedule: "ScheduleInput",
  Child: "ChildInput",
  Test: "TestInput",
  Node: "Node",
  Udf: "UdfInput",
};

/** Writes a schema as an interface; `base` has the members that it inherits. */
function interfaceOf(head: string, schema: JsonSchema, base: JsonSchema = {}): string {
  return `${comment(schema)}export interface ${head} ${objectType(schema, base)}`;
}

function objectType({ properties = {}, required = [], patternProperties }: JsonSchema, base: JsonSchema = {}): string {
  const members = Object.entries(properties).filter(([name]) => base.properties?.[name] === undefined)
    .map(([name, member]) => `${comment(member)}${name}${required.includes(name) ? "" : "?"}: ${typeOf(member)};`);
  // Of the patterns of names, plans have one: ^x-.
  if (patternProperties !== undefined) members.push("[extension: `x-${string}`]: unknown;");
  return `{\n${members.map(indent).join("\n")}\n}`;
}

function typeOf(schema: JsonSchema): string {
  const { $ref, type, items, enum: choices, const: constant, anyOf, properties, additionalProperties } = schema;
  if ($ref !== undefined) return TYPE_NAMES[$ref.replace("#/$defs/", "")];
  if (constant !== undefined) return JSON.stringify(constant);
  if (choices !== undefined) return choices.map((choice) => JSON.stringify(choice)).join(" | ");
  if (anyOf !== undefined) return anyOf.map(typeOf).join(" | ");
  if (items !== undefined) return `readonly ${bracketed(typeOf(items))}[]`;
  if (properties !== undefined) return objectType(schema);
  if (additionalProperties) return `Record<string, ${typeOf(additionalProperties)}>`;
  if (Array.isArray(type)) return type.map((one) => typeOf({ type: one })).join(" | ");
  return type === "integer" ? "number" : type as string | undefined ?? "unknown";
}

/** Writes a type so that `[]` may follow it. */
function bracketed(type: string): string {
  return /[|]/.test(type) && !type.startsWith("{") ? `(${type})` : type;
}

function comment({ description }: JsonSchema): string {
  if (description === undefined) return "";
  const lines = description.replaceAll("*/", "*\\/").match(/.{1,76}(?= |$)/g)!.map((line) => line.trim());
  return lines.length === 1 ? `/** ${lines[0]} */\n` : `/**\n${lines.map((line) => ` * ${line}\n`).join("")} */\n`;
}

/** An exported function with its comment, to the end of its head: `;` of an overload, `{` otherwise. */
const EXPORTED_FUNCTION = /(?:^\/\*\*(?:(?!\*\/)[^])*\*\/\n)?^export (?:async )?function (\w+)[^]*?[;{]$/gm;

/** An exported interface with its comment. */
const EXPORTED_INTERFACE = /^\/\*\*(?:(?!\*\/)[^])*\*\/\nexport interface \w+ \{[^]*?^\}$/gm;

/** Returns the declarations of a module's interfaces and functions. Where there are overloads, only they can be called. */
function declarations(source: string): string[] {
  const interfaces = Array.from(source.matchAll(EXPORTED_INTERFACE), ([text]) => text);
  const heads = [...source.matchAll(EXPORTED_FUNCTION)];
  const overloaded = new Set(heads.filter(([head]) => head.endsWith(";")).map(([, name]) => name));
  const functions = heads.filter(([head, name]) => head.endsWith(";") || !overloaded.has(name))
    .map(([head]) => head.replace(/^export async /m, "export ").replace(/ \{$/, ";"));
  return [...interfaces, ...functions];
}

function indent(text: string): string {
  return text.replace(/^(?=.)/gm, "  ");
}
