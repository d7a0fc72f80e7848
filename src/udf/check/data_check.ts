import type { Check } from "./check.ts";
import { requestsOf } from "./data.ts";

/** The plainest conversation with data. A UDF that gets stuck in it would get stuck in nearly all others. */
export const dataCheck: Check = {
  id: "data",
  title: "takes ordinary data and ends with its input",
  async run(context) {
    const probe = await context.start();
    await probe.send(...requestsOf(context.subject.units()));
    await probe.settle();
    await probe.finish();
    return `${probe.outputs.length} answers`;
  },
};
