/**
 * A node in the small, for tests of launchers: starts commands, launches a chain of nodes below it that run this program
 * as well, tells its parent (or the test) once all are ready, and ends in order at the end of its input.
 *
 * Its argument is JSON, see {@linkcode Spec}.
 */
import { startHolder } from "../../../src/node/launch/holder.ts";
import { thisHost } from "../../../src/node/launch/invoking_user.ts";
import { createLaunch } from "../../../src/node/launch/launch.ts";
import type { Host } from "../../../src/node/launch/launcher.ts";
import type { Node } from "../../../src/node/plan/types.ts";
import { createProcesses } from "../../../src/node/process/node_processes.ts";
import { Watchdog } from "../../../src/node/process/watchdog.ts";

export interface Spec {
  /** Absent on the root. */
  host?: Host;
  /** The root starts a holder. */
  rootless?: boolean;
  /** Scripts for sh that each node starts. */
  scripts: string[];
  /** The nodes below, each the parent of the next. */
  nodes: Node[];
  /** It ignores the end of its input. */
  deaf?: string;
  id?: string;
}

if (import.meta.main) await main(JSON.parse(Deno.args[0]) as Spec);

async function main(spec: Spec) {
  let host = spec.host ?? thisHost();
  await using watchdog = new Watchdog({ mounts: host.mounts });
  await using processes = createProcesses(watchdog);
  await using holder = spec.rootless && !spec.host ? await startHolder(watchdog.lineage) : undefined;
  if (holder) host = { ...host, holder: holder.pid };
  if (spec.scripts.length > 0) await watchdog.makeFolder();
  for (const script of spec.scripts) {
    processes.start({ program: "sh", args: ["-c", script], stdout: false, stderr: false });
  }
  const me = `${spec.id ?? "-"} ${Deno.pid} ${watchdog.lineage.marker} uid=${Deno.uid()} net=${
    Deno.readLinkSync("/proc/self/ns/net")
  } cwd=${Deno.cwd()}`;
  const [node, ...nodes] = spec.nodes;
  if (node === undefined) {
    console.log(me);
    return await endOfInput(spec);
  }
  const childHost: { host?: Host } = {};
  const launch = (command: string[]) => createLaunch({ watchdog, command });
  const options = { host, signal: new AbortController().signal, onLine: (line: string) => console.error(line) };
  // What the child must know of its machine is told by its launcher only after it was started: it reads a line.
  await using child = await launch([
    Deno.execPath(),
    "run",
    "-A",
    "--no-check",
    "--no-lock",
    import.meta.filename!,
    JSON.stringify({ ...spec, ...childHost, host: hostBelow(host, node), rootless: false, nodes, id: node.id }),
  ])(node, options);
  if (JSON.stringify(child.host) !== JSON.stringify(hostBelow(host, node))) throw new Error("another host");
  const buffer = new Uint8Array(4096);
  let below = "";
  for (let length; !below.includes("\n") && (length = await child.connection.read(buffer)) !== null;) {
    below += new TextDecoder().decode(buffer.subarray(0, length));
  }
  console.log(`${me};${below.trimEnd() || await child.ended}`);
  await endOfInput(spec);
}

/** What the launcher is expected to say. */
function hostBelow(host: Host, node: Node): Host {
  if (node.netns && host.holder) return { mounts: 1, inside: "holder" };
  return { ...host, ...(node.netns && { inside: host.inside ?? "namespace" }) };
}

async function endOfInput(spec: Spec) {
  const buffer = new Uint8Array(100);
  while (await Deno.stdin.read(buffer) !== null);
  if (spec.deaf === (spec.id ?? "-")) await new Promise((resolve) => setTimeout(resolve, 3_600_000));
}
