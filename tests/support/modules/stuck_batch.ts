// A UDF of batches that gets stuck in the method that its option names.

// deno-lint-ignore no-explicit-any
export function createHandler(_agent: any) {
  let where = "";
  const maybe = (method: string) => {
    if (where === method) { while (true); }
  };
  return {
    info: () => ({ wants: "batch", provides: "batch", options: { stuck: ["string"] } }),
    // deno-lint-ignore no-explicit-any
    init(request: any) {
      where = request.options[0].values[0].value;
    },
    beginBatch: () => maybe("beginBatch"),
    point: () => maybe("point"),
    endBatch: () => maybe("endBatch"),
  };
}
