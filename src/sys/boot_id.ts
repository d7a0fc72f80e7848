const PATH = "/proc/sys/kernel/random/boot_id";

/**
 * What is the same for all that share the clocks of a kernel, whatever namespace or container they are in; empty where
 * that is not known.
 */
export function bootId(): string {
  try {
    // Nobody is to be asked for a permission for this.
    if (Deno.permissions.querySync({ name: "read", path: PATH }).state !== "granted") return "";
    return Deno.readTextFileSync(PATH).trim();
  } catch {
    return "";
  }
}
