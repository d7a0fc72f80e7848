/**
 * A node that has the flood among its runners, started as `flood_node.ts node serve ID`, and so are its children.
 *
 * @module
 */
import { serve } from "../../src/node/serve.ts";
import { stdioConnection } from "../../src/wire/connection.ts";
import { runners } from "./flood.ts";
import { program } from "./programs.ts";

await serve(Deno.args[2], stdioConnection(), { runners, command: program("flood_node.ts") });
Deno.exit();
