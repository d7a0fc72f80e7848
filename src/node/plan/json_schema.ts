import { toJSONSchema } from "zod";
import { planSchemas } from "./schema.ts";

/** The JSON Schema of plans, draft 2020-12, with descriptions, as editors and other programs use it. */
export function planJsonSchema(): Record<string, unknown> {
  return toJSONSchema(planSchemas.plan, { io: "input", target: "draft-2020-12" }) as Record<string, unknown>;
}
