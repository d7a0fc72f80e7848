import { messageOf, TineError } from "../base/errors.ts";
import { type Connection, writeAll } from "../wire/connection.ts";
import { Canceled } from "./runner.ts";
import { type FarStart, farStartLine } from "./launch/far_start.ts";
import { farHost } from "./launch/invoking_user.ts";
import { createLaunch } from "./launch/launch.ts";
import type { LaunchedNode } from "./launch/launcher.ts";
import { controlMessage } from "./protocol/kinds.ts";
import { Link } from "./link/link.ts";
import { Watchdog } from "./process/watchdog.ts";

/**
 * Stands in for the launcher of a node on the machine where the node runs: launches it as its parent would have done
 * there, in its namespace, and passes on the bytes between the two.
 *
 * @param nodeId its id
 * @param start where it runs
 * @param connection to the parent of the node; closed when this returns
 * @throws {Canceled} if the node cannot be launched; the parent knows by then
 */
export async function relay(
  nodeId: string,
  { netns, env, cpu }: FarStart,
  connection: Connection,
  signal: AbortSignal,
): Promise<void> {
  const host = farHost();
  await using watchdog = new Watchdog({ mounts: host.mounts });
  const launch = createLaunch({ watchdog, serveArgs: ["--far"] });
  const launcher = { local: { root: true } };
  let node: LaunchedNode;
  try {
    if (Deno.uid() !== 0) {
      throw new TineError(
        "not-root",
        `node ${nodeId} is in a network namespace, which needs root on its machine: give its launcher root: true, ` +
          "or log in as root",
      );
    }
    const onLine = (line: string) => console.error(line);
    node = await launch({ id: nodeId, launcher, netns, env, cpu }, { host, signal, onLine });
  } catch (error) {
    const code = error instanceof TineError ? error.code : "launch-failed";
    const reason = new Canceled(code, messageOf(error), { cause: error });
    await reportFailure(connection, reason);
    throw reason;
  }
  await using _ = node;
  await writeAll(node.connection, farStartLine({ host: node.host }));
  const stop = () => void node.connection.closeWrite().catch(() => {}); // it has ended
  signal.addEventListener("abort", stop, { once: true });
  // The end of either side ends the other one, the node in order.
  const up = pass(connection, node.connection).catch(() => {}).then(stop);
  await pass(node.connection, connection).catch(() => {});
  signal.removeEventListener("abort", stop);
  connection.close();
  await Promise.race([up, node.ended]);
}

/** Sends the parent why there is no node, as a node sends why it ends. */
async function reportFailure(connection: Connection, reason: Canceled): Promise<void> {
  const link = new Link(connection, { peer: "the parent", receive() {} });
  await link.close(controlMessage("canceled", reason)).catch(() => {}); // the parent is gone
  await link.closed.catch(() => {});
}

async function pass(from: Connection, to: Connection): Promise<void> {
  const buffer = new Uint8Array(64 * 1024);
  let broken = false;
  for (let length; (length = await from.read(buffer)) !== null;) {
    // A writer must be able to end also when its reader is gone.
    if (!broken) await writeAll(to, buffer.slice(0, length)).catch(() => broken = true);
  }
  if (!broken) await to.closeWrite();
}
