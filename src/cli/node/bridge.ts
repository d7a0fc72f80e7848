import { stdioConnection } from "../../wire/connection.ts";
import { defineCommand } from "../command.ts";
import { UsageError } from "../errors.ts";

/** `tine node bridge`: runs the UDFs of a test. */
export const command = defineCommand({
  name: "node bridge",
  summary: "Run the UDFs of a test; tine run starts it",
  usage: [""],
  description:
    "tine run starts this command for a test with udfs, so that nothing that they do disturbs the test; by hand it has " +
    "no use. It gets what the test measures on stdin, and ends, with all that it started, when tine run says so or is " +
    "gone.",
  flags: {},
  positionals: [],
  examples: [{ command: "tine node bridge", what: "what tine run starts for a test with udfs" }],

  async run() {
    if (Deno.stdin.isTerminal()) throw new UsageError("node bridge is driven by tine run, not from a terminal");
    const [{ serveBridge }, { setGroupNice }] = await Promise.all([
      import("../../bridge/serve_bridge.ts"),
      import("../../sys/scheduling.ts"),
    ]);
    setGroupNice("self", 5);
    await serveBridge(stdioConnection());
    return 0;
  },
});
