/**
 * Counts the packets that a socket had no room for. The kernel counts messages, and a burst is one: those that were lost
 * are taken to have had as many packets as those that came.
 */
export class DropCounter {
  /** How many packets there were. */
  packets = 0;
  #messages = 0;
  #perMessage = 1;

  /**
   * Takes what comes with a message.
   *
   * @param messages that were lost, since the socket was opened
   * @param packets of this message
   */
  add(messages: number, packets: number): void {
    // Packets that open and close flows come alone, and say nothing about the others.
    if (packets > 1) this.#perMessage = packets;
    if (messages <= this.#messages) return;
    this.packets += (messages - this.#messages) * this.#perMessage;
    this.#messages = messages;
  }

  /** Messages have one packet each from now on. */
  single(): void {
    this.#perMessage = 1;
  }
}
