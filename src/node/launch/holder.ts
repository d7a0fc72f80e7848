import { TineError } from "../../base/errors.ts";
import { lines } from "../../base/lines.ts";
import { findIp, findTool, toolPath } from "../process/tools.ts";
import { LINEAGE, type Lineage, pidText } from "../process/lineage.ts";
import { signalGroup, spawnGroup } from "../process/processes.ts";
import INIT from "./holder.sh" with { type: "text" };

/** How long its init waits for the nodes in it to clean up, before it takes all with it. */
const PATIENCE_S = 25;

/**
 * Where network namespaces can be made without being root: a user namespace with everything below it, in which this
 * user is root. It ends with the process that started it, and takes every process, namespace and mount in it along.
 */
export interface Holder extends AsyncDisposable {
  /** Its init, as it is seen from outside: `holder` of {@linkcode import("./launcher.ts").Host}. */
  readonly pid: number;
}

/**
 * Starts a holder. To be disposed of before the watchdog of the node, and after the nodes in it.
 *
 * @param lineage of the node, as its watchdog has it
 * @throws {TineError} `rootless-unavailable`, naming the setting of the kernel that forbids it; `no-program`
 *
 * @example
 * ```ts
 * import { startHolder } from "./holder.ts";
 * import { Watchdog } from "../process/watchdog.ts";
 * await using watchdog = new Watchdog();
 * await using holder = await startHolder(watchdog.lineage);
 * console.log(holder.pid);
 * ```
 */
export async function startHolder(lineage: Lineage): Promise<Holder> {
  const what = "namespaces without root are made by it; install util-linux, or run tine as root";
  const unshare = findTool("unshare", what);
  findTool("nsenter", what);
  findIp();
  const env = { PATH: toolPath(), LC_ALL: "C" };
  const flags = ["--user", "--map-root-user", "--net", "--mount", "--pid", "--fork", "--kill-child"];
  // The init looks for descendants of the node, and must not find itself.
  const clean = ["env", "-i", ...Object.entries(env).map(([name, value]) => `${name}=${value}`)];
  const args = [...flags, "--", ...clean, "sh", "-c", INIT, "tine-holder", lineage.marker, String(PATIENCE_S)];
  const child = spawnGroup(unshare, args, { ...env, [LINEAGE]: lineage.keeper });
  const errors: string[] = [];
  const reading = (async () => {
    for await (const line of lines(child.stderr, 1000)) if (errors.length < 10) errors.push(line);
  })();
  let pid: number | undefined;
  for await (const line of lines(child.stdout, 100)) {
    pid = Number(line);
    break;
  }
  if (pid === undefined) {
    await child.stdin.abort().catch(() => {}); // its reader is gone
    await Promise.all([child.status, reading]);
    throw unavailable(errors[0] ?? "unshare printed nothing");
  }
  return {
    pid,
    async [Symbol.asyncDispose]() {
      await child.stdin.close().catch(() => {}); // it was killed
      const timer = setTimeout(() => signalGroup(child.pid, "SIGKILL"), (PATIENCE_S + 2) * 1000);
      await child.status;
      clearTimeout(timer);
      await reading;
    },
  };
}

/**
 * The words in front of a command that let it run in the holder, as its root.
 *
 * @param holder its init
 */
export function intoHolder(holder: number): string[] {
  const nsenter = findTool("nsenter", "it reaches the namespaces; install util-linux, or run tine as root");
  // The rights of the user suffice: the holder belongs to the user that started it.
  const flags = ["--user", "--preserve-credentials", "--net", "--mount", "--pid"];
  return [nsenter, "--target", pidText(holder), ...flags, "--"];
}

/** Settings of Linux that forbid it, and what they are set to then. */
const SETTINGS: readonly [name: string, forbids: string][] = [
  ["user.max_user_namespaces", "0"],
  ["user.max_net_namespaces", "0"],
  ["kernel.unprivileged_userns_clone", "0"],
  ["kernel.apparmor_restrict_unprivileged_userns", "1"],
];

function unavailable(reason: string): TineError {
  const culprits = SETTINGS.filter(([name, forbids]) => setting(name) === forbids);
  const why = culprits.length === 0
    ? `this system does not allow it (${reason})`
    : `the kernel is set to ${culprits.map((pair) => pair.join("=")).join(", ")} (${reason})`;
  return new TineError(
    "rootless-unavailable",
    `cannot make network namespaces without root: ${why}; run tine as root, such as with sudo` +
      (culprits.length === 0 ? "" : ", or change that by sysctl"),
  );
}

function setting(name: string): string | undefined {
  try {
    return Deno.readTextFileSync(`/proc/sys/${name.replaceAll(".", "/")}`).trim();
  } catch {
    return undefined; // this kernel does not have it
  }
}
