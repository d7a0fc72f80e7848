import { type Bottleneck, worstBottlenecks } from "../../flow/analysis/mod.ts";

/** The lines of a summary that say that the network is not all that was measured. */
export function bottleneckLines(bottlenecks: readonly Bottleneck[]): string[] {
  if (bottlenecks.length === 0) return [];
  return [
    "",
    "These figures may be limited by tine and its machines rather than by the network:",
    ...worstBottlenecks(bottlenecks).map(({ message }) => `- ${message}`),
  ];
}

/** The same as objects. */
export function bottlenecksJson(bottlenecks: readonly Bottleneck[]): object[] {
  return worstBottlenecks(bottlenecks).map(({ code, message }) => ({ code, message }));
}
