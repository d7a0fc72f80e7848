import { messageOf, TineError } from "../../base/errors.ts";
import { whyNotWritten } from "../../result/store_error.ts";
import { findTool, runTool } from "../../node/process/tools.ts";

/** What the message says where no program is there. */
const REMEDY = "install librsvg2-bin (rsvg-convert) or Chromium, or write an .svg, which papers take as well";

/** A program that turns SVG into PNG. */
interface Converter {
  /** Names that it has on systems. */
  readonly names: readonly string[];
  /** Returns its arguments. */
  args(svg: string, png: string, size: { width: number; height: number }, folder: string): string[];
}

const CONVERTERS: readonly Converter[] = [
  { names: ["rsvg-convert"], args: (svg, png) => ["--format=png", `--output=${png}`, svg] },
  {
    names: ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"],
    args: (svg, png, { width, height }, folder) => [
      "--headless",
      "--disable-gpu",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--hide-scrollbars",
      // As root it has no sandbox; what it shows is made by tine, and is no more than text and paths.
      ...Deno.uid() === 0 ? ["--no-sandbox"] : [],
      `--user-data-dir=${folder}/profile`,
      `--window-size=${width},${height}`,
      `--screenshot=${png}`,
      `file://${svg}`,
    ],
  },
];

/**
 * Turns an SVG document into a PNG, by the first program of the system that can: `rsvg-convert`, or Chromium.
 *
 * No library does it within tine: resvg as WebAssembly has 2.5 MB, needs the bytes of a font beside it, and neither
 * `deno bundle` nor an import without a flag takes a binary file into the packed executable (Deno 2.9.6).
 *
 * @param svg the document, with its size in pixels as attributes
 * @throws {TineError} `no-program`, if none is there; `no-picture`, if it fails; `cannot-write`
 */
export async function pngOf(svg: string): Promise<Uint8Array> {
  const { program, converter } = findConverter();
  const [, width, height] = /\bwidth="(\d+)" height="(\d+)"/.exec(svg) ?? [];
  const folder = await attempt(Deno.makeTempDir({ prefix: "tine-plot-" }));
  try {
    const [from, to] = [`${folder}/plot.svg`, `${folder}/plot.png`];
    await attempt(Deno.writeTextFile(from, svg));
    const size = { width: Number(width), height: Number(height) };
    const failure = await runTool([program, ...converter.args(from, to, size, folder)]);
    if (failure !== undefined) throw new TineError("no-picture", `${program} made no picture: ${failure}`);
    try {
      return await Deno.readFile(to);
    } catch (error) {
      throw new TineError("no-picture", `${program} made no picture: ${messageOf(error)}`, { cause: error });
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Writes to the folder of temporary files. */
async function attempt<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const message = `cannot write temporary files for the picture: ${whyNotWritten(error)}; TMPDIR names their folder`;
    throw new TineError("cannot-write", message, { cause: error });
  }
}

function findConverter(): { program: string; converter: Converter } {
  for (const converter of CONVERTERS) {
    for (const name of converter.names) {
      try {
        return { program: findTool(name, REMEDY), converter };
      } catch (error) {
        if (!(error instanceof TineError) || error.code !== "no-program") throw error;
      }
    }
  }
  throw new TineError("no-program", `no program turns the plot into a PNG: ${REMEDY}`);
}
