/** The names that npm has for architectures. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x86_64: "x64", aarch64: "arm64" };

/** The platform of this process, as nodes name it: `linux-x64`. */
export function thisPlatform(): string {
  return `${Deno.build.os}-${ARCHITECTURES[Deno.build.arch] ?? Deno.build.arch}`;
}
