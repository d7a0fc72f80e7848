import { thisPlatform } from "../../platform.ts";
import { type ExeSource, knownFiles } from "./exe_source.ts";

/** The executable that runs just now, compiled or packed; nothing where tine runs from its sources. */
export function runningExe(): ExeSource {
  const file = runningFile();
  return knownFiles(file === undefined ? {} : { [thisPlatform()]: file });
}

function runningFile(): string | undefined {
  if (Deno.build.standalone) return Deno.execPath();
  // A checkout that is run by a packed tine inherits the variable.
  return import.meta.url.endsWith(".ts") ? undefined : Deno.env.get("TINE_PACKED");
}
