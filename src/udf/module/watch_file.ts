/** Changes within this time count as one. */
const SETTLE_MS = 100;

/**
 * Calls back whenever a module changes, also where an editor replaces its file. Changes of modules in the same folder
 * count as well.
 *
 * @returns a function that ends the watching
 */
export function watchModule(path: string, changed: () => void): () => void {
  const folder = path.includes("/") ? path.slice(0, path.lastIndexOf("/")) || "/" : ".";
  const watcher = Deno.watchFs(folder, { recursive: false });
  let timer: ReturnType<typeof setTimeout> | undefined;
  void (async () => {
    for await (const { kind, paths } of watcher) {
      if (kind === "access" || !paths.some((path) => /\.[mc]?[tj]sx?$|\.json$/.test(path))) continue;
      clearTimeout(timer);
      timer = setTimeout(changed, SETTLE_MS);
    }
  })().catch(() => {}); // the folder is gone: there is nothing left to watch
  return () => {
    clearTimeout(timer);
    watcher.close();
  };
}
