/** The median of at least one value. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError("no values to take a median of");
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/**
 * Measures all candidates in turn, round by round, so that what disturbs the machine disturbs all of them.
 *
 * @param rounds how often each is measured
 * @param measures one function a candidate
 * @returns the median of each candidate, in their order
 */
export async function medianOfRounds(
  rounds: number,
  ...measures: readonly (() => Promise<number>)[]
): Promise<number[]> {
  const values = measures.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, measure] of measures.entries()) values[i].push(await measure());
  }
  return values.map(median);
}
