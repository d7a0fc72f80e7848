import { globalRegistry, toJSONSchema } from "zod";
import { DURATION_PATTERN, RATE_PATTERN, SIZE_PATTERN } from "../../base/units.ts";
import { runnerSchemas } from "../runner_schemas.ts";
import { planSchemas } from "./schema.ts";

/** The keywords of JSON Schema that schemas of plans have. */
export interface JsonSchema {
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, JsonSchema>>;
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: JsonSchema | false;
  readonly items?: JsonSchema;
  readonly enum?: readonly string[];
  readonly const?: unknown;
  readonly anyOf?: readonly JsonSchema[];
  readonly pattern?: string;
  readonly patternProperties?: Readonly<Record<string, JsonSchema>>;
  readonly minimum?: number;
  readonly maximum?: number;
}

/**
 * Returns the JSON Schema of plans, draft 2020-12, with descriptions, as editors and other programs use it. Descriptions
 * name the default as well, since few editors show it otherwise.
 *
 * @param options `matrixKeys`: take `${key}` for each value, since tests with a matrix are checked before they are filled in
 */
export function planJsonSchema({ matrixKeys = true } = {}): Record<string, unknown> {
  const schema = convert(({ description, default: byDefault }) => {
    const isNamed = description !== undefined && byDefault !== undefined && byDefault !== false;
    return isNamed ? `${description} Default: ${valueText(byDefault)}.` : description;
  });
  if (!matrixKeys) return schema as Record<string, unknown>;
  const { matrix, exclude, ...fields } = schema.$defs!.Test.properties!;
  const test = { ...schema.$defs!.Test, properties: { ...takesKeys(fields), matrix, exclude } };
  const others = Object.entries(schema.$defs!).map(([name, def]) => [name, name === "Test" ? test : takesKeys(def)]);
  return { ...schema, $defs: Object.fromEntries(others) };
}

/** Where a key of a matrix may stand, alone or in a longer text. */
const MATRIX_KEY = "\\$\\{[A-Za-z]\\w*\\}";

/** Returns a schema that takes `${key}` for each of its values. */
function takesKeys<T>(value: T): T {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(takesKeys) as T;
  const schema = value as JsonSchema;
  if (schema.type === "string" && schema.pattern !== undefined) {
    return { ...schema, pattern: `(?:${schema.pattern})|${MATRIX_KEY}` } as T;
  }
  const isScalar = schema.enum !== undefined || ["integer", "number", "boolean"].includes(String(schema.type));
  if (isScalar) {
    const { description, default: byDefault, ...rest } = schema;
    return {
      ...(description !== undefined && { description }),
      ...(byDefault !== undefined && { default: byDefault }),
      anyOf: [rest, { type: "string", pattern: MATRIX_KEY }],
    } as T;
  }
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, key === "propertyNames" ? inner : takesKeys(inner)]),
  ) as T;
}

function convert(description: (schema: JsonSchema) => string | undefined): JsonSchema {
  return toJSONSchema(planSchemas.plan, {
    io: "input",
    target: "draft-2020-12",
    override({ zodSchema, jsonSchema }) {
      // zod leaves out the default of what is decoded, such as a duration: it may be meant for either form.
      const byDefault = globalRegistry.get(zodSchema)?.default;
      if (byDefault !== undefined) jsonSchema.default = byDefault as string | string[] | boolean;
      const text = description(jsonSchema as JsonSchema);
      if (text !== undefined) jsonSchema.description = text;
    },
  }) as JsonSchema;
}

/** A field of an object in a plan. */
export interface PlanField {
  readonly name: string;
  /**
   * How it is written: `duration`, `size`, `rate` ({@linkcode VALUE_FORMS} explains them), `text`, `number`,
   * `true or false`, `object`, a list of these such as `list of durations`, or choices such as `tcp, tcp4 or tcp6`.
   */
  readonly type: string;
  readonly required: boolean;
  /** The default as a plan has it; absent where there is none, or where the description explains what comes instead. */
  readonly default?: string;
  /** The smallest number, where there is one. */
  readonly min?: number;
  /** The largest number, where there is one. */
  readonly max?: number;
  readonly description: string;
}

/** An object in a plan: a plan, a test, a kind of run, a runner, or what is inside one. */
export interface PlanObject {
  /**
   * Where it stands: `plan`, `test`, `run`, `schedule`, `child`, `node`, `node.netns`, `streamClient`, ... Several where
   * the same fields are possible: `streamClient.upload` and `streamClient.download`; what is inside them has the first of
   * them in its name.
   */
  readonly places: readonly string[];
  /** Empty where the places differ in it: the fields that hold the object have theirs. */
  readonly description: string;
  /** How it is written where it is no object with fields, as for a field: `sleep` is a `duration`. */
  readonly type: string;
  readonly fields: readonly PlanField[];
}

/** What the types of fields with units mean. */
export const VALUE_FORMS: Readonly<Record<"duration" | "size" | "rate", string>> = {
  duration: "amounts with the units d, h, m, s, ms, us and ns, such as 500ms or 1m30s; or 0",
  size: "an amount with the unit B, kB, MB, GB, TB, KiB, MiB, GiB or TiB, such as 1480B or 64KiB; or a number of bytes",
  rate: "an amount with the unit bps or pps, with k, M or G before it if need be, such as 10Mbps or 1000pps; or max",
};

