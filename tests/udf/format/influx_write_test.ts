import { assert, assertEquals } from "@std/assert";
import type { InputItem } from "../../../src/udf/format/input_item.ts";
import { unless, whyNotInstalled } from "../../support/unless.ts";
import { read, seeded } from "./samples.ts";

const PROGRAM = new URL("./real_files/influx_write/", import.meta.url);
const MODULE = "github.com/influxdata/influxdb/v2@v2.0.1-alpha.10.0.20210507184756-dc72dc3f0c07";

/** Where Go keeps modules; the proxy is not asked, since a test must not take minutes. */
const CACHE = Deno.env.get("GOMODCACHE") ?? `${Deno.env.get("GOPATH") ?? `${Deno.env.get("HOME")}/go`}/pkg/mod`;
const why = whyNotInstalled("go") ??
  (isThere(`${CACHE}/${MODULE}`) ? undefined : `the modules of influx write are not in Go's cache`);

function isThere(path: string): boolean {
  try {
    return Deno.statSync(path).isDirectory;
  } catch {
    return false;
  }
}

async function build(folder: string): Promise<string> {
  for (const name of ["main.go", "go.mod"]) await Deno.copyFile(new URL(name, PROGRAM), `${folder}/${name}`);
  const { success, stderr } = await new Deno.Command("go", {
    args: ["build", "-mod=mod", "-o", "influx_write", "."],
    cwd: folder,
    env: { GOPROXY: "off", GONOSUMDB: "*", GOFLAGS: "" },
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  return `${folder}/influx_write`;
}

async function convert(program: string, text: string): Promise<string> {
  const process = new Deno.Command(program, { stdin: "piped", stdout: "piped", stderr: "null" }).spawn();
  const writer = process.stdin.getWriter();
  const written = writer.write(new TextEncoder().encode(text)).then(() => writer.close());
  const [{ stdout }] = await Promise.all([process.output(), written]);
  return new TextDecoder().decode(stdout);
}

/** The points as texts, each with its tags and fields in order. */
function pointsOf(items: readonly InputItem[]): string[] {
  return items.flatMap((item) => {
    if (item.kind !== "point") return [];
    const { time, name, tags, fieldsInt, fieldsDouble, fieldsString, fieldsBool } = item.point;
    const all = [tags, fieldsInt, fieldsDouble, fieldsString, fieldsBool].map((map) =>
      [...map as Map<string, unknown>].map(([key, value]) => `${key}=${Object.is(value, -0) ? "-0" : value}`).sort()
    );
    return JSON.stringify([String(time), name, ...all]);
  });
}

const VALUES: Readonly<Record<string, readonly string[]>> = {
  double: ["98", "97.5", "-1e3", "1_000.5", "1 000", ".5", "+7", "-0", "1e400", "x", "", "0x10"],
  long: ["1", "-1", "9223372036854775807", "9223372036854775808", "1 000", "1_0", "007", "+5", "x", ""],
  unsignedLong: ["1", "9223372036854775807", "0", "x", ""],
  boolean: ["true", "f", "T", "yes", "no", "1", "0", "N", "x", ""],
  string: ["a", ' "q" ', "a,b", "two\nlines", "\\", "é 温", ""],
  duration: ["1h", "1m30s", "-1s", "1.5ms", "1us", "5", "x", ""],
  tag: ["a", "b c", "d=e,f", "é", ""],
  "dateTime:RFC3339": ["2026-03-02T09:00:00Z", "2026-03-02T09:00:00.123456789+02:00", "x"],
  "dateTime:number": ["1772442000123456789", "-5", "0", "x"],
  dateTime: ["1772442000123456789", "2026-03-02T09:00:00.5Z"],
};

const quoted = (cell: string) => /[",\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;

Deno.test({
  ...unless(why, "annotated CSV at random is read as the code of influx write reads it"),
  async fn() {
    const random = seeded(20);
    const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)];
    const folder = await Deno.makeTempDir({ prefix: "tine-influx-write-" });
    try {
      const program = await build(folder);
      let compared = 0;
      for (let round = 0; round < 25; round++) {
        const kinds = Array.from({ length: 1 + Math.floor(random() * 5) }, () => pick(Object.keys(VALUES).slice(0, 7)));
        const types = ["measurement", ...kinds, pick(["dateTime:RFC3339", "dateTime:number", "dateTime"])];
        const labels = types.map((_, i) => `c${i}`);
        const defaults = types.map((type) => random() < 0.2 && VALUES[type] ? pick(VALUES[type].slice(0, 2)) : "");
        const short = round % 3 === 0, header = round % 3 === 1;
        let text = "";
        if (header) {
          text += labels.map((label, i) => quoted(`${label}|${types[i]}${defaults[i] && `|${defaults[i]}`}`)).join() +
            "\n";
        } else {
          text += short ? `#datatype ${types.join()}\n` : `#datatype,${types.join()}\n`;
          text += short ? `#default ${defaults.map(quoted).join()}\n` : `#default,${defaults.map(quoted).join()}\n`;
          text += (short ? "" : ",") + labels.join() + "\n";
        }
        for (let row = 0; row < 40; row++) {
          const cells = types.map((type) => type === "measurement" ? pick(["cpu", "m,e m", "温"]) : pick(VALUES[type]));
          text += (short || header ? "" : ",") + cells.map(quoted).join() + "\n";
        }
        const theirs = pointsOf(await read({ format: "line" }, await convert(program, text)));
        const ours = pointsOf(await read({}, text));
        assertEquals(ours, theirs, text);
        compared += ours.length;
      }
      assert(compared > 200, `${compared} points`);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
