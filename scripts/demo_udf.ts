/**
 * Shows bundled UDFs at work on an hour of measurements.
 *
 *     deno task demo:udf
 *
 * @module
 */
import { showCommand, TINE } from "./show_command.ts";

const STEPS: readonly { what: string; command: string }[] = [
  {
    what:
      "examples/cpu.csv is an hour of CPU load of five hosts, a point each 10 seconds. Its mean over the last five " +
      "minutes,\nby host, from the bundled handler moving-avg; shown each ten minutes:",
    command: "tine host --handler moving-avg --set field=usage --set size=30 --set as=mean_5m \\\n" +
      "    --input examples/cpu.csv --tag-columns host,dc --group-by host --format table | grep -E 'time|:.0:00Z'",
  },
  {
    what: "What the means hide, the bundled handler outliers finds; the hour of each host is a batch:",
    command: "tine host --handler outliers --set field=usage --set scale=2.3 --batch-window 1h \\\n" +
      "    --input examples/cpu.csv --tag-columns host,dc --group-by host --format table",
  },
];

for (const { what, command } of STEPS) if (await showCommand(what, command) !== 0) Deno.exit(1);
console.log(`More: ${TINE} help udf.`);
