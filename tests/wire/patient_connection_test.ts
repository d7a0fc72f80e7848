import { assert, assertEquals, assertRejects } from "@std/assert";
import { writeAll } from "../../src/wire/connection.ts";
import { TineError } from "../../src/base/errors.ts";
import { PatientConnection } from "../../src/wire/patient_connection.ts";
import { pipe } from "../../src/wire/pipe.ts";

const TIMEOUT_MS = 100;

function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31) & 0xff);
}

Deno.test("PatientConnection.write() fails once the input has ended and the peer takes nothing", async () => {
  const [near, host] = pipe();
  const patient = new PatientConnection(near, TIMEOUT_MS);
  await host.closeWrite();
  assertEquals(await patient.read(new Uint8Array(8)), null);
  const error = await assertRejects(
    () => patient.write(new Uint8Array(10)),
    TineError,
    "for 0.1 s no output has been taken",
  );
  assertEquals(error.code, "output-not-taken");
  patient.close();
});

Deno.test("PatientConnection.write() learns of the end of the input by itself, and the reader gets all of it", async () => {
  const [near, host] = pipe();
  const patient = new PatientConnection(near, TIMEOUT_MS);
  const bytes = pattern(300_000);
  const sending = writeAll(host, bytes).then(() => host.closeWrite());
  const start = new Uint8Array(1000);
  const count = (await patient.read(start))!;
  // Nothing reads here until the write has failed.
  await assertRejects(() => patient.write(new Uint8Array(10)), TineError, "the input has ended");
  await sending;
  const received = [...start.subarray(0, count)];
  const buffer = new Uint8Array(50_000);
  for (let more; (more = await patient.read(buffer)) !== null;) received.push(...buffer.subarray(0, more));
  assertEquals(Uint8Array.from(received), bytes);
  patient.close();
});

Deno.test("PatientConnection.inputEnd() finds the end behind what nobody reads, and the reader gets all of it", async () => {
  const [near, host] = pipe();
  const patient = new PatientConnection(near, TIMEOUT_MS);
  const bytes = pattern(300_000);
  const sending = writeAll(host, bytes).then(() => host.closeWrite());
  const buffer = new Uint8Array(50_000);
  const received: number[] = [...buffer.subarray(0, (await patient.read(buffer))!)];
  await patient.inputEnd();
  await sending;
  for (let more; (more = await patient.read(buffer)) !== null;) received.push(...buffer.subarray(0, more));
  assertEquals(Uint8Array.from(received), bytes);
  await patient.inputEnd();
  patient.close();
});

Deno.test("PatientConnection.read() gets bytes in order also while it reads ahead", async () => {
  const [near, host] = pipe();
  let reads = 0;
  const ahead = Promise.withResolvers<void>();
  const patient = new PatientConnection({
    read(buffer) {
      if (reads++ === 0) ahead.resolve();
      return near.read(buffer);
    },
    write: (bytes) => near.write(bytes),
    closeWrite: () => near.closeWrite(),
    close: () => near.close(),
  }, TIMEOUT_MS);
  void patient.inputEnd();
  await ahead.promise; // nobody reads, so it does by itself
  const buffer = new Uint8Array(1);
  const reading = patient.read(buffer);
  await writeAll(host, Uint8Array.of(1));
  const sending = writeAll(host, Uint8Array.of(2)).then(() => host.closeWrite());
  const received: number[] = [];
  for (let count = await reading; count !== null; count = await patient.read(buffer)) received.push(buffer[0]);
  await sending;
  assertEquals(received, [1, 2]);
  patient.close();
});

Deno.test("PatientConnection reads ahead only so much of an input that does not end, and its output waits on", async () => {
  const [near, host] = pipe();
  const patient = new PatientConnection(near, 20);
  const writing = patient.write(new Uint8Array(10));
  let sent = 0;
  const sending = (async () => {
    for (; sent < 200; sent++) await writeAll(host, new Uint8Array(64 * 1024));
  })();
  while (sent < 64) await new Promise((resolve) => setTimeout(resolve, 5));
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setTimeout(resolve, 5));
  assert(sent <= 64, `${sent} pieces of 64 KiB`);
  assertEquals(await host.read(new Uint8Array(64)), 10);
  assertEquals(await writing, 10);
  const buffer = new Uint8Array(64 * 1024);
  for (let total = 0; total < 200 * buffer.length;) total += (await patient.read(buffer))!;
  await sending;
  patient.close();
});

Deno.test("PatientConnection.write() waits for a peer that takes a little now and then, also after the end of the input", async () => {
  const [near, host] = pipe();
  const patient = new PatientConnection(near, TIMEOUT_MS);
  await host.closeWrite();
  assertEquals(await patient.read(new Uint8Array(8)), null);
  const started = performance.now();
  const writing = writeAll(patient, new Uint8Array(64 * 1024));
  const buffer = new Uint8Array(4 * 1024);
  let taken = 0;
  while (taken < 64 * 1024) {
    await new Promise((resolve) => setTimeout(resolve, TIMEOUT_MS / 10));
    taken += (await host.read(buffer))!;
  }
  await writing;
  assert(performance.now() - started > TIMEOUT_MS, "each piece has its own time");
  patient.close();
});
