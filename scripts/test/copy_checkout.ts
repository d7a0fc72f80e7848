const root = new URL("../../", import.meta.url).pathname;
/** What people and programs write there. */
const LEFT_OUT = ["results", "node_modules"];

/**
 * Copies this checkout into a temporary folder that each user can read: what runs there leaves the original as it is.
 *
 * Copies rather than links: Deno lets a program without permissions import its own files, but not through a link. Left
 * out are results, and all whose name begins with a dot.
 *
 * @returns the folder; the caller removes it
 */
export async function copyCheckout(): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "tine-checkout-" });
  await Deno.chmod(folder, 0o755);
  for await (const { name } of Deno.readDir(root)) {
    if (!name.startsWith(".") && !LEFT_OUT.includes(name)) await copy(`${root}${name}`, `${folder}/${name}`);
  }
  return folder;
}

async function copy(from: string, to: string): Promise<void> {
  if (!(await Deno.stat(from)).isDirectory) return await Deno.copyFile(from, to);
  await Deno.mkdir(to);
  for await (const { name } of Deno.readDir(from)) await copy(`${from}/${name}`, `${to}/${name}`);
}
