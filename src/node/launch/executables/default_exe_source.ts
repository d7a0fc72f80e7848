import { buildFolder } from "./build_folder.ts";
import { checkoutBuild } from "./checkout_build.ts";
import { type ExeSource, firstOf, knownFiles } from "./exe_source.ts";
import { runningExe } from "./running_exe.ts";

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
