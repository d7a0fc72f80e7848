import { assertEquals } from "@std/assert";
import { SortedValues } from "../../../src/udf/handlers/sorted_values.ts";
import { Random } from "../../support/random.ts";

Deno.test("SortedValues holds what a sorted list holds, whatever is added, removed and replaced", () => {
  const random = new Random(151);
  for (const [target, distinct] of [[3, 5], [40, 10], [700, 30], [3000, 1e6], [3000, 3]]) {
    const values = new SortedValues();
    const list: number[] = [];
    // Grows to the target, then by turns shrinks and grows.
    for (let step = 0; step < 4 * target; step++) {
      if (list.length > 0 && random.oneIn(3)) {
        const value = random.below(distinct) - distinct / 2;
        const i = random.below(list.length);
        values.replace(list[i], value);
        list[i] = value;
      }
      const grow = list.length === 0 || (step % (2 * target) < target ? !random.oneIn(5) : random.oneIn(5));
      if (grow) {
        const value = random.below(distinct) - distinct / 2;
        values.add(value);
        list.push(value);
      } else {
        const [value] = list.splice(random.below(list.length), 1);
        values.remove(value);
      }
      if (step % 37 === 0 || list.length < 4) assertEquals(all(values), list.toSorted((a, b) => a - b));
    }
    assertEquals(all(SortedValues.from(list)), list.toSorted((a, b) => a - b));
    const copy = SortedValues.from(list);
    for (const value of list.splice(0)) copy.remove(value);
    assertEquals(all(copy), []);
  }
});

function all(values: SortedValues): number[] {
  return Array.from({ length: values.length }, (_, i) => values.at(i));
}
