import type { StreamRequest } from "./words.ts";

/** What was asked for, as far as it was, as an info event has it. */
export function requestValues({ durationMs, lengthBytes, bufLenBytes, dscp }: StreamRequest): Record<string, number> {
  return {
    bufLenBytes,
    ...durationMs === undefined ? {} : { durationMs },
    ...lengthBytes === undefined ? {} : { lengthBytes },
    ...dscp === undefined ? {} : { dscp },
  };
}
