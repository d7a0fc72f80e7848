import { assertEquals } from "@std/assert";
import { AccountedFlow, REFUSAL_REASONS, ServerAccount } from "../../src/flow/server_account.ts";

Deno.test("ServerAccount counts the flows of all threads, and refuses those that are too many", async () => {
  const account = new ServerAccount();
  const code = `import { ServerAccount } from ${
    JSON.stringify(import.meta.resolve("../../src/flow/server_account.ts"))
  };
    self.onmessage = ({ data }) => {
      const account = new ServerAccount(data);
      let begun = 0;
      for (let i = 0; i < 5000; i++) {
        if (account.begin(3)) begun++;
        else continue;
        account.add({ bytesIn: 7 });
        account.end(i % 2 === 0);
      }
      self.postMessage(begun);
    };`;
  const workers = [1, 2].map(() =>
    new Worker(`data:application/javascript,${encodeURIComponent(code)}`, { type: "module" })
  );
  const begun = await Promise.all(workers.map((worker) =>
    new Promise<number>((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = reject;
      worker.postMessage(account.memory);
    })
  ));
  for (const worker of workers) worker.terminate();
  const { flows, flowsActive, bytesIn } = account.totals;
  assertEquals([flows, flowsActive, bytesIn], [begun[0] + begun[1], 0, 7 * flows]);
});

Deno.test("AccountedFlow adds what has come since the last time, and ends once", () => {
  const account = new ServerAccount();
  const flow = new AccountedFlow(account);
  flow.begin();
  flow.moved({ bytesIn: 10, packetsIn: 1 });
  flow.moved({ bytesIn: 25, packetsIn: 2, bytesOut: 2 ** 40 });
  flow.end(false);
  flow.end(true);
  const { bytesIn, packetsIn, bytesOut, flowsActive, flows, flowsIncomplete } = account.totals;
  assertEquals([bytesIn, packetsIn, bytesOut], [25, 2, 2 ** 40]);
  assertEquals([flowsActive, flows, flowsIncomplete], [0, 1, 1]);
});

Deno.test("ServerAccount knows its one client, and counts refusals by reason", () => {
  const account = new ServerAccount();
  assertEquals([account.admits("192.0.2.1"), account.admits("192.0.2.2")], [true, true]);
  account.serveOneClient();
  assertEquals(["192.0.2.1", "192.0.2.2", "192.0.2.1"].map((host) => account.admits(host)), [true, false, true]);
  for (const reason of REFUSAL_REASONS) account.refuse(reason);
  account.refuse("key");
  assertEquals(account.totals.refusals.key, 2);
  assertEquals(account.totals.refusals["max-flows"], 1);
});
