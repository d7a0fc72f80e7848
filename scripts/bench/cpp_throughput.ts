import { type Benchmark, MissingPeer } from "./benchmark.ts";
import { medianOfRounds } from "./median.ts";
import { pointFrames } from "./points.ts";
import { tine } from "./programs.ts";
import { pointsPerSecond, thousands } from "./throughput.ts";

const folder = (relative: string) => new URL(relative, import.meta.url).pathname;

/** Points/s of an agent over pipes, beside one in C++ on protobuf's own library. */
export const benchmark: Benchmark = {
  summary: "points/s of `tine agent moving-avg` over stdio, beside a plain C++ agent on libprotobuf",

  async *run({ quick }) {
    const count = quick ? 5_000 : 400_000;
    await using peer = await compilePeer(quick ? "-O0" : "-O2");
    for (const texts of ["repeating", "unique"] as const) {
      const frames = pointFrames(count, texts);
      const [agent, plain] = await medianOfRounds(
        quick ? 1 : 5,
        () => pointsPerSecond(tine("agent", "moving-avg"), frames, count),
        () => pointsPerSecond([peer.path], frames, count),
      );
      yield {
        what: `agent, strings ${texts === "unique" ? "that never repeat" : "that repeat"}`,
        figures: `${thousands(agent)} points/s, C++ ${thousands(plain)}: ${(agent / plain).toFixed(1)} x`,
        target: "2 x the C++ agent",
        reached: agent >= 2 * plain,
      };
    }
  },
};

/** The C++ agent, compiled into a folder that goes away. */
interface Peer extends AsyncDisposable {
  readonly path: string;
}

/** @throws {MissingPeer} where protoc, a C++ compiler or protobuf's library for it is not installed */
async function compilePeer(optimize: "-O0" | "-O2"): Promise<Peer> {
  const made = await Deno.makeTempDir({ prefix: "tine-bench-cpp-" });
  const path = `${made}/cpp_agent`;
  try {
    await run("protoc", `--proto_path=${folder("../../proto")}`, `--cpp_out=${made}`, "udf.proto");
    await run(
      "c++",
      optimize,
      `-I${made}`,
      "-o",
      path,
      folder("cpp_agent.cc"),
      `${made}/udf.pb.cc`,
      "-lprotobuf",
      "-pthread",
    );
  } catch (error) {
    await Deno.remove(made, { recursive: true });
    throw error;
  }
  return { path, [Symbol.asyncDispose]: () => Deno.remove(made, { recursive: true }) };
}

async function run(program: string, ...args: string[]): Promise<void> {
  let output: Deno.CommandOutput;
  try {
    output = await new Deno.Command(program, { args, stdin: "null" }).output();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new MissingPeer(`${program} is not installed`);
  }
  if (output.success) return;
  const reason = new TextDecoder().decode(output.stderr).split("\n").find((line) => line.includes("error")) ?? "";
  throw new MissingPeer(`${program} failed (is protobuf's C++ library installed?): ${reason}`);
}
