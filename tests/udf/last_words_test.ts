import { assertEquals, assertMatch } from "@std/assert";
import { LastWords } from "../../src/udf/last_words.ts";
import { checkProgram, startProcess } from "../../src/udf/udf_process.ts";

/** A program that crashes. */
interface Crash {
  what: string;
  /** The program that it needs. */
  program: string;
  file: string;
  source: string;
  /** Runs the file; `$0` is the file. */
  shell: string;
  /** What explains its end. */
  explanation: RegExp;
}

const CRASHES: readonly Crash[] = [
  {
    what: "a panic of Go",
    program: "go",
    file: "main.go",
    source: `package main
import "errors"
func handle() { panic(errors.New("no field v\\nin the point")) }
func main() { handle() }`,
    shell: `go run "$0"`,
    explanation: /^panic: no field v in the point$/,
  },
  {
    what: "a fatal error of Go",
    program: "go",
    file: "main.go",
    source: "package main\nfunc main() { <-make(chan int) }",
    shell: `go run "$0"`,
    explanation: /^fatal error: all goroutines are asleep - deadlock!$/,
  },
  {
    what: "an exception of Java with its root cause",
    program: "java",
    file: "Main.java",
    source: `public class Main {
  static void handle() { throw new IllegalStateException("no field v", new java.io.IOException("disk full")); }
  public static void main(String[] args) {
    try { handle(); } catch (RuntimeException e) { throw new RuntimeException("bad point\\nof two lines", e); }
  }
}`,
    shell: `java "$0"`,
    explanation:
      /^Exception in thread "main" java.lang.RuntimeException: bad point; caused by java.io.IOException: disk full$/,
  },
  {
    what: "a panic of Rust with its backtrace",
    program: "rustc",
    file: "main.rs",
    source: `fn main() { let values: Vec<i32> = vec![]; println!("{}", values[std::env::args().count() + 6]); }`,
    shell: `rustc -o "$0.out" "$0" && RUST_BACKTRACE=1 "$0.out"`,
    explanation: /^thread 'main' .*panicked at .*main.rs:1:\d+: index out of bounds: the len is 0 but the index is 7$/,
  },
  {
    what: "an error of Node.js",
    program: "node",
    file: "main.cjs",
    source: `function handle(point) { return point.fields.v; }\nhandle({});`,
    shell: `node "$0"`,
    explanation: /^TypeError: Cannot read properties of undefined \(reading 'v'\)$/,
  },
  {
    what: "an error of Node.js with its cause",
    program: "node",
    file: "main.cjs",
    source: `throw new RangeError("bad point\\nof two lines", { cause: new TypeError("no field v") });`,
    shell: `node "$0"`,
    explanation: /^RangeError: bad point; caused by TypeError: no field v$/,
  },
  {
    what: "something thrown in Node.js that is no error",
    program: "node",
    file: "main.cjs",
    source: `throw { code: 3 };`,
    shell: `node "$0"`,
    explanation: /^\{ code: 3 \}$/,
  },
  {
    what: "an error of Deno in colours, with its cause",
    program: "deno",
    file: "main.ts",
    source: `throw new Error("bad point", { cause: new Error("no field v") });`,
    shell: `FORCE_COLOR=1 deno run --no-check "$0"`,
    explanation: /^error: Uncaught \(in promise\) Error: bad point; caused by Error: no field v$/,
  },
  {
    what: "an exception of Python after another one",
    program: "python3",
    file: "main.py",
    source: `try:\n  {}["v"]\nexcept KeyError as e:\n  raise ValueError("bad point") from e`,
    shell: `python3 "$0"`,
    explanation: /^ValueError: bad point$/,
  },
  {
    what: "a fatal error of Python",
    program: "python3",
    file: "main.py",
    source: `import faulthandler, ctypes\nfaulthandler.enable()\nctypes.string_at(0)`,
    shell: `python3 "$0"`,
    explanation: /^Fatal Python error: Segmentation fault$/,
  },
  {
    what: "an exception of C++",
    program: "g++",
    file: "main.cc",
    source: `#include <stdexcept>\nint main() { throw std::runtime_error("no field v"); }`,
    shell: `g++ -o "$0.out" "$0" && exec "$0.out"`,
    explanation: /^terminate called after throwing an instance of 'std::runtime_error': no field v$/,
  },
  {
    what: "a confession of Perl",
    program: "perl",
    file: "main.pl",
    source: `use Carp; sub handle { confess "no field v" } handle(1);`,
    shell: `perl "$0"`,
    explanation: /^no field v at .*main.pl line 1\.$/,
  },
  {
    what: "an exception of Ruby",
    program: "ruby",
    file: "main.rb",
    source: `def handle() raise ArgumentError, "no field v" end\nhandle`,
    shell: `ruby "$0"`,
    explanation: /^.*main.rb:1:in [\`'].*handle': no field v \(ArgumentError\)$/,
  },
];

function isMissing(program: string): boolean {
  try {
    checkProgram(program);
    // Where there is no Node.js, Deno puts a program of that name into the PATH of its children, which is Deno.
    if (program !== "node") return false;
    const { stdout } = new Deno.Command(program, { args: ["--version"], stderr: "null" }).outputSync();
    return !new TextDecoder().decode(stdout).startsWith("v");
  } catch {
    return true;
  }
}

for (const { what, program, file, source, shell, explanation } of CRASHES) {
  const missing = isMissing(program);
  Deno.test({
    name: `${what} is what explains the end of a UDF${missing ? ` (needs ${program})` : ""}`,
    ignore: missing,
    async fn() {
      const folder = await Deno.makeTempDir({ prefix: "tine-test-crash-" });
      try {
        await Deno.writeTextFile(`${folder}/${file}`, source);
        const lines: string[] = [];
        const peer = startProcess(["sh", "-c", shell, `${folder}/${file}`], (line) => lines.push(line));
        const end = await peer.ended;
        await peer.close();
        assertMatch(end ?? "it ended well", /^(?:exited with status \d+|was ended by SIG[A-Z]+); its .* on stderr: /);
        assertMatch(end!.replace(/^.*? on stderr: /, ""), explanation, lines.join("\n"));
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}

/** What explains an end after these lines. */
function clauseOf(text: string): string {
  const words = new LastWords();
  for (const line of text.split("\n")) words.add(line);
  return words.clause;
}

Deno.test("an exception of .NET explains an end with its root cause", () => {
  // As `dotnet run` prints it: the runtime is in no package registry that tests can rely on.
  const text = `starting
Unhandled exception. System.InvalidOperationException: bad point
 ---> System.IO.IOException: disk full
   at Udf.Store.Write(Point point) in /src/Store.cs:line 12
   --- End of inner exception stack trace ---
   at Udf.Program.Main(String[] args) in /src/Program.cs:line 5
`;
  assertEquals(
    clauseOf(text),
    "its error on stderr: Unhandled exception. System.InvalidOperationException: bad point; " +
      "caused by System.IO.IOException: disk full",
  );
});

Deno.test("a report that other lines follow explains nothing any more", () => {
  const reports = [
    "panic: handled\n\ngoroutine 1 [running]:\nmain.main()\n\t/src/main.go:3 +0x1",
    "java.lang.IllegalStateException: handled\n\tat Main.main(Main.java:3)\n\t... 1 more",
    "TypeError: handled\n    at handle (/src/udf.js:1:38) {\n  code: 3\n}",
    "Traceback (most recent call last):\n  File \"x.py\", line 1, in f\n    f()\nKeyError: 'v'",
    "Error: handled",
  ];
  for (const report of reports) {
    assertEquals(
      clauseOf(`${report}\ncannot open the state file`),
      "its last line on stderr: cannot open the state file",
    );
    // Also where a report comes after it, that one counts alone.
    assertMatch(clauseOf(`panic: another\n${report}`), /handled|KeyError/);
  }
});

/** The lines around the explanation of this text. */
function contextOf(text: string): readonly string[] {
  const words = new LastWords();
  for (const line of text.split("\n")) words.add(line);
  return words.context;
}

Deno.test("LastWords.context has a few lines before the message of a report, and a few of its stack", () => {
  const stack = Array.from({ length: 50 }, (_, i) => `main.call${i}()\n\t/src/main.go:${i} +0x1`).join("\n");
  assertEquals(contextOf(`one\ntwo\nthree\nfour\n\npanic: no field v\n\ngoroutine 1 [running]:\n${stack}`), [
    "two",
    "three",
    "four",
    "panic: no field v",
    "goroutine 1 [running]:",
    "main.call0()",
    "\t/src/main.go:0 +0x1",
    "main.call1()",
    "\t/src/main.go:1 +0x1",
    "main.call2()",
  ]);
  const python = "start\nTraceback (most recent call last):\n  File \"x.py\", line 1, in f\n    f()\nKeyError: 'v'";
  assertEquals(contextOf(python), python.split("\n").slice(1));
});

Deno.test("LastWords.context has the last lines where no report explains an end, each cut to 500 characters", () => {
  assertEquals(contextOf(""), []);
  const lines = Array.from({ length: 20 }, (_, i) => `line ${i}`);
  assertEquals(contextOf(`panic: handled\ngoroutine 1 [running]:\n${lines.join("\n")}`), lines.slice(-4));
  assertEquals(contextOf("x".repeat(70_000)), ["x".repeat(500)]);
});

Deno.test("without a report the last line explains an end, be it indented", () => {
  assertEquals(clauseOf(""), "");
  assertEquals(clauseOf("starting\n  out of luck\n\n"), "its last line on stderr: out of luck");
  assertEquals(clauseOf("Node.js v20.20.2"), "its last line on stderr: Node.js v20.20.2");
});

Deno.test("any text explains an end in at most 500 characters", () => {
  const pieces = [
    "panic: ",
    "\t",
    "  at ",
    "Caused by: ",
    "Traceback (most recent call last):",
    "\x1b[31m",
    "| ",
    "}",
    "x",
  ];
  for (let seed = 1; seed < 400; seed++) {
    const text = Array.from({ length: 40 }, (_, i) =>
      pieces[(seed * 7919 + i * i * seed) % pieces.length] +
      (i % 3 === 0 ? "\n" : "y".repeat(i * 3))).join("");
    const words = new LastWords();
    for (const line of text.split("\n")) words.add(line);
    assertEquals(words.explanation === "", false, text);
    assertEquals(words.explanation.length <= 500, true);
  }
});
