// Where the output of commands goes, as a plan that a program makes.
//
//   tine run examples/files_and_logs.ts
//   tine results results/latest/name=system --system
//   tine log

import { child, parallel, plan, printPlan, resultStream, serial, sleep, sysInfo, system, test } from "@tine/tine/node";

// A node is a value: nodes with equal fields are the same node. Its commands get these variables besides the others.
const worker = {
  id: "worker",
  launcher: { local: {} },
  env: { vars: ["SITE=lab", "API_TOKEN=not for everyone"] },
};

const treatments = serial(
  // Gathered, by default: one log entry when the command has ended.
  system("uname -a"),
  // Streamed: a log entry for each line, as it comes.
  system("cat /proc/loadavg", { stdout: "stream" }),
  // Not wanted. An exit status other than 0 would fail the test, unless errors are ignored.
  system("cat /nowhere", { stderr: "quiet", ignoreErrors: true }),
  // Into a file of the results, while the command runs. More output for the same name is appended; a name may have
  // folders. Arguments are taken as they are: no shell is involved.
  system("echo", { args: ["$SITE is not replaced, and * neither"], stdout: "notes/plain.txt" }),
  system("sh -c", { args: ["echo this is $SITE"], stdout: "notes/plain.txt" }),
  // Into a file that is sent when the command has ended, so that sending does not disturb a measurement. Until then, it
  // is kept in memory, or in a temporary file of the node.
  system("cat /proc/net/dev", { stdout: "bufmem:before.txt" }),
  system("cat /proc/net/dev", { stdout: "buftmp:after.txt" }),
);

// In the background: interrupted (or killed, with `kill`) when all else is done.
const monitor = system("sh -c", {
  args: ["while :; do cat /proc/loadavg; sleep 0.1; done"],
  background: true,
  stdout: "load.txt",
});

await printPlan(plan(
  test(
    { name: "outputs" },
    child(worker, serial(monitor, treatments, sleep("300ms"))),
    { timeout: "30s" },
  ),
  // Logs at once, files only after the test: what is not included waits on its node.
  test(
    { name: "waiting" },
    child(
      worker,
      serial(
        resultStream({ include: { log: true } }),
        parallel(
          system("uname -r", { stdout: "kernel.txt" }),
          system("echo the entry arrives before the file"),
        ),
      ),
    ),
    { timeout: "30s" },
  ),
  // Describes the system of a node, with what is chosen here. The value of API_TOKEN is masked.
  test(
    { name: "system" },
    child(
      worker,
      sysInfo({
        commands: ["df /"],
        files: ["/etc/hostname"],
        env: ["SITE", "*TOKEN*"],
        sysctl: ["net.ipv4.tcp_congestion_control", "net.core.*mem_default"],
      }),
    ),
    { timeout: "30s" },
  ),
));
