/** The part of https://jsr.io/@std/yaml that tine uses; its npm copy comes without types. */
export interface ParseOptions {
  schema?: "core" | "default" | "failsafe" | "json" | "extended";
}
export function parse(content: string, options?: ParseOptions): unknown;
