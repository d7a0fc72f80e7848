// A UDF: how fast a field changes, for each group of points. Change it into
// yours.
//
// The import below is for types only. It is gone when the module runs, so a UDF
// needs nothing but tine.
import type {
  Handler,
  InitRequest,
  Outcome,
  Output,
  Point,
} from "@tine/tine/udf";

/** The last value of a group. */
interface Last {
  time: bigint;
  value: number;
}

/** The state as it is saved; JSON has no int64. */
interface Saved {
  field: string;
  groups: [group: string, time: string, value: string][];
}

/** Called once for each task that uses the UDF. */
export function createHandler(agent: Output): Handler {
  // The state of one task: there is one handler for each, so variables belong
  // here and not to the module.
  let field = "";
  let as = "rate";
  let unit = 1_000_000_000n; // ns
  let groups = new Map<string, Last>();

  return {
    // What the UDF takes and gives ("stream": single points, "batch": batches),
    // and its options with the types of their values. In a TICKscript:
    // @my_udf().field('value').unit(1s)
    info: () => ({
      wants: "stream",
      provides: "stream",
      options: { field: ["string"], as: ["string"], unit: ["duration"] },
    }),

    // The options as the script gives them. Kapacitor shows a failure where the
    // task is started.
    init({ options }: InitRequest): Outcome {
      for (const { name, values: [value] } of options) {
        if (name === "field" && value?.type === "string") field = value.value;
        else if (name === "as" && value?.type === "string") as = value.value;
        else if (name === "unit" && value?.type === "duration") {
          unit = value.value;
        } else return { success: false, error: `unknown option ${name}` };
      }
      if (field === "") {
        return { success: false, error: "missing option: field" };
      }
      if (unit <= 0n) {
        return { success: false, error: "option unit must be more than 0s" };
      }
      return { success: true, error: "" };
    },

    // A point. Write any number of points with agent.point(), now or later
    // (what is written before init and restore are done goes out after them).
    // Return the promise that it may return: the host then waits when points
    // come faster than they can go out.
    point(point: Point): Promise<void> | void {
      const value = point.field(field);
      // Doubles are numbers, integers are bigints; a point may lack the field.
      if (typeof value !== "number" && typeof value !== "bigint") return;
      const now: Last = { time: point.time, value: Number(value) };
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

    // The state, as bytes of your choice. Kapacitor asks every minute, and
    // passes the last ones to restore() when it starts the task again.
    snapshot(): Uint8Array {
      const saved = Array.from(
        groups,
        ([group, { time, value }]) => [group, String(time), String(value)],
      );
      return new TextEncoder().encode(JSON.stringify({ field, groups: saved }));
    },

    // The snapshot may be of other options: Kapacitor returns it also after the
    // task was defined anew, and stops a task that refuses it. Take what still
    // makes sense.
    restore(snapshot: Uint8Array): Outcome {
      try {
        const saved: Saved = JSON.parse(new TextDecoder().decode(snapshot));
        const restored = new Map<string, Last>();
        for (const [group, time, value] of saved.groups) {
          restored.set(group, { time: BigInt(time), value: Number(value) });
        }
        if (saved.field === field) groups = restored;
        else console.error(`the snapshot is of the field ${saved.field}`);
        return { success: true, error: "" };
      } catch (error) {
        return {
          success: false,
          error: `this is no snapshot of mine: ${error}`,
        };
      }
    },

    // There is no more input. The agent waits for the promise that this
    // returns; points may still be written.
    stop() {
      // The console goes to the host's log.
      console.error(`groups: ${groups.size}`);
    },
  };
}
