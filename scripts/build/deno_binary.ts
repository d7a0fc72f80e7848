import { TineError } from "../../src/base/errors.ts";
import { checkExecutable, type Platform, thisPlatform } from "./platform.ts";

/**
 * Finds a deno executable of this Deno's version for a platform: this very one, or the one in the platform's npm
 * package, which Deno's own npm client downloads.
 *
 * @returns its path
 * @throws {TineError} `no-deno`, when the package cannot be had; `wrong-platform`, when it holds something else
 */
export async function denoBinary(platform: Platform): Promise<string> {
  const path = platform === thisPlatform() ? Deno.execPath() : await fromNpm(platform);
  await checkExecutable(path, platform);
  return path;
}

async function fromNpm({ name, npmPackage }: Platform): Promise<string> {
  const version = Deno.version.deno;
  const flags = ["--no-config", "--no-lock", "--min-dep-age=0"];
  const fetched = await deno("cache", "-q", ...flags, `npm:${npmPackage}@${version}`);
  if (!fetched.success) {
    throw new TineError(
      "no-deno",
      `the npm registry in use has no ${npmPackage} ${version}: give a deno ${version} for ${name} with --deno FILE`,
    );
  }
  const { npmCache } = JSON.parse(new TextDecoder().decode((await deno("info", "--json")).stdout));
  // One folder for each registry.
  for (const registry of Deno.readDirSync(npmCache)) {
    const path = `${npmCache}/${registry.name}/${npmPackage}/${version}/deno`;
    if (await isFile(path)) return path;
  }
  throw new TineError("no-deno", `${npmPackage} ${version} holds no deno: give one for ${name} with --deno FILE`);
}

function deno(...args: string[]): Promise<Deno.CommandOutput> {
  return new Deno.Command(Deno.execPath(), { args, stdin: "null", stdout: "piped", stderr: "piped" }).output();
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch {
    return false;
  }
}
