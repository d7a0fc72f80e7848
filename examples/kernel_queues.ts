// Finds out which queues the kernel can make. A plan that is a program can ask, and name its tests after what there is.

/** Returns the arguments of tc for a token bucket of a rate, in front of a queue that lasts as long as `latency`. */
export const tbf = (rate: string, latency: string) => `tbf rate ${rate} burst 32kb latency ${latency}`;

/** Tries whether there is a queueing discipline, on the loopback of a network namespace that ends with the try. */
export function hasQueue(discipline: string): boolean {
  const script = `PATH=$PATH:/usr/sbin:/sbin; tc qdisc add dev lo root ${discipline}`;
  // Root may do this; other users may in a user namespace, as the plan's nodes do.
  const user = Deno.uid() === 0 ? [] : ["--user", "--map-root-user"];
  const command = new Deno.Command("unshare", {
    args: [...user, "--net", "sh", "-c", script],
    stdout: "null",
    stderr: "null",
  });
  return command.outputSync().success;
}
