/**
 * tine: write, serve, drive and test user-defined functions, and run network tests.
 *
 * @module
 */
import { main } from "./src/cli/main.ts";

export { main };

if (import.meta.main) Deno.exit(await main(Deno.args));
