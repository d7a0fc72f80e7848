import { findProtoc, findPython, generatePython, type Peer } from "./peers.ts";

/** What the UDF of python_agent.py does. */
export type PythonAgentKind = "mirror" | "batch-mirror" | "moving-sum";

/** What {@linkcode preparePythonAgent} needs; hand them to `named` and `ignore` of a test. */
export const pythonAgentPeers: readonly [protoc: Peer, python: Peer] = await Promise.all([findProtoc(), findPython()]);

/** Whether python_agent.py can run here. */
export const hasPythonAgent: boolean = pythonAgentPeers.every((peer) => peer.command !== undefined);

/** A UDF in Python, ready to start. */
export interface PythonAgent extends AsyncDisposable {
  /** The program and its arguments; flags are those of python_agent.py, for instance `--buffered`. */
  command(kind: PythonAgentKind, ...flags: string[]): [program: string, ...args: string[]];
}

/**
 * Makes what python_agent.py imports, in a temporary folder that goes away when the agent is disposed of.
 *
 * @example
 * ```ts ignore
 * import { preparePythonAgent } from "./python_agent.ts";
 * await using agent = await preparePythonAgent();
 * const [program, ...args] = agent.command("mirror", "--buffered");
 * new Deno.Command(program, { args, stdin: "piped", stdout: "piped" }).spawn();
 * ```
 */
export async function preparePythonAgent(): Promise<PythonAgent> {
  const [protoc, python] = pythonAgentPeers;
  if (protoc.command === undefined || python.command === undefined) throw new Error("no protoc, or no Python protobuf");
  const program = python.command;
  const dir = await generatePython(protoc.command);
  const script = new URL("./python_agent.py", import.meta.url).pathname;
  return {
    command: (kind, ...flags) => [program, script, "--messages", dir, ...flags, kind],
    [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }),
  };
}
