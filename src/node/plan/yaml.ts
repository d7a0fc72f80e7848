import { parse } from "@std/yaml";
import { TextError } from "./jsonc.ts";
import { MAX_DEPTH } from "./structure.ts";

/**
 * Reads YAML: the core schema of YAML 1.2, with anchors, without tags.
 *
 * @throws {TextError}
 */
export function parseYaml(text: string): unknown {
  try {
    return parse(text, { schema: "core" });
  } catch (error) {
    if (error instanceof RangeError) {
      throw new TextError(1, 1, `is nested too deeply: at most ${MAX_DEPTH} levels are possible`, { cause: error });
    }
    if (!(error instanceof Error)) throw error;
    // "Cannot handle unknown tag at line 1, column 5:\n    excerpt"
    const [, message, line = "1", column = "1"] = /^([^]*?)(?: at line (\d+), column (\d+))?(?::\n|$)/.exec(
      error.message,
    )!;
    throw new TextError(Number(line), Number(column), message.trim(), { cause: error });
  }
}
