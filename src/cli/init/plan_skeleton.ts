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