/**
 * Returns all objects of plans with their fields: what the manual's tables and types for editors are made of.
 *
 * @returns first what every plan is made of, then the runners; objects within an object follow it
 *
 * @example
 * ```ts
 * import { planObjects } from "./json_schema.ts";
 * const sender = planObjects().find(({ places }) => places.includes("packetClient.sender.unresponsive"));
 * const wait = sender?.fields.find(({ name }) => name === "wait");
 * console.assert(wait?.type === "list of durations" && wait.default === "200ms");
 * ```
 */
export function planObjects(): PlanObject[] {
  const schema = convert(({ description }) => description);
  const defs = schema.$defs!;
  const found: PlanObject[] = [];
  const visit = (place: string, schema: JsonSchema, leftOut: readonly string[] = []) => {
    const entries = Object.entries(schema.properties ?? {}).filter(([name]) => !leftOut.includes(name));
    const fields = entries.map(([name, field]) => fieldOf(name, field, schema, defs));
    const { description = "" } = schema;
    const text = JSON.stringify(fields);
    const same = found.findIndex((other) => fields.length > 0 && JSON.stringify(other.fields) === text);
    if (same >= 0) {
      const { places, description: first } = found[same];
      found[same] = { ...found[same], places: [...places, place], description: first === description ? first : "" };
      return;
    }
    found.push({ places: [place], description, type: typeOf(schema, defs), fields });
    for (const [name, field] of entries) {
      const inner = field.items ?? field;
      if (inner.properties !== undefined) visit(`${place}.${name}`, inner);
    }
  };
  const runners = Object.keys(runnerSchemas);
  const { Test, Udf, Run, Schedule, Child, Node } = defs;
  const kinds = Object.keys(Run.properties!);
  visit("plan", schema);
  visit("test", Test, kinds);
  visit("udf", Udf);
  found.push({
    places: ["run"],
    description: Run.description!,
    type: "object",
    fields: kinds.map((name) => fieldOf(name, Run.properties![name], Run, defs)),
  });
  visit("schedule", Schedule);
  visit("child", Child, kinds);
  visit("node", Node);
  for (const name of runners) visit(name, Run.properties![name]);
  return found;
}

type Definitions = Readonly<Record<string, JsonSchema>>;

function fieldOf(name: string, field: JsonSchema, { required }: JsonSchema, defs: Definitions): PlanField {
  const { minimum, maximum, default: byDefault } = field;
  const isLimit = (limit: number | undefined) =>
    limit !== undefined && Number.isSafeInteger(limit) && Math.abs(limit) < Number.MAX_SAFE_INTEGER;
  return {
    name,
    type: typeOf(field, defs),
    required: required?.includes(name) === true && byDefault === undefined,
    ...(byDefault !== undefined && { default: valueText(byDefault) }),
    ...(isLimit(minimum) && { min: minimum }),
    ...(isLimit(maximum) && { max: maximum }),
    description: field.description ?? referred(field, defs).description ?? "",
  };
}

/** Returns what a schema refers to by `$ref`, or the schema itself. */
function referred(schema: JsonSchema, defs: Definitions): JsonSchema {
  return schema.$ref === undefined ? schema : defs[schema.$ref.replace("#/$defs/", "")];
}

/** The types of texts that have a form of their own, by their patterns. */
const FORMS = new Map([
  [DURATION_PATTERN.source, "duration"],
  [SIZE_PATTERN.source, "size"],
  [RATE_PATTERN.source, "rate"],
]);

function typeOf(schema: JsonSchema, defs: Definitions): string {
  const { type, items, enum: choices, anyOf, pattern } = referred(schema, defs);
  if (choices !== undefined) return `${choices.slice(0, -1).join(", ")} or ${choices.at(-1)}`;
  // A size may be a number of bytes as well, and a duration 0.
  const form = anyOf?.map(({ pattern }) => FORMS.get(pattern ?? "")).find((form) => form !== undefined);
  if (form !== undefined) return form;
  if (anyOf !== undefined) return anyOf.map((choice) => typeOf(choice, defs)).join(" or ");
  if (Array.isArray(type)) return type.map((one) => typeOf({ type: one }, defs)).join(" or ");
  switch (type) {
    case "array":
      return `list of ${listed(items!, defs)}`;
    case "boolean":
      return "true or false";
    case "integer":
    case "number":
      return "number";
    case "string":
      return FORMS.get(pattern ?? "") ?? "text";
    default:
      return "object";
  }
}

/** Returns the type of a list's items in the plural; runs and tests by their names. */
function listed(items: JsonSchema, defs: Definitions): string {
  const name = /^#\/\$defs\/(\w+)$/.exec(items.$ref ?? "")?.[1];
  return name === undefined ? `${typeOf(items, defs)}s` : `${name.toLowerCase()}s`;
}

function valueText(value: unknown): string {
  return Array.isArray(value) ? value.join(", ") : String(value);
}
