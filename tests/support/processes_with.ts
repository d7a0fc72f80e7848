/** The living processes that have a text in their environment, or are watchdogs with it in their arguments. */
export function processesWith(marker: string): string[] {
  const found: string[] = [];
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name) || Number(name) === Deno.pid) continue;
    try {
      const args = Deno.readTextFileSync(`/proc/${name}/cmdline`).split("\0");
      const environ = Deno.readTextFileSync(`/proc/${name}/environ`);
      const watchdog = args[3] === "tine-watchdog";
      if (environ.includes(marker) || (watchdog && args.includes(marker))) {
        found.push(`${name} ${(watchdog ? args.slice(3) : args).join(" ").slice(0, 200).trim()}`);
      }
    } catch {
      // It has just ended, or belongs to somebody else.
    }
  }
  return found;
}
