import { outputOf, startTine, TextReader, type TineOutput } from "../support/tine.ts";

/**
 * Starts a server by hand, calls `use` with its address, and interrupts it.
 *
 * @returns what it printed, and how it ended
 */
export async function withServer(
  protocol: "tcp" | "udp",
  args: readonly string[],
  use: (address: string) => Promise<void>,
): Promise<TineOutput> {
  const child = startTine(protocol, "server", ...args);
  const [first, second] = child.stderr.tee();
  const output = outputOf({
    get status() {
      return child.status;
    },
    stdout: child.stdout,
    stderr: second,
  } as Deno.ChildProcess);
  try {
    await using reader = new TextReader(first);
    const [, address] = await reader.until(/listening on ([^\s,]+)/);
    await use(address);
  } finally {
    child.kill("SIGINT");
    await child.stdin.close();
    await output;
  }
  return await output;
}
