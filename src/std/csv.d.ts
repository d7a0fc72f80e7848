/** The part of https://jsr.io/@std/csv that tine uses; its npm copy comes without types. */
export class CsvParseStream implements TransformStream<string, string[]> {
  constructor(options?: { separator?: string; comment?: string; trimLeadingSpace?: boolean; lazyQuotes?: boolean });
  readonly readable: ReadableStream<string[]>;
  readonly writable: WritableStream<string>;
}
