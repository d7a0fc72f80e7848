/** Pages take no more memory than this, in characters. */
const MAX_CHARACTERS = 64 * 2 ** 20;

/** Keeps pages that were made, the last ones that were asked for. */
export class PageCache {
  readonly #pages = new Map<string, { readonly version: string; readonly text: string }>();
  readonly #making = new Map<string, Promise<string>>();
  /** Pages are made one after the other: each may take the memory of a large test. */
  #last: Promise<unknown> = Promise.resolve();
  #size = 0;

  /**
   * Returns a page.
   *
   * @param key what it is about
   * @param version of what it is made from; another one has it made anew
   * @param make makes it; who asks for it meanwhile gets the same one
   * @throws what `make` throws
   */
  async get(key: string, version: string, make: () => Promise<string>): Promise<string> {
    const kept = this.#pages.get(key);
    if (kept?.version === version) {
      // Pages are thrown away in the order in which they were last asked for.
      this.#pages.delete(key);
      this.#pages.set(key, kept);
      return kept.text;
    }
    const making = `${key}\n${version}`;
    let page = this.#making.get(making);
    if (page === undefined) {
      page = this.#last.then(make);
      this.#last = page.catch(() => {});
      this.#making.set(making, page);
      page.then((text) => this.#keep(key, version, text), () => {}).finally(() => this.#making.delete(making));
    }
    return await page;
  }

  #keep(key: string, version: string, text: string): void {
    this.#remove(key);
    this.#pages.set(key, { version, text });
    this.#size += text.length;
    for (const oldest of this.#pages.keys()) {
      if (this.#size <= MAX_CHARACTERS || oldest === key) break;
      this.#remove(oldest);
    }
  }

  #remove(key: string): void {
    this.#size -= this.#pages.get(key)?.text.length ?? 0;
    this.#pages.delete(key);
  }
}
