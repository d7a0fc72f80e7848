/// <reference lib="dom" />
/**
 * Pages in a real browser: Chromium without a window, driven by puppeteer.
 *
 * @module
 */

import type { Browser, CDPSession, Page } from "puppeteer-core";
import { findTool } from "../../src/node/process/tools.ts";
import { unless, whyNotInstalled } from "./unless.ts";

/** How long a page may take for anything, on a busy machine, in ms. */
export const PATIENCE_MS = 60_000;

const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--force-color-profile=srgb",
];

/** What a page has done that it should not: requests beside its own, and errors. */
export interface Watched {
  readonly requests: readonly string[];
  readonly errors: readonly string[];
}

/** A page that is watched. */
export interface OpenPage extends AsyncDisposable {
  readonly page: Page;
  readonly watched: Watched;
}

/** A region of a page, in pixels. */
export interface Region {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** A colour by its shares of red, green and blue, 0 to 255. */
export type Color = readonly [red: number, green: number, blue: number];

/** One browser for the tests of a file; it starts with the first of them, and nothing of it stays. */
export class TestBrowser {
  #started: Promise<{ browser: Browser; profile: string; blank: Page }> | undefined;

  /**
   * Opens a page.
   *
   * @param url its address
   * @param prepare is called before the page loads
   */
  async open(url: string, prepare?: (page: Page) => Promise<void>): Promise<OpenPage> {
    const { browser } = await this.#start();
    const page = await browser.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    const requests: string[] = [], errors: string[] = [];
    page.on("request", (request) => requests.push(request.url()));
    page.on("pageerror", (error) => errors.push(String(error)));
    page.on("console", (message) => {
      if (["error", "warn"].includes(message.type())) errors.push(message.text());
    });
    page.on("dialog", (dialog) => {
      errors.push(`dialog: ${dialog.message()}`);
      dialog.dismiss();
    });
    await page.setViewport({ width: 1100, height: 1000 });
    await prepare?.(page);
    await page.goto(url);
    return { page, watched: { requests, errors }, [Symbol.asyncDispose]: () => page.close() };
  }

  /**
   * Looks for a colour on the screen.
   *
   * @param region within the page
   * @param near how far each share of a pixel's colour may be from the wanted one
   * @returns the places of the pixels that have it, from the left upper corner of the region
   */
  async pixels(page: Page, region: Region, color: Color, near = 40): Promise<[x: number, y: number][]> {
    const { blank } = await this.#start();
    const image = await page.screenshot({ clip: region, encoding: "base64" });
    return await blank.evaluate(
      async (image, [red, green, blue], near) => {
        const bytes = Uint8Array.from(atob(image), (char) => char.charCodeAt(0));
        const bitmap = await createImageBitmap(new Blob([bytes]));
        const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d")!;
        context.drawImage(bitmap, 0, 0);
        const { data, width } = context.getImageData(0, 0, bitmap.width, bitmap.height);
        const found: [number, number][] = [];
        for (let i = 0; i < data.length; i += 4) {
          const distance = Math.max(
            Math.abs(data[i] - red),
            Math.abs(data[i + 1] - green),
            Math.abs(data[i + 2] - blue),
          );
          if (distance <= near) found.push([i / 4 % width, Math.floor(i / 4 / width)]);
        }
        return found;
      },
      image,
      color,
      near,
    );
  }

  /** Ends the browser, if one was started. */
  async close(): Promise<void> {
    if (this.#started === undefined) return;
    const { browser, profile } = await this.#started;
    await browser.close();
    // Its last processes may still write there.
    for (let attempt = 1;; attempt++) {
      try {
        return await Deno.remove(profile, { recursive: true });
      } catch (error) {
        if (attempt === 100) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  #start() {
    return this.#started ??= launch();
  }
}

async function launch() {
  // Only where there is a browser: a bare machine does without both.
  const { default: puppeteer } = await import("puppeteer-core");
  const profile = await Deno.makeTempDir({ prefix: "tine-chromium-" });
  const browser = await puppeteer.launch({
    executablePath: findTool("chromium", "to test pages"),
    headless: true,
    userDataDir: profile,
    args: FLAGS,
    env: { ...Deno.env.toObject(), HOME: profile },
    timeout: PATIENCE_MS,
    protocolTimeout: 2 * PATIENCE_MS,
  });
  return { browser, profile, blank: await browser.newPage() };
}

/**
 * Names a test that takes a browser: it is left out where there is none.
 *
 * The browser outlives the tests of its file, so that operations of it are under way when one of them ends.
 */
export function inBrowser(name: string) {
  return { ...unless(whyNotInstalled("chromium"), name), sanitizeOps: false, sanitizeResources: false };
}

/** Sends touches to a page: places of fingers, pressed, moved and lifted. */
export async function touch(page: Page, ...steps: readonly (readonly (readonly [x: number, y: number])[])[]) {
  const session: CDPSession = await page.createCDPSession();
  let before = 0;
  for (const fingers of steps) {
    const type = fingers.length > before ? "touchStart" : fingers.length < before ? "touchEnd" : "touchMove";
    const touchPoints = fingers.map(([x, y], id) => ({ x, y, id }));
    await session.send("Input.dispatchTouchEvent", { type, touchPoints });
    before = fingers.length;
  }
  await session.detach();
}
