import { type FrameTaker, takesFrames } from "../handler.ts";
import type { Receiver } from "../receiver.ts";

/** Who watches a receiver. */
export interface ReceiverWatch {
  /** Called before points are handed on. */
  sent(points: number): void;
  /** Called when the receiver fails; what it threw then goes on. */
  refused(error: unknown): void;
}

/** A receiver that hands all on to another one, while somebody watches; it takes encoded points where the other does. */
export function watchReceiver(receiver: Receiver, watch: ReceiverWatch): Receiver {
  const refuse = (error: unknown): never => {
    watch.refused(error);
    throw error;
  };
  const handOn = (hand: () => Promise<void> | void): Promise<void> | void => {
    try {
      return hand()?.catch(refuse);
    } catch (error) {
      refuse(error);
    }
  };
  const watched: Receiver & Partial<FrameTaker> = {
    point(point) {
      watch.sent(1);
      return handOn(() => receiver.point(point));
    },
    batch(batch) {
      watch.sent(batch.points.length);
      return handOn(() => receiver.batch(batch));
    },
  };
  if (takesFrames(receiver)) {
    watched.pointFrame = (bytes, start, end) => {
      watch.sent(1);
      return handOn(() => receiver.pointFrame(bytes, start, end));
    };
  }
  return watched;
}
