import { UsageError } from "../errors.ts";
import { defineCommand } from "../command.ts";
import { text } from "../flags.ts";
import { DEFAULT_PATH, PATH } from "../results/results.ts";
import { escape, writeStdout } from "../terminal.ts";

/** `tine report [PATH]`: what was measured, as a page. */
export const command = defineCommand({
  name: "report",
  summary: "Make a page of what was measured",
  usage: ["[PATH] [-o FILE.html] [--title TEXT]"],
  flags: {
    out: text({
      short: "o",
      value: "FILE|-",
      default: "report.html",
      help: "the file; standard output with -",
      complete: "file",
    }),
    title: text({ value: "TEXT", help: "what the page is called; default: the id of the test" }),
  },
  positionals: [PATH],
  examples: [
    { command: "tine report results/latest/name=hello -o hello.html", what: "a page of one test" },
  ],

  async run({ flags, positionals: [path = DEFAULT_PATH] }) {
    const [{ openResults }, { readTestReport, testPage }] = await Promise.all([
      import("../../result/mod.ts"),
      import("../../report/mod.ts"),
    ]);
    const results = await openResults(path);
    if (results.kind !== "test") throw new UsageError(`tine report needs the folder of a test, not ${escape(path)}`);
    const run = (await Deno.realPath(results.path)).split("/").at(-2);
    const page = await testPage(await readTestReport(results, { run }), { title: flags.title });
    if (flags.out === "-") await writeStdout(page);
    else {
      await Deno.writeTextFile(flags.out, page);
      console.error(escape(flags.out));
    }
    return 0;
  },
});
