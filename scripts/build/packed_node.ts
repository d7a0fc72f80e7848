import type { AnyCommand } from "../../src/cli/command.ts";
import { command } from "../../src/cli/node/serve.ts";
import { parse } from "../../src/cli/parse.ts";
import { renderError } from "../../src/cli/render_error.ts";

// What a packed tine starts its local nodes with, `node serve ID`: bundled apart, since a node starts often, and a few
// files that hold what it needs are read twice as fast as the many that all commands share.

// As packed_start.ts does.
if (Deno.env.get("DENO_DIR")?.endsWith("/tine-deno-dir")) Deno.env.delete("DENO_DIR");

const nodeServe: AnyCommand = command;
try {
  Deno.exit(await nodeServe.run(parse(nodeServe, Deno.args.slice(2))));
} catch (error) {
  Deno.exit(renderError(error, "tine node serve"));
}
