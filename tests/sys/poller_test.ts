import { assert, assertEquals, assertThrows } from "@std/assert";
import { EventFd } from "../../src/sys/event_fd.ts";
import { FAILED, Poller, READABLE, type Watch, WRITABLE } from "../../src/sys/poller.ts";
import { TineError } from "../../src/base/errors.ts";
import { openFiles } from "./open_files.ts";
import { tcpPair } from "./tcp_pair.ts";
import { udpPair } from "./udp_pair.ts";

const ignore = Deno.build.os !== "linux";

/** Several eventfds that are closed together. */
function events(count: number): Disposable & { readonly all: readonly EventFd[] } {
  const all = Array.from({ length: count }, () => EventFd.open());
  return { all, [Symbol.dispose]: () => all.forEach((event) => event[Symbol.dispose]()) };
}

const idle = ignore ? [] : [...events(16).all];

/** So many files are watched directly; those after them by epoll. */
const DIRECT = 16;

for (const others of [0, DIRECT]) {
  const beside = others === 0 ? "of a few files" : "of many files";
  /** Makes a poller that watches other files already, none of which is ever ready. */
  const makePoller = (files: EventFd[] = idle.slice(0, others)) => {
    const poller = new Poller();
    for (const { fd } of files) poller.watch(fd, READABLE, () => {});
    return poller;
  };

  Deno.test({
    name: `Poller.poll() calls the handlers of the files that are ready, and no others, ${beside}`,
    ignore,
    fn() {
      using pair = udpPair("ipv4");
      const poller = makePoller();
      const seen: string[] = [];
      poller.watch(pair.server.fd, READABLE, (ready) => seen.push(`server ${ready}`));
      const client = poller.watch(pair.client.fd, READABLE | WRITABLE, (ready) => seen.push(`client ${ready}`));
      assertEquals([poller.poll(0), seen.splice(0)], [1, [`client ${WRITABLE}`]]);
      client.interest = READABLE;
      assertEquals([poller.poll(0), client.interest], [0, READABLE]);
      pair.client.send(Uint8Array.of(1));
      assertEquals([poller.poll(Infinity), seen.splice(0)], [1, [`server ${READABLE}`]]);
      client.interest = WRITABLE;
      assertEquals([poller.poll(1e9), seen.splice(0)], [2, [`server ${READABLE}`, `client ${WRITABLE}`]]);
    },
  });

  Deno.test({
    name: `Poller.poll() reports a connection that was reset to whoever has any interest, ${beside}`,
    ignore,
    fn() {
      using pair = tcpPair("ipv4");
      const poller = makePoller();
      let seen = 0;
      const watch = poller.watch(pair.client.fd, 0, (ready) => seen = ready);
      pair.server.send(Uint8Array.of(1));
      pair.client.send(Uint8Array.of(1));
      pair.server.close(); // With data unread: a reset.
      assertEquals([poller.poll(1e6), seen], [0, 0]);
      watch.interest = WRITABLE;
      assertEquals(poller.poll(5e9), 1);
      assert((seen & FAILED) !== 0);
      watch.interest = 0;
      assertEquals(poller.poll(0), 0);
    },
  });

  Deno.test({
    name: `Watch.close() within a handler ends the watch at once, also of those that come after, ${beside}`,
    ignore,
    fn() {
      using files = events(4);
      const poller = makePoller();
      const seen: number[] = [];
      const watches: Watch[] = files.all.map((event, i) =>
        poller.watch(event.fd, READABLE, () => {
          seen.push(i);
          if (i === 1) { for (const end of [0, 1, 2]) watches[end].close(); }
        })
      );
      for (const event of files.all) event.signal();
      assertEquals([poller.poll(0), seen.splice(0), poller.size - others], [4, [0, 1, 3], 1]);
      assertEquals([poller.poll(0), seen.splice(0), poller.size - others], [1, [3], 1]);
      watches[1].close();
      watches[1].interest = READABLE;
      assertEquals([watches[1].interest, poller.size - others], [0, 1]);
      watches[3].interest = 0;
      assertEquals(poller.poll(0), 0);
    },
  });

  Deno.test({
    name: `Poller.watch() within a handler counts from the next call on, beyond the first capacity too, ${beside}`,
    ignore,
    fn() {
      using files = events(100);
      for (const event of files.all) event.signal();
      const poller = makePoller();
      let calls = 0;
      poller.watch(files.all[0].fd, READABLE, () => {
        if (poller.size === others + 1) {
          for (const event of files.all.slice(1)) {
            poller.watch(event.fd, READABLE, () => calls++);
          }
        }
      });
      assertEquals([poller.poll(0), calls, poller.size - others], [1, 0, 100]);
      assertEquals([poller.poll(0), calls], [100, 99]);
    },
  });

  Deno.test({
    name: `Poller.poll() throws what a handler throws, and reports the rest at the next call, ${beside}`,
    ignore,
    fn() {
      using files = events(3);
      const poller = makePoller();
      const seen: number[] = [];
      let broken = true;
      for (const [i, event] of files.all.entries()) {
        poller.watch(event.fd, READABLE, () => {
          if (i === 1 && broken) throw new Error("broken");
          seen.push(i);
          event.clear();
        });
        event.signal();
      }
      assertThrows(() => poller.poll(0), Error, "broken");
      broken = false;
      assertEquals([poller.poll(0), seen], [2, [0, 1, 2]]);
    },
  });
}

