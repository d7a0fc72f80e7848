import { firstDifference } from "./canonical.ts";
import { type Check, skip } from "./check.ts";
import { requestsOf } from "./data.ts";

/** Kapacitor stops to read stderr at a line of this length; the UDF then blocks on it. */
const LINE_LIMIT = 64 * 1024;
const NO_CHILD = "it is no child process of tine: reach it by -- CMD to check this";

/** The end of a UDF, and what else concerns a process as a whole. */
export const endingChecks: readonly Check[] = [
  {
    id: "end-drains",
    title: "handles all input before it ends, with status 0",
    async run(context) {
      const probe = await context.start();
      await probe.send(...requestsOf(context.subject.units()));
      await probe.finish();
      const { outputs, deterministic } = await context.subject.reference();
      if (!deterministic) return "two fresh runs differ, so that the answer cannot be compared";
      // Again, but slowly: what a hurried end loses is there.
      const slow = await context.start();
      await slow.send(...requestsOf(context.subject.units()));
      await slow.settle();
      await slow.quiet(50);
      await slow.finish();
      const difference = firstDifference(slow.outputs, probe.outputs);
      if (difference !== undefined) {
        throw probe.fail("it loses data at the end of its input", difference.expected, difference.came);
      }
      return `${outputs.length} answers`;
    },
  },
  {
    id: "end-in-batch",
    title: "ends when its input ends inside a batch",
    judgesEnd: true,
    async run(context) {
      if (context.subject.info?.wants !== "batch") throw skip("it wants single points");
      const probe = await context.start();
      await probe.send(...requestsOf(context.subject.units()).slice(0, 3));
      await probe.dismiss();
    },
  },
  {
    id: "two-at-once",
    title: "serves two tasks at the same time",
    async run(context) {
      const reference = await context.subject.reference();
      const probes = [await context.start(), await context.start()];
      const requests = requestsOf(context.subject.units());
      for (const request of requests) await Promise.all(probes.map((probe) => probe.send(request)));
      for (const probe of probes) {
        await probe.finish();
        const difference = reference.deterministic && firstDifference(reference.outputs, probe.outputs);
        if (difference) throw probe.fail("two uses disturb each other", difference.expected, difference.came);
      }
    },
  },
  {
    id: "sigterm",
    title: "stops on SIGTERM",
    async run(context) {
      const probe = await context.start();
      if (!probe.signals) throw skip(NO_CHILD);
      await probe.send(...requestsOf(context.subject.units()));
      await probe.settle();
      probe.signal("SIGTERM");
      const end = await probe.ended("its end on SIGTERM, which a system sends when it stops Kapacitor");
      if (end !== undefined && !end.startsWith("was ended by SIGTERM")) {
        throw probe.warn(`on SIGTERM it ${end}`, "status 0; hosts take anything else for a crash");
      }
    },
  },
  {
    id: "stderr-lines",
    title: "writes lines under 64 KiB to stderr",
    last: true,
    async run(context) {
      const { subject } = context;
      const probe = await context.start();
      if (!probe.signals) throw skip(NO_CHILD);
      await probe.send(...requestsOf(subject.units()));
      await probe.finish();
      const longest = subject.longestStderrLine;
      const evidence = `a line of ${longest >= LINE_LIMIT ? "at least " : ""}${longest} bytes`;
      if (longest >= LINE_LIMIT) {
        throw probe.fail(
          "Kapacitor stops to read stderr at such a line, and the UDF blocks",
          "shorter lines",
          evidence,
        );
      }
      return longest === 0 ? "it wrote nothing" : `the longest had ${longest} bytes`;
    },
  },
];
