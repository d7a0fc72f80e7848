/** The module that `tine init my_udf.js` writes. NAME, MODULE and TEST stand for the names of the UDF and of its files. */
export const MODULE = `// A UDF: how fast a field changes, for each group of points. Change it into
// yours.
//
// The types in comments are for editors; a UDF needs nothing but tine to run.
/** @typedef {import("@tine/tine/udf").Handler} Handler */
/** @typedef {import("@tine/tine/udf").Output} Output */

/**
 * Called once for each task that uses the UDF.
 *
 * @param {Output} agent
 * @returns {Handler}
 */
export function createHandler(agent) {
  // The state of one task: there is one handler for each, so variables belong
  // here and not to the module.
  let field = "";
  let as = "rate";
  let unit = 1_000_000_000n; // ns
  /** @type {Map<string, { time: bigint, value: number }>} */
  let groups = new Map();

  return {
    // What the UDF takes and gives ("stream": single points, "batch": batches),
    // and its options with the types of their values. In a TICKscript:
    // @NAME().field('value').unit(1s)
    info: () => ({
      wants: "stream",
      provides: "stream",
      options: { field: ["string"], as: ["string"], unit: ["duration"] },
    }),

    // The options as the script gives them. A failure is shown to whoever
    // starts the task.
    init({ options }) {
      for (const { name, values: [value] } of options) {
        if (name === "field" && value?.type === "string") field = value.value;
        else if (name === "as" && value?.type === "string") as = value.value;
        else if (name === "unit" && value?.type === "duration") {
          unit = value.value;
        } else return { success: false, error: \`unknown option \${name}\` };
      }
      if (field === "") {
        return { success: false, error: "missing option: field" };
      }
      if (unit <= 0n) {
        return { success: false, error: "option unit must be more than 0s" };
      }
      return { success: true, error: "" };
    },

    // A point. Write as many as you like with agent.point(), now or later (what
    // is written before init and restore are done goes out after them). Return the promise that it may give: it makes the host wait when points
    // come faster than they can go out.
    point(point) {
      const value = point.field(field);
      // Doubles are numbers, integers are bigints; a point may lack the field.
      if (typeof value !== "number" && typeof value !== "bigint") return;
      const now = { time: point.time, value: Number(value) };
      const last = groups.get(point.group);
      groups.set(point.group, now);
      if (last === undefined || now.time <= last.time) return;
      const rate = (now.value - last.value) * Number(unit) /
        Number(now.time - last.time);
      // The point keeps its time, name, tags and group. Also possible:
      // agent.point({ time, name, tags, fields: { rate: 1.5 } })
      point.setFields([[as, rate]]);
      return agent.point(point);
    },

    // The state, as bytes of your choice: Kapacitor asks every minute, and
    // gives the last ones to restore() when it starts the task again.
    snapshot() {
      const saved = Array.from(
        groups,
        ([group, { time, value }]) => [group, String(time), String(value)],
      );
      return new TextEncoder().encode(JSON.stringify({ field, groups: saved }));
    },

    // The snapshot may be of other options: Kapacitor gives it back also after
    // the task was defined anew, and stops a task that refuses it. Take of it
    // what still makes sense.
    restore(snapshot) {
      try {
        const saved = JSON.parse(new TextDecoder().decode(snapshot));
        const restored = new Map();
        for (const [group, time, value] of saved.groups) {
          restored.set(group, { time: BigInt(time), value: Number(value) });
        }
        if (saved.field === field) groups = restored;
        else console.error(\`the snapshot is of the field \${saved.field}\`);
        return { success: true, error: "" };
      } catch (error) {
        return {
          success: false,
          error: \`this is no snapshot of mine: \${error}\`,
        };
      }
    },

    // There is no more input. What it returns is waited for; points may still
    // be written.
    stop() {
      // The console goes to the host's log.
      console.error(\`groups: \${groups.size}\`);
    },
  };
}
`;

/** The test beside it. */
export const TEST = `// Run it with: deno test TEST
import { createHandler } from "./MODULE";

/** The handler with its options, and what it writes. */
async function start(field = "value") {
  const written = [];
  const agent = {
    point: (point) => void written.push(point),
    beginBatch() {},
    endBatch() {},
  };
  const handler = createHandler(agent);
  const options = [{
    name: "field",
    values: [{ type: "string", value: field }],
  }];
  const outcome = await handler.init({
    options,
    taskId: "test",
    nodeId: "test",
  });
  if (outcome && !outcome.success) throw new Error(outcome.error);
  return { handler, written };
}

/** A point as the handler gets it, as far as the handler uses it. */
function point(seconds, value, group = "", field = "value") {
  const made = {
    time: BigInt(seconds * 1e9),
    name: "m",
    group,
    fieldsDouble: new Map([[field, value]]),
    field: (name) => made.fieldsDouble.get(name),
    setFields(fields) {
      made.fieldsDouble = new Map(fields);
    },
  };
  return made;
}

function rates(written) {
  return written.map((point) => point.field("rate"));
}

function assertEquals(actual, expected) {
  const [got, wanted] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (got !== wanted) throw new Error(\`expected \${wanted}, got \${got}\`);
}

Deno.test("the rate is the change for each second", async () => {
  const { handler, written } = await start();
  await handler.point(point(10, 5));
  await handler.point(point(12, 8));
  assertEquals(rates(written), [1.5]);
});

Deno.test("groups do not mix", async () => {
  const { handler, written } = await start();
  await handler.point(point(1, 0, "host=a"));
  await handler.point(point(2, 100, "host=b"));
  await handler.point(point(3, 4, "host=a"));
  assertEquals(rates(written), [2]);
});

Deno.test("a restored snapshot goes on where it was taken", async () => {
  const before = await start();
  await before.handler.point(point(1, 1));
  const snapshot = await before.handler.snapshot();
  const after = await start();
  await after.handler.restore(snapshot);
  await after.handler.point(point(2, 4));
  assertEquals(rates(after.written), [3]);
});

Deno.test("a snapshot of another field is taken, and starts empty", async () => {
  const before = await start();
  await before.handler.point(point(1, 1));
  const snapshot = await before.handler.snapshot();
  const after = await start("other");
  const outcome = await after.handler.restore(snapshot);
  assertEquals(outcome, { success: true, error: "" });
  await after.handler.point(point(2, 4, "", "other"));
  await after.handler.point(point(3, 6, "", "other"));
  assertEquals(rates(after.written), [2]);
});

Deno.test("init fails without the option field", async () => {
  const outcome = await createHandler({
    point() {},
    beginBatch() {},
    endBatch() {},
  })
    .init({ options: [], taskId: "", nodeId: "" });
  assertEquals(outcome, { success: false, error: "missing option: field" });
});
`;
