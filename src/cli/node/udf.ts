import { TineError } from "../../base/errors.ts";
import { stdioConnection } from "../../wire/connection.ts";
import { defineCommand } from "../command.ts";
import { UsageError } from "../errors.ts";

/** How long one call of the handler may take, in milliseconds: it is to be found out before the test has ended. */
const HANDLER_TIMEOUT_MS = 10_000;

/** `tine node udf`: runs the module of a UDF for a test. */
export const command = defineCommand({
  name: "node udf",
  summary: "Run the module of a UDF; tine run starts it",
  usage: ["MODULE"],
  description:
    "tine node bridge starts this command for each UDF of a test whose handler is a module, so that a module that loops " +
    "can be ended; by hand it has no use. tine agent runs a module for other hosts.",
  flags: {},
  positionals: [{ name: "MODULE", help: "the path of a .ts or .js module" }],
  examples: [{ command: "tine node udf ./my_udf.ts", what: "what runs a module of a plan" }],

  async run({ positionals: [module] }) {
    if (Deno.stdin.isTerminal()) throw new UsageError("node udf is driven by tine node bridge, not from a terminal");
    const { ModuleAgent, ModuleRunner } = await import("../../udf/module/module_runner.ts");
    const options = { handlerTimeoutMs: HANDLER_TIMEOUT_MS, keepsAlive: false };
    await using runner = await ModuleRunner.open(module, options);
    try {
      await new ModuleAgent(stdioConnection(), runner.connect()).run();
      return 0;
    } catch (error) {
      if (error instanceof TineError && error.code === "module-failed") return 1; // its host has got the reason
      throw error;
    }
  },
});
