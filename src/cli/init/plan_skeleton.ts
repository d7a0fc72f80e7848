/** The plan that `tine init my_plan.yaml` writes. FILE stands for its name. */
export const YAML_PLAN = `# A plan: tests, each a tree of runs on nodes. It runs as it stands, as root or
# not; change it into yours.
#
#   tine run FILE    run it; results go to the folder results
#   tine results     what there is in them
#   tine log         what the nodes have logged
#   tine vet FILE    check it without running it
#
# Editors complete and check it after: tine schema > plan.schema.json
# yaml-language-server: $schema=plan.schema.json
tests:
  # Names and values that tell the test from others; tine run --test name=hello
  # chooses it.
  - id: { name: hello }
    # The test is canceled after this long; 660s by default, 0 for never.
    timeout: 60s
    # A run is one of: serial, parallel, schedule, child, or a runner such as
    # system and sleep. Without a child, it runs on this machine.
    serial:
      # What a command prints becomes a log entry.
      - system: { command: uname -a }
      # One node beside this one: a process in a network namespace of its own,
      # which is deleted with it. Equal nodes are the same node.
      - child:
          node: &left
            id: left
            launcher: { local: {} }
            netns: { create: true }
          serial:
            # Describes the system, as part of the results.
            - sysInfo: {}
            # The output becomes a file of the results.
            - system: { command: ip -br addr, stdout: addr.txt }
            - sleep: 1s
      # The same node again, with two runs at the same time.
      - child:
          node: *left
          parallel:
            # A log entry for each line.
            - system: { command: ip -s link show lo, stdout: stream }
            # Three runs, started at distances of 100ms.
            - schedule:
                wait: [100ms]
                run:
                  - system: { command: echo first }
                  - system: { command: echo second }
                  - system: { command: echo third }
`;

/** The plan that `tine init my_plan.json` writes: JSONC. */
export const JSON_PLAN = `// A plan: tests, each a tree of runs on nodes. It runs as it stands, as root or
// not; change it into yours.
//
//   tine run FILE    run it; results go to the folder results
//   tine results     what there is in them
//   tine log         what the nodes have logged
//   tine vet FILE    check it without running it
{
  // Editors complete and check it after: tine schema > plan.schema.json
  "$schema": "./plan.schema.json",
  "tests": [{
    // Names and values that tell the test from others; tine run --test name=hello
    // chooses it.
    "id": { "name": "hello" },
    // The test is canceled after this long; 660s by default, 0 for never.
    "timeout": "60s",
    // A run is one of: serial, parallel, schedule, child, or a runner such as
    // system and sleep. Without a child, it runs on this machine.
    "serial": [
      // What a command prints becomes a log entry.
      { "system": { "command": "uname -a" } },
      {
        "child": {
          // A process in a network namespace of its own, which is deleted with
          // it. Equal nodes are the same node.
          "node": {
            "id": "left",
            "launcher": { "local": {} },
            "netns": { "create": true }
          },
          "serial": [
            // Describes the system, as part of the results.
            { "sysInfo": {} },
            // The output becomes a file of the results.
            { "system": { "command": "ip -br addr", "stdout": "addr.txt" } },
            { "sleep": "1s" }
          ]
        }
      }
    ]
  }]
}
`;

/** The plan that `tine init my_plan.ts` writes; no types are in it, so that it is JavaScript as well. */
export const MODULE_PLAN = `// A plan: tests, each a tree of runs on nodes. It runs as it stands, as root or
// not; change it into yours.
//
//   tine run FILE          run it; results go to the folder results
//   tine run FILE -- 2s    with what stands behind -- in Deno.args
//   tine results           what there is in them
//   tine vet FILE          check it without running it
//
// It runs without permissions: --allow-read and others give it some.
import { child, parallel, plan, schedule, serial, sleep, sysInfo, system, test } from "@tine/tine/node";

const [pause = "1s"] = Deno.args;

// A process in a network namespace of its own, which is deleted with it. Equal
// nodes are the same node.
const left = { id: "left", launcher: { local: {} }, netns: { create: true } };

export default plan(
  // A test for each distance between runs.
  ...["50ms", "100ms"].map((distance) =>
    test(
      // Names and values that tell the test from others; tine run --test name=hello
      // chooses it.
      { name: "hello", distance },
      serial(
        // What a command prints becomes a log entry. Without a child, it runs on
        // this machine.
        system("uname -a"),
        // The output becomes a file of the results.
        child(left, serial(sysInfo(), system("ip -br addr", { stdout: "addr.txt" }), sleep(pause))),
        // The same node again, with two runs at the same time.
        child(
          left,
          parallel(
            // A log entry for each line.
            system("ip -s link show lo", { stdout: "stream" }),
            // Three runs, started at distances.
            schedule({ wait: [distance] }, ...["first", "second", "third"].map((word) => system(\`echo \${word}\`))),
          ),
        ),
      ),
      // The test is canceled after this long.
      { timeout: "60s" },
    )
  ),
);
`;
