/** The part of https://jsr.io/@std/cli that tine uses; its npm copy comes without types. */
export function unicodeWidth(text: string): number;
