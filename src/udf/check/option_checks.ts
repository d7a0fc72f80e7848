import type { Option, OptionValue } from "../messages.ts";
import { type Check, CheckError, skip } from "./check.ts";
import type { Context } from "./context.ts";
import type { Probe } from "./probe.ts";
import { sampleOptions } from "./subject.ts";
import { requestsOf } from "./data.ts";

/**
 * Options as a script may give them. Kapacitor checks them against the info that it got when it started, which may be
 * old.
 */
export const optionChecks: readonly Check[] = [
  {
    id: "init",
    title: "accepts its options",
    async run(context) {
      const { subject } = context;
      if (subject.options !== undefined) {
        const probe = await context.start();
        await probe.finish();
        return;
      }
      const evidence = { sent: "init", came: subject.refusal, expected: "a success; options are given with --set" };
      throw subject.hasSettings || subject.echoes
        ? new CheckError("fail", subject.refusal, evidence)
        : new CheckError("warn", `${subject.refusal}; most checks need its options: give them with --set`, evidence);
    },
  },
  {
    id: "init-without",
    title: "answers init without options",
    run: (context) => initWith(context, []),
  },
  {
    id: "init-repeated",
    title: "answers init with each option twice",
    run(context) {
      const options = someOptions(context);
      return initWith(context, [...options, ...options]);
    },
  },
  {
    id: "init-wrong-type",
    title: "answers init with values of other types",
    run(context) {
      const options = someOptions(context);
      return initWithStale(context, options.map(({ name, values }) => ({ name, values: values.map(otherType) })));
    },
  },
  {
    id: "init-without-values",
    title: "answers init with options that lack their values",
    run: (context) => initWithStale(context, someOptions(context).map(({ name }) => ({ name, values: [] }))),
  },
  {
    id: "init-unknown",
    title: "answers init with an option it does not have",
    run(context) {
      const unknown: Option = { name: "tine_unknown", values: [{ type: "int", value: 1n }] };
      return initWithStale(context, [...context.subject.options ?? [], unknown]);
    },
  },
];

function someOptions({ subject }: Context): readonly Option[] {
  const info = subject.info!;
  if (info.options.size === 0) throw skip("it takes no options");
  return subject.options?.length ? subject.options : sampleOptions(info);
}

/** Makes sure that the UDF accepts or refuses options with a reason, and ends with its input. */
async function initWith(context: Context, options: readonly Option[]): Promise<string> {
  return await initTo(await context.open(), options);
}

async function initTo(probe: Probe, options: readonly Option[]): Promise<string> {
  await probe.send({ kind: "init", init: { options: [...options], taskId: "check", nodeId: "udf1" } });
  const { outcome } = await probe.answer("init");
  if (!outcome.success && outcome.error === "") {
    throw probe.warn(
      "it refuses without a reason, so that users cannot know why the task does not start",
      "an error text",
    );
  }
  await probe.dismiss();
  return outcome.success ? "accepted" : `refused: ${outcome.error}`;
}

/**
 * Options that do not fit the info: Kapacitor sends such only where its info is stale. An error in place of a refusal,
 * as Kapacitor's own examples give, then stops the task with its reason all the same.
 */
async function initWithStale(context: Context, options: readonly Option[]): Promise<string> {
  const probe = await context.open();
  try {
    return await initTo(probe, options);
  } catch (error) {
    if (probe.error === undefined || probe.error === "") throw error;
    throw probe.warn(
      `it ends with an error where it could refuse the options: ${probe.error}`,
      "an answer to init that refuses them, with the reason",
    );
  }
}

function otherType({ type }: OptionValue): OptionValue {
  return type === "string" ? { type: "int", value: 7n } : { type: "string", value: "seven" };
}

/** What Kapacitor does with every configured UDF when it starts. */
export const startupChecks: readonly Check[] = [
  {
    id: "info-alone",
    title: "answers info and ends with its input",
    judgesEnd: true,
    async run(context) {
      const probe = await context.open();
      await probe.send({ kind: "info" });
      await probe.endInput();
      await probe.answer("info");
      await probe.finish();
    },
  },
  {
    id: "info-again",
    title: "answers info the same way each time it is asked",
    async run(context) {
      const probe = await context.open();
      await probe.send({ kind: "info" }, { kind: "info" });
      const texts = [];
      for (let i = 0; i < 2; i++) {
        const { wants, provides, options } = (await probe.answer("info")).info;
        const sorted = [...options].sort(([a], [b]) => a < b ? -1 : 1);
        texts.push(`${wants} to ${provides} with ${JSON.stringify(sorted)}`);
      }
      await probe.finish();
      if (texts[0] !== texts[1]) {
        throw probe.fail("its info changes, but Kapacitor asks once, when it starts", texts[0], texts[1]);
      }
    },
  },
  {
    id: "end-before-init",
    title: "ends with status 0 when its input ends before init",
    judgesEnd: true,
    async run(context) {
      const probe = await context.open();
      await probe.finish();
    },
  },
];

const EXPECTED = "no points or batches before that; tine agent -- CMD holds them back for any UDF";

/**
 * Kapacitor reads no data before it has started a task, and then waits for ever, or until a timeout, for an answer
 * behind it.
 */
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
  return probe.fail(`it wrote data ${when}: Kapacitor reads no data then, and hangs`, EXPECTED);
}
