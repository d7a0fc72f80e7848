import type { ByteSource } from "../../../wire/connection.ts";
import type { StartedProcess } from "../../process/processes.ts";
import { drain } from "./drain.ts";
import type { Output } from "./output.ts";

/** Where the output of a process goes. */
export interface Outputs {
  readonly stdout: Output | undefined;
  readonly stderr: Output | undefined;
}

/**
 * Hands the output of a process to where it goes, until it has ended and all of its output is treated.
 *
 * @param fail called when output cannot be treated, so that the process would wait for its reader
 * @returns the streams that something which the process left behind still holds open
 * @throws what writing to an output threw first, once all is over
 */
export async function treatOutput(
  process: StartedProcess,
  outputs: Outputs,
  fail: () => void,
): Promise<("stdout" | "stderr")[]> {
  const open = new Set<"stdout" | "stderr">();
  const read = async (stream: "stdout" | "stderr", source: ByteSource | undefined) => {
    const output = outputs[stream];
    if (source === undefined || output === undefined) return;
    try {
      const whole = await drain(source, (bytes) => output.write(bytes), process.ended);
      if (!whole) open.add(stream);
    } catch (error) {
      fail();
      throw error;
    }
  };
  const results = await Promise.allSettled([read("stdout", process.stdout), read("stderr", process.stderr)]);
  await process.ended;
  // One after the other, so that log entries are in order.
  for (const output of [outputs.stdout, outputs.stderr]) {
    if (output !== undefined) results.push(...await Promise.allSettled([output.end()]));
  }
  const failed = results.find((result) => result.status === "rejected");
  if (failed !== undefined) throw failed.reason;
  return (["stdout", "stderr"] as const).filter((stream) => open.has(stream));
}
