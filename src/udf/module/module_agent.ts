import { settlesWithin } from "../../base/time.ts";
import { type Connection, copy } from "../../wire/connection.ts";
import { TineError } from "../../base/errors.ts";
import type { ServingAgent } from "../agent_server.ts";
import type { ModuleUdf } from "./module_runner.ts";

const LINGER_MS = 1000;

/** Joins the connection of a host to a handler in a worker; what {@linkcode Agent} is for a handler in this thread. */
export class ModuleAgent implements ServingAgent {
  readonly #connection: Connection;
  readonly #udf: ModuleUdf;

  constructor(connection: Connection, udf: ModuleUdf) {
    this.#connection = connection;
    this.#udf = udf;
  }

  /**
   * Serves the host until its input ends, {@linkcode stop} is called, or something fails; ends the connection.
   *
   * @throws {TineError} `module-failed` with the reason that was sent to the host
   */
  async run(): Promise<void> {
    const { connection } = this.#udf;
    // When the handler has ended there is nobody left to read for: the reading that is under way is abandoned.
    const reading = copy(this.#connection, connection).catch(() => connection.closeWrite());
    try {
      await copy(connection, this.#connection);
      const failure = await this.#udf.ended;
      if (failure === undefined) return;
      await this.#udf.close(); // nobody takes what comes in any more
      await this.#linger(reading);
      throw new TineError("module-failed", failure.replace(/^failed: /, ""));
    } finally {
      await this.#udf.close();
      this.#connection.close();
    }
  }

  stop(): void {
    this.#udf.stop();
  }

  /**
   * Reads what the host still sends, for a while: closing a socket with unread input may destroy the ErrorResponse on
   * its way.
   */
  async #linger(reading: Promise<void>): Promise<void> {
    const drained = reading.then(async () => {
      const bytes = new Uint8Array(64 * 1024);
      while (await this.#connection.read(bytes) !== null);
    }).catch(() => {});
    await settlesWithin(LINGER_MS, drained);
  }
}
