/** Nodes in the memory of this process, for tests. */

import type { Host, Launch } from "../../src/node/launch/launcher.ts";
import { serve, type ServeOptions } from "../../src/node/serve.ts";
import { pipe } from "../../src/wire/pipe.ts";

/** The machine of such nodes. */
export const HOST: Host = { mounts: Deno.pid };

/** Launches nodes that serve in this process; only themselves may have no children. */
export function memoryLaunch(options: ServeOptions = {}): Launch {
  return (node, { host }) => {
    const [ours, theirs] = pipe();
    const serving = serve(node.id, theirs, options).then(
      () => "returned",
      (error: Error) => `threw ${error.message}`,
    );
    return Promise.resolve({
      connection: ours,
      host,
      ended: serving,
      kill: () => ours.close(),
      async [Symbol.asyncDispose]() {
        ours.close();
        await serving;
      },
    });
  };
}
