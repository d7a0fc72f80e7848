import type { Check } from "./check.ts";
import { requestsOf } from "./data.ts";
import type { Context } from "./context.ts";
import type { Probe } from "./probe.ts";

const EXPECTED = "no points or batches before that; tine agent -- CMD holds them back for any UDF";

/** Kapacitor reads no data before it has started a task, and then waits for ever, or until a timeout, for an answer behind it. */
export const earlyOutputCheck: Check = {
  id: "early-output",
  title: "writes nothing before init, and the restore that follows, are answered",
  async run(context) {
    await askForInfo(context);
    const snapshot = await takeSnapshot(context);
    if (snapshot.length === 0) return;
    const probe = await context.start();
    await probe.send({ kind: "restore", snapshot });
    await probe.answer("restore");
    if (probe.dataBefore("restore") > 0) throw tooEarly(probe, "before it answered the restore that follows init");
    await probe.finish();
  },
};

/** What Kapacitor does with each UDF at its start: it takes no data, up to the end. */
async function askForInfo(context: Context): Promise<void> {
  const probe = await context.open();
  await probe.send({ kind: "info" });
  await probe.answer("info");
  await probe.finish();
  if (probe.outputs.length > 0) throw tooEarly(probe, "on a connection that asks for info only");
}

async function takeSnapshot(context: Context): Promise<Uint8Array> {
  const probe = await context.start();
  if (probe.dataBefore("init") > 0) throw tooEarly(probe, "before it answered init");
  await probe.send(...requestsOf(context.subject.units()), { kind: "snapshot" });
  const { snapshot } = await probe.answer("snapshot");
  await probe.finish();
  return snapshot;
}

function tooEarly(probe: Probe, when: string) {
  return probe.fail(`it wrote data ${when}: Kapacitor takes none then, and hangs`, EXPECTED);
}
