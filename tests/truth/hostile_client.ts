/**
 * A client of TCP flows that keeps opening them and cares for no limit. It is a program of its own, for a namespace:
 * `deno run -A hostile_client.ts ADDRESS CONNECTIONS MILLISECONDS` prints how many of its flows were taken and refused.
 *
 * @module
 */
import { RawClient } from "../flow/stream/raw_client.ts";

/** Opens flows, one after another, and sends and receives as much as it can. */
async function attack(address: string, connections: number, until: number): Promise<Record<string, number>> {
  const answers: Record<string, number> = {};
  const running: Promise<void>[] = [];
  for (let i = 0; i < connections; i++) {
    const direction = i % 2 === 0 ? "upload" : "download";
    const client = await RawClient.connect(address);
    await client.request({
      flow: `raw.${i}`,
      direction,
      sampleIOIntervalMs: 100,
      bufLenBytes: 2 ** 20,
      lengthBytes: 2 ** 40,
    });
    const { ok, message = "taken" } = await client.answer();
    answers[String(message)] = (answers[String(message)] ?? 0) + 1;
    if (ok) running.push(direction === "upload" ? send(client, until) : receive(client, until));
    else client.conn.close();
  }
  await Promise.all(running);
  return answers;
}

async function send({ conn }: RawClient, until: number): Promise<void> {
  const bytes = new Uint8Array(2 ** 16);
  // A write that waits for the server is not waited for at the end.
  while (performance.now() < until) {
    await Promise.race([conn.write(bytes), new Promise((resolve) => setTimeout(resolve, until - performance.now()))]);
  }
}

async function receive({ conn }: RawClient, until: number): Promise<void> {
  const bytes = new Uint8Array(2 ** 20);
  while (performance.now() < until) await conn.read(bytes);
}

if (import.meta.main) {
  const [address, connections, ms] = Deno.args;
  console.log(JSON.stringify(await attack(address, Number(connections), performance.now() + Number(ms))));
}
