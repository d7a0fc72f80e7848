import { TineError } from "../../src/base/errors.ts";

/** A kind of machine that tine is built for. */
export interface Platform {
  /** As in `--platform` and in the name of the executable. */
  readonly name: string;
  /** What `deno compile --target` calls it. */
  readonly target: string;
  /** The npm package that holds its deno binary. */
  readonly npmPackage: string;
  /** The first bytes of its executables in hexadecimal, `.` for any digit. */
  readonly magic: RegExp;
}

/** All platforms; the magic numbers are those of ELF (64 bits, e_machine) and Mach-O (64 bits, cputype). */
export const platforms: readonly Platform[] = [
  {
    name: "linux-x64",
    target: "x86_64-unknown-linux-gnu",
    npmPackage: "@deno/linux-x64-glibc",
    magic: /^7f454c460201.{20}.{4}3e00/,
  },
  {
    name: "linux-arm64",
    target: "aarch64-unknown-linux-gnu",
    npmPackage: "@deno/linux-arm64-glibc",
    magic: /^7f454c460201.{20}.{4}b700/,
  },
  { name: "macos-x64", target: "x86_64-apple-darwin", npmPackage: "@deno/darwin-x64", magic: /^cffaedfe07000001/ },
  { name: "macos-arm64", target: "aarch64-apple-darwin", npmPackage: "@deno/darwin-arm64", magic: /^cffaedfe0c000001/ },
];

/** The platform of this machine, if tine is built for it. */
export function thisPlatform(): Platform | undefined {
  return platforms.find(({ target }) => target === Deno.build.target);
}

/**
 * Checks that a file is an executable for a platform.
 *
 * @throws {TineError} `wrong-platform`, when its header says something else
 */
export async function checkExecutable(path: string, platform: Platform): Promise<void> {
  using file = await Deno.open(path);
  const header = new Uint8Array(20);
  await file.read(header);
  if (!platform.magic.test(header.toHex())) {
    throw new TineError("wrong-platform", `${path} is not an executable for ${platform.name}`);
  }
}
