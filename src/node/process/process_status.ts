/** How a process ended, in words: `exited with status 3`, `was killed by SIGKILL`. */
export function describeStatus({ code, signal }: Deno.CommandStatus): string {
  return signal === null ? `exited with status ${code}` : `was killed by ${signal}`;
}
