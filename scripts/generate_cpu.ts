/**
 * Prints examples/cpu.csv: an hour of CPU load of five hosts, a point each 10 s, the same at every run.
 *
 *     deno run scripts/generate_cpu.ts > examples/cpu.csv
 *
 * The load follows the day and is noisy; three things happen that a look at the averages hides, and outliers show.
 *
 * @module
 */

const START_S = Date.parse("2026-03-02T09:00:00Z") / 1000;
const STEP_S = 10;
const STEPS = 360;

interface HostLoad {
  host: string;
  dc: string;
  /** Mean load in percent at 09:00, and what the hour adds to it as people come to work. */
  base: number;
  rise: number;
  noise: number;
}

const HOSTS: readonly HostLoad[] = [
  { host: "web-1", dc: "ams", base: 34, rise: 14, noise: 3 },
  { host: "web-2", dc: "ams", base: 36, rise: 14, noise: 3 },
  { host: "web-3", dc: "fra", base: 31, rise: 16, noise: 3.5 },
  { host: "db-1", dc: "ams", base: 52, rise: 9, noise: 2 },
  { host: "batch-1", dc: "fra", base: 18, rise: 0, noise: 4 },
];

/** What happens: at a step after the start, for some steps, the load of a host changes by so much. */
const INCIDENTS: readonly { host: string; step: number; steps: number; change: number }[] = [
  { host: "web-2", step: 75, steps: 2, change: 41 }, // 09:12:30, a burst of requests
  { host: "db-1", step: 166, steps: 4, change: 33 }, // 09:27:40, a query without index
  { host: "web-3", step: 255, steps: 3, change: -30 }, // 09:42:30, out of the load balancer
  { host: "web-2", step: 318, steps: 1, change: 38 }, // 09:53:00, another burst
];

/** Numbers from 0 to 1 that look random (mulberry32). */
function createRandom(seed: number): () => number {
  return () => {
    seed = seed + 0x6d2b79f5 | 0;
    let mixed = Math.imul(seed ^ seed >>> 15, seed | 1);
    mixed ^= mixed + Math.imul(mixed ^ mixed >>> 7, mixed | 61);
    return ((mixed ^ mixed >>> 14) >>> 0) / 2 ** 32;
  };
}

const random = createRandom(20260302);
/** Roughly normal, with deviation 1, and never beyond 2.5: outliers are the incidents, not the noise. */
const normal = () => Math.max(-2.5, Math.min(2.5, Array.from({ length: 12 }, random).reduce((a, b) => a + b) - 6));

const lines = ["time,name,host,dc,usage,load1,procs"];
for (let step = 0; step < STEPS; step++) {
  for (const { host, dc, base, rise, noise } of HOSTS) {
    let usage = base + rise * step / STEPS + noise * normal();
    for (const incident of INCIDENTS) {
      const at = step - incident.step;
      if (incident.host === host && at >= 0 && at < incident.steps) usage += incident.change;
    }
    usage = Math.min(100, Math.max(0.5, usage));
    const load1 = usage / 100 * 8 * (1 + 0.05 * normal());
    const procs = Math.round(210 + usage / 2 + 4 * normal());
    const time = new Date((START_S + step * STEP_S) * 1000).toISOString().replace(".000Z", "Z");
    lines.push([time, "cpu", host, dc, usage.toFixed(1), load1.toFixed(2), procs].join(","));
  }
}
console.log(lines.join("\n"));
