import config from "../../deno.json" with { type: "json" };

/** How this program was made: run from its sources, by `deno compile`, or packed with a deno binary. */
export type Build = "source" | "compiled" | "packed";

/** Which of the builds is running. */
export function buildKind(): Build {
  if (Deno.build.standalone) return "compiled";
  // A checkout that is run by a packed tine inherits the variable.
  return Deno.env.get("TINE_PACKED") && !import.meta.url.endsWith(".ts") ? "packed" : "source";
}

/** tine's version, as in deno.json. */
export const version: string = config.version;

/** What `tine --version` prints: `tine 0.1.0 (packed, deno 2.9.6, linux x86_64)`. */
export function versionLine(): string {
  return `tine ${version} (${buildKind()}, deno ${Deno.version.deno}, ${Deno.build.os} ${Deno.build.arch})`;
}
