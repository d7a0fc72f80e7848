/** How long clocks are taken to go alike, in nanoseconds: 50 ppm, which is a bad quartz, are 0.5 ms in that time. */
const WINDOW_NANOS = 10e9;

/** What is known of the distance of two clocks. */
export interface OffsetEstimate {
  /** Server's clock less client's clock, in nanoseconds. */
  readonly offsetNanos: number;
  /** The true distance is at most so far from the estimate. */
  readonly boundNanos: number;
  /** The clocks did not go alike: no single distance fits all echoes, and the bound covers how it changed. */
  readonly drifted: boolean;
}

/**
 * Estimates from echoes how far a server's clock is ahead of a client's. No packet arrives before it was sent, so each
 * packet to the server bounds the distance from above by `serverReceived - sent`, each packet back from below by
 * `serverSent - received`. What all of them allow is an interval: the estimate is its middle, the bound half its width,
 * at most half of the least round trip. It is the reasoning of NTP (RFC 5905, 8 and 11.2), over all packets instead of
 * the best one.
 */
export class ClockOffsetEstimator {
  #low = -Infinity;
  #high = Infinity;
  #windowStart = NaN;
  #windowLow = -Infinity;
  #windowHigh = Infinity;
  /** Over all windows: how far the distance may have moved. */
  #lowest = Infinity;
  #highest = -Infinity;

  /** A packet went there: when by either clock, in nanoseconds. */
  toServer(sent: number, serverReceived: number): void {
    this.#enter(sent);
    const most = serverReceived - sent;
    if (most < this.#high) this.#high = most;
    if (most < this.#windowHigh) this.#windowHigh = most;
  }

  /** A packet came back: when by either clock, in nanoseconds. */
  fromServer(serverSent: number, received: number): void {
    this.#enter(received);
    const least = serverSent - received;
    if (least > this.#low) this.#low = least;
    if (least > this.#windowLow) this.#windowLow = least;
  }

  /** What the packets allow; undefined unless some went each way. */
  estimate(): OffsetEstimate | undefined {
    if (this.#low === -Infinity || this.#high === Infinity) return undefined;
    if (this.#low <= this.#high) return middle(this.#low, this.#high, false);
    this.#endWindow();
    // Within one window they contradict each other too: a clock was set. What remains is the range of all claims.
    const low = Math.min(this.#lowest, this.#high);
    const high = Math.max(this.#highest, this.#low);
    return middle(low, high, true);
  }

  #enter(time: number): void {
    if (time - this.#windowStart < WINDOW_NANOS) return;
    this.#endWindow();
    this.#windowStart = time;
    this.#windowLow = -Infinity;
    this.#windowHigh = Infinity;
  }

  #endWindow(): void {
    const [low, high] = [this.#windowLow, this.#windowHigh];
    if (low === -Infinity || high === Infinity || low > high) return;
    this.#lowest = Math.min(this.#lowest, low);
    this.#highest = Math.max(this.#highest, high);
  }
}

function middle(low: number, high: number, drifted: boolean): OffsetEstimate {
  return { offsetNanos: (low + high) / 2, boundNanos: (high - low) / 2, drifted };
}
