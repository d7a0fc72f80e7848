// A plan: tests, each a tree of runs on nodes. It runs as it stands, as root or
// not; change it into yours.
//
//   tine run my_plan.ts          run it; results go to the folder results
//   tine run my_plan.ts -- 2s    with the arguments after -- in Deno.args
//   tine results                 what there is in them
//   tine vet my_plan.ts          check it without running it
//
// It runs without permissions: --allow-read and others grant some.
import {
  child,
  parallel,
  plan,
  schedule,
  serial,
  sleep,
  sysInfo,
  system,
  test,
} from "@tine/tine/node";

const pause = "1s";

// A process in its own network namespace, which is deleted with it. Nodes with
// equal fields are the same node.
const left = { id: "left", launcher: { local: {} }, netns: { create: true } };

export default plan(
  // A test for each distance between runs.
  ...["50ms", "100ms"].map((distance) =>
    test(
      // Names and values that identify the test: tine run --test name=hello
      // selects it.
      { name: "hello", distance },
      serial(
        // What a command prints becomes a log entry. Without a child, it runs
        // on this machine.
        system("uname -a"),
        // The output becomes a file of the results.
        child(
          left,
          serial(
            sysInfo(),
            system("ip -br addr", { stdout: "addr.txt" }),
            sleep(pause),
          ),
        ),
        // The same node again, with two runs at the same time.
        child(
          left,
          parallel(
            // A log entry for each line.
            system("ip -s link show lo", { stdout: "stream" }),
            // Three runs, started at distances.
            schedule(
              { wait: [distance] },
              ...["first", "second", "third"].map((word) =>
                system(`echo ${word}`)
              ),
            ),
          ),
        ),
      ),
      // The test is canceled after this long.
      { timeout: "60s" },
    )
  ),
);
