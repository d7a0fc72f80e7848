// What queues the kernel can make, for plans that want one: a plan that is written by a program can ask before it says,
// in the names of its tests, what it compares.

/** The command line that adds a token bucket of a rate, in front of a queue of some length in time. */
export const tbf = (rate: string, latency: string) => `tbf rate ${rate} burst 32kb latency ${latency}`;

/** Whether there is a queueing discipline: tried on the loopback of a network namespace that ends with the try. */
export function hasQueue(discipline: string): boolean {
  const script = `PATH=$PATH:/usr/sbin:/sbin; tc qdisc add dev lo root ${discipline}`;
  // Root may; others may in a user namespace, as the plan's nodes do.
  const user = Deno.uid() === 0 ? [] : ["--user", "--map-root-user"];
  const command = new Deno.Command("unshare", {
    args: [...user, "--net", "sh", "-c", script],
    stdout: "null",
    stderr: "null",
  });
  return command.outputSync().success;
}
