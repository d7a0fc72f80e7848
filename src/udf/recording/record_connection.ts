import { type Connection, writeAll } from "../../wire/connection.ts";
import type { RunningUdf } from "../running_udf.ts";
import type { Recorder } from "./recorder.ts";

/**
 * A connection that records what crosses it.
 *
 * What goes out is recorded before it is written, so that a question stands before its answer; bytes that a failed write
 * could not deliver are in the recording too.
 *
 * @param recorder knows which end of the connection this is; closed with the connection
 *
 * @example
 * ```ts
 * import { openRecorder } from "./recorder.ts";
 * import { recordConnection } from "./record_connection.ts";
 * import { pipe } from "../../wire/pipe.ts";
 * const path = await Deno.makeTempFile();
 * const recorder = openRecorder(path, { side: "host", udf: "mirror", tine: "0.1.0", warn: console.error });
 * const [host, udf] = pipe();
 * const recorded = recordConnection(host, recorder);
 * const reading = udf.read(new Uint8Array(8));
 * await recorded.write(new Uint8Array([0]));
 * console.assert(await reading === 1);
 * await recorder.close();
 * ```
 */
export function recordConnection(connection: Connection, recorder: Recorder): Connection {
  const host = recorder.side === "host";
  const out = (bytes: Uint8Array) => host ? recorder.requests(bytes) : recorder.responses(bytes);
  const outEnd = () => host ? recorder.endRequests() : recorder.endResponses();
  const into = (bytes: Uint8Array) => host ? recorder.responses(bytes) : recorder.requests(bytes);
  const intoEnd = () => host ? recorder.endResponses() : recorder.endRequests();
  let outEnded = false;
  return {
    async read(buffer) {
      const count = await connection.read(buffer);
      if (count === null) {
        intoEnd();
        return null;
      }
      const busy = into(buffer.subarray(0, count));
      if (busy !== undefined) await busy;
      return count;
    },
    async write(bytes) {
      const busy = out(bytes);
      if (busy !== undefined) await busy;
      // All of it: the rest of a partial write would come here, and be recorded, again.
      await writeAll(connection, bytes);
      return bytes.length;
    },
    async closeWrite() {
      if (!outEnded) outEnd();
      outEnded = true;
      await connection.closeWrite();
    },
    close() {
      connection.close();
      void recorder.close();
    },
  };
}

/**
 * A UDF whose connection is recorded, seen from the host; closing it closes the recording.
 *
 * @example
 * ```ts
 * import { createHandler } from "../handlers/mirror.ts";
 * import { startInProcess } from "../running_udf.ts";
 * import { openRecorder } from "./recorder.ts";
 * import { recordUdf } from "./record_connection.ts";
 * const path = await Deno.makeTempFile();
 * const recorder = openRecorder(path, { side: "host", udf: "mirror", tine: "0.1.0", warn: console.error });
 * const udf = recordUdf(startInProcess("mirror", createHandler), recorder);
 * await udf.close();
 * ```
 */
export function recordUdf(udf: RunningUdf, recorder: Recorder): RunningUdf {
  return {
    name: udf.name,
    connection: recordConnection(udf.connection, recorder),
    ended: udf.ended,
    kill: () => udf.kill(),
    async close() {
      await udf.close();
      await recorder.close();
    },
  };
}
