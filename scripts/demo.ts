/**
 * Shows tine at work on an hour of measurements: prints each command, so that it can be copied, and runs it.
 *
 *     deno task demo
 *
 * @module
 */

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

/** How a reader starts tine from a checkout: this program may itself have been started by npx. */
const shown = Deno.env.get("npm_command") === "exec" ? "npx -y deno@2.9.6" : "deno";
const bold = Deno.stdout.isTerminal() && !Deno.env.get("NO_COLOR")
  ? (text: string) => `\x1b[1m${text}\x1b[22m`
  : (text: string) => text;

for (const { what, command } of STEPS) {
  console.log(`${what}\n\n${bold(`$ ${command.replace("tine", `${shown} run -A main.ts`)}`)}`);
  const { code } = await new Deno.Command("sh", {
    args: ["-c", `tine() { "$DENO" run -A main.ts "$@"; }\n${command}`],
    cwd: new URL("..", import.meta.url),
    env: { DENO: Deno.execPath() },
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn().status;
  if (code !== 0) Deno.exit(1);
  console.log();
}
console.log(`More: ${shown} run -A main.ts host --help, and README.md.`);
