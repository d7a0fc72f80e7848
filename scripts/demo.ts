/**
 * Shows tine at work: a call across a slow link, alone and beside an upload, measured at both ends.
 *
 *     deno task demo [--out DIR]
 *
 * @module
 */
import { showCommand, TASK, TINE } from "./show_command.ts";

/** What `tine run` exits with when it was interrupted. */
const INTERRUPTED = 130;

const [flag, out = "results"] = Deno.args;
if (flag !== undefined && flag !== "--out") {
  console.error(`demo: expected --out DIR, not ${flag}`);
  Deno.exit(2);
}
const folder = /^[\w./-]+$/.test(out) ? out : `'${out.replaceAll("'", "'\\''")}'`;
// A terminal shows the flows live; elsewhere lines do.
const page = `${out}/demo.html`;
const options = `--out ${folder} --report ${folder}/demo.html${Deno.stderr.isTerminal() ? "" : " --verbose"}`;

let test = "name=voip";
let code = await showCommand(
  "Three network namespaces: a router with a link of 20 Mbit/s, and an end on each side of it. A call, which is a UDP\n" +
    "packet and its echo each 20 ms, has the link first for itself, then beside a TCP upload. Its round trips flow\n" +
    "through two UDFs as they are measured: one smooths them, the other marks those that are far from the usual:",
  `tine run examples/voip_beside_bulk.yaml ${options}`,
);
if (code !== 0 && code !== INTERRUPTED) {
  test = "name=loopback";
  code = await showCommand(
    "Network namespaces, or what the plan does in them, are not available here, see above. So the same over the loopback\n" +
      "of this machine, which is fast, and has no queue to speak of:",
    `tine run examples/loopback.yaml ${options}`,
  );
}
if (code === 0) {
  code = await showCommand(
    "What was measured. Compare the round trips of the two calls:",
    `tine results ${folder}/latest/${test}`,
  );
}
if (code !== 0) Deno.exit(code);
console.log(`The results are in ${out}/latest. Nothing else is left: processes and namespaces are gone.`);
console.log(`More: ${TINE} help, and the plans in examples. UDFs: ${TASK} demo:udf`);
console.log(`A page of it, for a browser: ${page}`);
