import { assertEquals } from "@std/assert";
import { named } from "../support/peers.ts";
import { hasPythonAgent, preparePythonAgent, pythonAgentPeers } from "../support/python_agent.ts";
import { TINE, tine } from "../support/tine.ts";

Deno.test({
  name: named("a UDF in Python behind a relay answers as it does without one", ...pythonAgentPeers),
  ignore: !hasPythonAgent,
  async fn() {
    await using agent = await preparePythonAgent();
    const input = Array.from({ length: 200 }, (_, i) => `cpu,host=h${i % 3} value=${i} ${i + 1}\n`).join("");
    const udf = agent.command("mirror");
    const direct = await tine(["host", "--group-by", "host", "--", ...udf], input);
    const relayed = await tine(
      ["host", "--group-by", "host", "--", ...TINE, "agent", "--restart", "--", ...udf],
      input,
    );
    assertEquals([direct.code, relayed.code], [0, 0]);
    assertEquals(direct.stdout, input);
    assertEquals(relayed.stdout, input);
  },
});
