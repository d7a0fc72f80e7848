import type { Connection } from "../../wire/connection.ts";
import { messageOf } from "../../base/errors.ts";
import type { RunningUdf } from "../../udf/running_udf.ts";
import type { RecordingSide } from "../../udf/recording/recording.ts";
import type { Recorder } from "../../udf/recording/recorder.ts";
import type { Target } from "./target.ts";
import { version } from "../version.ts";

/** What `--record FILE` means to a command: its first connection goes to FILE, further ones to FILE.2, FILE.3, ... */
export interface Recordings extends AsyncDisposable {
  /** Records a connection from now on; where its file cannot be opened, it goes on unrecorded, with a warning. */
  connection(connection: Connection): Connection;
  /** Records the connection of a UDF. */
  udf(udf: RunningUdf): RunningUdf;
}

/**
 * Opens what `--record FILE` names; undefined where the flag is absent. Disposing of it writes what waits.
 *
 * @param path the value of the flag
 * @param side which end of the connections this process is
 * @param udf the UDF, for people
 * @param warn gets a sentence when a recording stops, or cannot be opened
 * @throws {TineError} `cannot-record` if the first file cannot be written: before anything has happened
 *
 * @example
 * ```ts
 * import { stdioConnection } from "../../wire/connection.ts";
 * import { openRecordings } from "./recordings.ts";
 * await using recordings = await openRecordings(undefined, "udf", "mirror", console.error);
 * const connection = recordings?.connection(stdioConnection()) ?? stdioConnection();
 * console.assert(connection !== undefined);
 * ```
 */
export async function openRecordings(
  path: string | undefined,
  side: RecordingSide,
  udf: string,
  warn: (message: string) => void,
): Promise<Recordings | undefined> {
  if (path === undefined) return undefined;
  const { openRecorder } = await import("../../udf/recording/recorder.ts");
  const { recordConnection, recordUdf } = await import("../../udf/recording/recorder.ts");
  const options = { side, udf, tine: version, warn };
  const first = openRecorder(path, options);
  const recorders = new Set([first]);
  let count = 0;

  function next(): Recorder | undefined {
    const number = ++count;
    if (number === 1) return first;
    try {
      const recorder = openRecorder(path!, { ...options, number });
      recorders.add(recorder);
      return recorder;
    } catch (error) {
      warn(`connection ${number} is not recorded: ${messageOf(error)}`);
    }
  }

  return {
    connection(connection) {
      const recorder = next();
      return recorder === undefined ? connection : recordConnection(connection, recorder);
    },
    udf(udf) {
      const recorder = next();
      return recorder === undefined ? udf : recordUdf(udf, recorder);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(Array.from(recorders, (recorder) => recorder.close()));
    },
  };
}

/** The UDF that the command line names, for people. */
export function describeTarget({ handler, socket, connect, trailing }: Target): string {
  return handler ?? socket ?? connect ?? trailing?.join(" ") ?? "";
}
