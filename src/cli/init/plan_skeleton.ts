/** The plan that `tine init my_plan.yaml` writes. FILE stands for its name. */
export const YAML_PLAN = `# A plan: tests, each a tree of runs on nodes. Change it into yours, and check it
# with: tine vet FILE
#
# Editors complete and check it after: tine schema > plan.schema.json
# yaml-language-server: $schema=plan.schema.json
tests:
  # Names and values that tell the test from others.
  - id: { name: hello }
    # The test is canceled after this long; 660s by default, 0 for never.
    timeout: 60s
    # A run is one of: serial, parallel, schedule, child, or a runner such as
    # system and sleep. Without a child, it runs on this machine.
    serial:
      # Describes the system, as part of the results.
      - sysInfo: {}
      # One node beside this one: a process in a network namespace of its own,
      # which is deleted with it. Equal nodes are the same node.
      - child:
          node: &left
            id: left
            launcher: { local: {} }
            netns: { create: true }
          serial:
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
                  - system: { command: ip -o route }
                  - system: { command: ip -o route }
                  - system: { command: ip -o route }
`;

/** The plan that `tine init my_plan.json` writes: JSONC. */
export const JSON_PLAN = `// A plan: tests, each a tree of runs on nodes. Change it into yours, and check
// it with: tine vet FILE
{
  // Editors complete and check it after: tine schema > plan.schema.json
  "$schema": "./plan.schema.json",
  "tests": [{
    // Names and values that tell the test from others.
    "id": { "name": "hello" },
    // The test is canceled after this long; 660s by default, 0 for never.
    "timeout": "60s",
    // A run is one of: serial, parallel, schedule, child, or a runner such as
    // system and sleep. Without a child, it runs on this machine.
    "serial": [
      // Describes the system, as part of the results.
      { "sysInfo": {} },
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
