/** So many logins at a time an sshd lets in as it comes (MaxStartups 10:30:100): beyond, it drops some. */
const MOST_LOGINS = 8;

/** Lets only so many logins to one destination be under way at the same time. */
export class LoginGate {
  readonly #places = new Map<string, { running: number; waiting: (() => void)[] }>();

  /**
   * Waits for a turn.
   *
   * @returns to be disposed of when the login is through, or has failed
   */
  async enter(destination: string): Promise<Disposable> {
    const place = this.#places.get(destination) ?? { running: 0, waiting: [] };
    this.#places.set(destination, place);
    if (place.running === MOST_LOGINS) await new Promise<void>((resolve) => place.waiting.push(resolve));
    else place.running++;
    let left = false;
    return {
      [Symbol.dispose]() {
        if (left) return;
        left = true;
        const next = place.waiting.shift();
        if (next === undefined) place.running--;
        else next();
      },
    };
  }
}
