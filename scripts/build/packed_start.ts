import { main } from "../../main.ts";

// The head keeps Deno's caches beside the program. Deno has read the variable by now; a UDF that is itself a Deno
// program must use its own.
if (Deno.env.get("DENO_DIR")?.endsWith("/tine-deno-dir")) Deno.env.delete("DENO_DIR");

Deno.exit(await main(Deno.args));
