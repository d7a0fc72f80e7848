const MASKED = "(masked)";

/** Names of variables that hold secrets. Too many rather than too few. */
const SECRET_NAME =
  /KEY|TOKEN|SECRET|PASS|PWD.|.PWD(?<!^OLDPWD)|CRED|AUTH|COOKIE|SESSION|PRIVATE|SIGNATURE|HMAC|SALT|DSN|JWT|OTP/i;

/** user:password@ behind a scheme. Lengths are bounded, here and below, so that long values take no long time. */
const URL_CREDENTIALS = /(\b[a-z][a-z0-9+.-]{0,30}:\/\/)[^\s/?#]{1,4096}@/gi;

/** password=... in connection strings, query strings and options. */
const SECRET_ASSIGNMENT = new RegExp(
  /((?:key|token|secret|pass|password|passwd|pwd|credentials?|auth|cookie|session|sig|signature)["']?\s{0,9}[=:]\s{0,9})/
    .source + /("[^"]+"|'[^']+'|[^\s;&,"']+)/.source,
  "gi",
);

/** Tokens that can be told by their looks. */
const KNOWN_TOKENS = new RegExp(
  [
    /-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[^]*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|$)/,
    /\beyJ[\w-]{5,1000}\.[\w-]+(?:\.[\w-]*)*/,
    /\b(?:gh[opsur]|github_pat|glpat|xox[abpors]|sk|pk|rk|npm)[_-][\w-]{10,}/,
    /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/,
    /\b(?:Bearer|Basic)\s{1,9}[\w+/=.~-]{8,}/,
  ].map(({ source }) => source).join("|"),
  "g",
);

/**
 * The value of a variable as it may be shown: what looks like a secret is masked, by the name of the variable or by
 * its looks.
 *
 * @example
 * ```ts
 * import { maskVariable } from "./mask.ts";
 * console.assert(maskVariable("API_KEY", "123") === "(masked)");
 * console.assert(maskVariable("PROXY", "http://me:it@proxy/") === "http://(masked)@proxy/");
 * ```
 */
export function maskVariable(name: string, value: string): string {
  return value !== "" && SECRET_NAME.test(name) ? MASKED : maskText(value);
}

/** A text without the secrets that can be told by their looks. */
export function maskText(text: string): string {
  return text
    .replace(KNOWN_TOKENS, MASKED)
    .replace(URL_CREDENTIALS, `$1${MASKED}@`)
    .replace(SECRET_ASSIGNMENT, `$1${MASKED}`);
}
