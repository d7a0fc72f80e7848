import type { Check } from "./check.ts";

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
