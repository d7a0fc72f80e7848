/** Plans for tests. */
import type { PlanInput, TestInput } from "../../../src/node/mod.ts";

/** A local node. */
export const LEFT = { id: "left", launcher: { local: {} } };

/** A plan with one of everything. */
export const EVERYTHING: PlanInput = {
  $schema: "./plan.schema.json",
  tests: [
    {
      id: { name: "everything", cca: "bbr" },
      timeout: "5m",
      serial: [
        {},
        { sleep: "500ms" },
        {
          system: {
            command: "ip -br addr",
            args: ["-4", ""],
            background: true,
            ignoreErrors: true,
            stdout: "out/addr.txt",
            stderr: "bufmem:errors.txt",
            kill: true,
            root: false,
          },
        },
        { resultStream: { include: { file: ["*.txt"], log: true, flow: ["bulk.1"] }, exclude: { all: false } } },
        { sysInfo: { commands: ["uname -a"], files: ["/etc/os-release"], env: ["TINE_*"], sysctl: ["net.*"] } },
        { parallel: [{ serial: [] }, { sleep: "0" }] },
        {
          schedule: {
            wait: ["1ms", "2ms"],
            random: true,
            waitFirst: true,
            sequential: true,
            run: [{ sleep: "1s" }, { system: { command: "true", stdout: "" } }],
          },
        },
        {
          child: {
            node: {
              id: "far.1",
              platform: "linux-arm64",
              launcher: { ssh: { destination: "me@far", root: true } },
              netns: { name: "ns", create: true },
              env: { vars: ["A=b=c", "E="], inherit: false },
            },
            child: { node: { ...LEFT, netns: { name: "old" } }, sleep: "1s" },
          },
        },
        { child: { node: LEFT } },
      ],
    },
    { id: { name: "never" }, timeout: "0", sleep: "1us" },
  ],
};

/** A plan of one test. */
export function planOf(run: Partial<TestInput>): PlanInput {
  return { tests: [{ id: { name: "x" }, ...run }] };
}
