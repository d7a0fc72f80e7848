/** The part of https://jsr.io/@std/streams that tine uses; its npm copy comes without types. */
export class TextLineStream extends TransformStream<string, string> {
  constructor(options?: { allowCR?: boolean });
}
export function toText(stream: ReadableStream): Promise<string>;
export function toBytes(stream: ReadableStream<Uint8Array>): Promise<Uint8Array<ArrayBuffer>>;
export function concatReadableStreams<T>(...streams: ReadableStream<T>[]): ReadableStream<T>;
