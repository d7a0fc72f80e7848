import { planSchema } from "./schema.ts";
import { z } from "./vocabulary.ts";

/** The JSON Schema of plans, draft 2020-12, with descriptions, as editors and other programs use it. */
export function planJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(planSchema, { io: "input", target: "draft-2020-12" }) as Record<string, unknown>;
}