Deno.test({
  name: "Poller.poll() waits for the time it is given, below a millisecond too",
  ignore,
  fn() {
    const poller = new Poller();
    for (const nanos of [300_000, 2_500_000]) {
      const start = performance.now();
      assertEquals(poller.poll(nanos), 0);
      const took = (performance.now() - start) * 1e6;
      // How much later it may be is the machine's affair.
      assert(took >= nanos - 1000, `${took} ns`);
    }
    assertEquals([poller.poll(0), poller.poll(-5)], [0, 0]);
    assertThrows(() => poller.poll(NaN), RangeError);
  },
});

Deno.test({
  name: "Poller.poll() goes on waiting when a signal interrupts it",
  ignore,
  async fn() {
    const arrived = Promise.withResolvers<void>();
    const onSignal = () => arrived.resolve();
    Deno.addSignalListener("SIGUSR2", onSignal);
    const script = `sleep 0.05; for _ in 1 2 3; do kill -USR2 ${Deno.pid}; done`;
    const sender = new Deno.Command("sh", { args: ["-c", script] }).spawn();
    const start = performance.now();
    assertEquals(new Poller().poll(200_000_000), 0);
    assert(performance.now() - start >= 199);
    await Promise.all([arrived.promise, sender.status]);
    Deno.removeSignalListener("SIGUSR2", onSignal);
  },
});

Deno.test({
  name: "Poller.poll() says that a file was closed while it was watched",
  ignore,
  fn() {
    const event = EventFd.open();
    const poller = new Poller();
    poller.watch(event.fd, READABLE, () => {});
    event[Symbol.dispose]();
    const error = assertThrows(() => poller.poll(0), TineError);
    assertEquals([error.code, error.message], ["closed-file", `file ${event.fd} was closed while it was watched`]);
  },
});

Deno.test({
  name: "EventFd wakes a worker that waits for ever, from another thread",
  ignore,
  async fn() {
    using wakeUp = EventFd.open();
    const sys = new URL("../../src/sys/", import.meta.url);
    const code = `
      import { Poller, READABLE } from "${sys}poller.ts";
      import { EventFd } from "${sys}event_fd.ts";
      using wakeUp = EventFd.borrow(${wakeUp.fd});
      const poller = new Poller();
      let canceled = false;
      poller.watch(wakeUp.fd, READABLE, () => canceled = wakeUp.clear());
      postMessage("waiting");
      while (!canceled) poller.poll(Infinity);
      postMessage("canceled");
      self.close();`;
    const url = URL.createObjectURL(new Blob([code], { type: "application/javascript" }));
    const worker = new Worker(url, { type: "module" });
    const said = new Promise<string>((resolve, reject) => {
      worker.onmessage = ({ data }) => data === "waiting" ? wakeUp.signal() : resolve(data);
      worker.onerror = (event) => reject(new Error(event.message));
    });
    assertEquals(await said, "canceled");
    URL.revokeObjectURL(url);
    // The worker has cleared it, and what it borrowed is still open.
    assertEquals(wakeUp.clear(), false);
    wakeUp.signal();
    assertEquals(wakeUp.clear(), true);
  },
});

Deno.test({
  name: "EventFd.clear() says whether it was signaled, once or more",
  ignore,
  fn() {
    using event = EventFd.open();
    assertEquals(event.clear(), false);
    event.signal();
    event.signal();
    assertEquals([event.clear(), event.clear()], [true, false]);
  },
});

Deno.test({
  name: "Poller gives each of several watches of one file what it is interested in, and opens no file for nothing",
  ignore,
  fn() {
    using pair = udpPair("ipv4");
    const before = openFiles();
    const poller = new Poller();
    for (const { fd } of idle) poller.watch(fd, READABLE, () => {});
    assertEquals(openFiles(), before);
    const seen: string[] = [];
    const reads = poller.watch(pair.client.fd, READABLE, (ready) => seen.push(`reads ${ready}`));
    const writes = poller.watch(pair.client.fd, WRITABLE, (ready) => seen.push(`writes ${ready}`));
    assertEquals([poller.poll(0), seen.splice(0)], [1, [`writes ${WRITABLE}`]]);
    pair.server.sendTo(Uint8Array.of(1), pair.client.localAddress());
    assertEquals([poller.poll(1e9), seen.splice(0)], [1, [`reads ${READABLE}`, `writes ${WRITABLE}`]]);
    writes.close();
    assertEquals([poller.poll(0), seen.splice(0)], [1, [`reads ${READABLE}`]]);
    reads.interest = 0;
    assertEquals(poller.poll(0), 0);
    reads.interest = READABLE;
    assertEquals([poller.poll(0), seen.splice(0)], [1, [`reads ${READABLE}`]]);
    reads.close();
    assertEquals([poller.poll(0), poller.size, openFiles()], [0, idle.length, before]);
  },
});

Deno.test({
  name: "Poller says that one of many files was closed while it was watched, once its watch changes",
  ignore,
  fn() {
    const poller = new Poller();
    for (const { fd } of idle) poller.watch(fd, READABLE, () => {});
    const event = EventFd.open();
    const watch = poller.watch(event.fd, READABLE, () => {});
    event[Symbol.dispose]();
    assertEquals(assertThrows(() => watch.interest = WRITABLE, TineError).code, "closed-file");
    // The next file has its number, and is another file.
    using next = EventFd.open();
    assertEquals(next.fd, event.fd);
    let seen = 0;
    poller.watch(next.fd, READABLE, () => seen++);
    watch.close();
    next.signal();
    assertEquals([poller.poll(0), seen], [1, 1]);
  },
});
