import { toJSONSchema } from "zod";
import { planSchema } from "./schema.ts";

/** The JSON Schema of plans, draft 2020-12, with descriptions, as editors and other programs use it. */
export function planJsonSchema(): Record<string, unknown> {
  return toJSONSchema(planSchema, { io: "input", target: "draft-2020-12" }) as Record<string, unknown>;
}
