import { TineError } from "../../../base/errors.ts";
import type { ExeSource } from "./exe_source.ts";

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
