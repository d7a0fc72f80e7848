import { TineError } from "../../base/errors.ts";
import { FLOW_ID } from "../config.ts";

const BYTES = 16;

/** The id of a flow as it stands in packets: 16 bytes, which are written and compared as four words. */
export class FlowName {
  readonly #words = new Uint32Array(BYTES / 4);

  /**
   * @param text e.g. `voip.1`
   * @throws {TineError} `bad-flow-id`
   */
  constructor(readonly text: string) {
    if (!FLOW_ID.test(text)) {
      throw new TineError("bad-flow-id", `"${text}" is not the id of a flow: expected ${FLOW_ID.source}`);
    }
    const bytes = new DataView(new ArrayBuffer(BYTES));
    for (let i = 0; i < text.length; i++) bytes.setUint8(i, text.charCodeAt(i));
    for (let i = 0; i < this.#words.length; i++) this.#words[i] = bytes.getUint32(4 * i);
  }

  /** Reads one; undefined if there is none. */
  static read(view: DataView, at: number): FlowName | undefined {
    const bytes = new Uint8Array(view.buffer, view.byteOffset + at, BYTES);
    const end = bytes.indexOf(0);
    const text = String.fromCharCode(...bytes.subarray(0, end < 0 ? BYTES : end));
    if (!FLOW_ID.test(text)) return undefined;
    const name = new FlowName(text);
    return name.standsIn(view, at) ? name : undefined;
  }

  /** Writes its 16 bytes. */
  write(view: DataView, at: number): void {
    const words = this.#words;
    view.setUint32(at, words[0]);
    view.setUint32(at + 4, words[1]);
    view.setUint32(at + 8, words[2]);
    view.setUint32(at + 12, words[3]);
  }

  /** Whether its 16 bytes stand there. */
  standsIn(view: DataView, at: number): boolean {
    const words = this.#words;
    return view.getUint32(at) === words[0] && view.getUint32(at + 4) === words[1] &&
      view.getUint32(at + 8) === words[2] && view.getUint32(at + 12) === words[3];
  }
}
