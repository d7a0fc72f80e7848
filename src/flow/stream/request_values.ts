import { Pace } from "./pace.ts";
import { requestAt, senderOf, type StreamRequest } from "./words.ts";

/** What was asked for, as far as it was, as an info event has it. */
export function requestValues(request: StreamRequest): Record<string, number> {
  const { durationMs, lengthBytes, bufLenBytes, dscp } = request;
  const pace = Pace.of(requestAt(senderOf(request), request));
  return {
    bufLenBytes,
    ...durationMs === undefined ? {} : { durationMs },
    ...lengthBytes === undefined ? {} : { lengthBytes },
    ...dscp === undefined ? {} : { dscp },
    ...pace === undefined ? {} : { pacedBitsPerSecond: pace.bytesPerSecond * 8 },
  };
}
