// A UDF that prints in every way there is, and tries to read and close what it must not.
import fs from "node:fs";
import process, { stdout } from "node:process";

// deno-lint-ignore no-explicit-any
export function createHandler(agent: any) {
  return {
    info: () => ({ wants: "stream", provides: "stream" }),
    init() {},
    // deno-lint-ignore no-explicit-any
    async point(point: any) {
      console.log("console " + "x".repeat(1_000_000));
      process.stdout.write("process.stdout\n");
      stdout.write("named stdout\n");
      Deno.stdout.writeSync(new TextEncoder().encode("Deno.stdout\n"));
      const writer = Deno.stdout.writable.getWriter();
      await writer.write(new TextEncoder().encode("Deno.stdout.writable\n"));
      writer.releaseLock();
      fs.writeSync(1, "fs.writeSync\n");
      fs.writeFileSync(1, "fs.writeFileSync\n");
      fs.appendFileSync(1, "fs.appendFileSync\n");
      await new Promise((resolve) => fs.write(1, "fs.write\n", resolve));
      await new Promise<void>((resolve) =>
        fs.createWriteStream("", { fd: 1 }).end("fs.createWriteStream\n", () => resolve())
      );
      for (const use of [() => fs.readSync(0, new Uint8Array(9)), () => fs.readFileSync(0)]) {
        try {
          use();
          console.log("it could");
        } catch {
          console.log("refused");
        }
      }
      fs.closeSync(1);
      Deno.stdout.close();
      Deno.stdin.close();
      await agent.point(point);
    },
  };
}
