import { checkoutBuild } from "./checkout_build.ts";
import { type ExeSource, firstOf, knownFiles } from "./exe_source.ts";
import { TineError } from "../../base/errors.ts";
import { thisPlatform } from "../platform.ts";

/**
 * Where executables come from, in this order: a folder of builds, what the parent node has handed down, the executable
 * that runs just now, a build of the checkout that it runs from.
 *
 * @param options `exeDir`: the folder of builds; `handedDown`: files by platform
 * @throws {TineError} `no-executable`, if the folder holds none
 */
export function defaultExeSource(
  { exeDir, handedDown = {} }: { exeDir?: string; handedDown?: Readonly<Record<string, string>> } = {},
): ExeSource {
  return firstOf([
    ...(exeDir === undefined ? [] : [buildFolder(exeDir)]),
    knownFiles(handedDown),
    runningExe(),
    checkoutBuild(),
  ]);
}

const NAME = /^tine-([a-z0-9]+-[a-z0-9]+)$/;

/**
 * A folder of builds, each named after its platform: `tine-linux-x64`.
 *
 * @throws {TineError} `no-executable`, if there are none
 */
export function buildFolder(path: string): ExeSource {
  const files = new Map<string, string>();
  try {
    const folder = Deno.realPathSync(path);
    for (const { name } of Deno.readDirSync(folder)) {
      const platform = NAME.exec(name)?.[1];
      if (platform !== undefined) files.set(platform, `${folder}/${name}`);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound) && !(error instanceof Deno.errors.NotADirectory)) throw error;
    throw new TineError("no-executable", `the folder ${path} with builds of tine is not there`, { cause: error });
  }
  if (files.size === 0) {
    throw new TineError(
      "no-executable",
      `the folder ${path} holds no builds of tine: make one with deno task build --out ${path}`,
    );
  }
  return { platforms: () => files, find: (platform) => Promise.resolve(files.get(platform)) };
}

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
