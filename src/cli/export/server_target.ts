import { formatCount } from "../../base/units.ts";
import { UsageError } from "../errors.ts";

/** The variable of the environment that has the token. */
export const TOKEN_VARIABLE = "INFLUX_TOKEN";

/** Where lines go instead of a file. */
export interface ServerTarget {
  write(bytes: Uint8Array): Promise<void>;
  /**
   * Sends what is left, and reports what was written.
   *
   * @returns whether the server has taken all lines
   */
  close(): Promise<boolean>;
}

/**
 * Checks the address of an endpoint.
 *
 * @throws {UsageError} for one that is no endpoint, or has a password
 */
export function writeUrl(text: string): URL {
  const url = URL.parse(text);
  const expected =
    "expected such as http://HOST:8086/write?db=NAME or http://HOST:8086/api/v2/write?org=ORG&bucket=NAME";
  if (url === null || !/^https?:$/.test(url.protocol)) throw new UsageError(`--to ${text} is no URL: ${expected}`);
  if (url.username !== "" || url.password !== "" || url.searchParams.has("p")) {
    throw new UsageError(`--to has a password, which others can see: put it into ${TOKEN_VARIABLE}, as USER:PASSWORD`);
  }
  if (url.pathname === "/") throw new UsageError(`--to ${text} has no path: ${expected}`);
  const { pathname, searchParams } = url;
  if (pathname.endsWith("/api/v2/write") && !searchParams.has("bucket")) {
    throw new UsageError(`--to ${text} names no bucket: ${expected}`);
  }
  const precision = searchParams.get("precision");
  if (precision !== null && precision !== "ns" && precision !== "n") {
    throw new UsageError(`--to has precision=${precision}, but times are in nanoseconds: leave it out`);
  }
  return url;
}

/** Opens a server for lines. */
export async function serverTarget(
  url: URL,
  report: (message: string) => void,
  signal: AbortSignal,
): Promise<ServerTarget> {
  const { InfluxWriter } = await import("../../result/export/mod.ts");
  const token = Deno.env.get(TOKEN_VARIABLE)?.trim() || undefined;
  const writer = new InfluxWriter(url, { token, onProblem: report, signal });
  return {
    write: (bytes) => writer.write(bytes),
    async close() {
      const { lines, refused, requests, retries } = await writer.close();
      const extra = [
        ...(refused > 0 ? [`${formatCount(refused, "line")} refused`] : []),
        ...(retries > 0 ? [`${formatCount(retries, "request")} tried again`] : []),
      ];
      const what = [`${formatCount(lines, "line")} in ${formatCount(requests, "request")}`, ...extra].join(", ");
      report(`${url.origin}${url.pathname}: ${what}`);
      return refused === 0;
    },
  };
}
