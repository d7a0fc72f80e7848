import type { Response } from "./messages.ts";

/** What a UDF is asked, and answers with a response of the same kind. */
export type Question = "info" | "init" | "snapshot" | "restore";

/** The answer to a question of this kind. */
export type Answer<Q extends Question> = Extract<Response, { kind: Q }>;

/** Whether a message of this kind is a question. */
export function isQuestion(kind: string): kind is Question {
  return kind === "info" || kind === "init" || kind === "snapshot" || kind === "restore";
}

interface OpenQuestion {
  kind: Question;
  /** The answer is not awaited any more. */
  withdrawn?: boolean;
  /** Takes the answer; false for a response of another kind. */
  take(response: Response): boolean;
  reject(error: Error): void;
}

/**
 * The questions that a UDF has not answered yet. It answers those of one kind in the order in which it is asked;
 * Kapacitor demands no order between kinds.
 */
export class Questions {
  readonly #open: OpenQuestion[] = [];

  /** What it has to answer first, if anything. */
  get first(): Question | undefined {
    return this.#open.find(({ withdrawn }) => !withdrawn)?.kind;
  }

  /** Does not wait for answers of this kind any more; one that comes all the same is taken. */
  withdraw(kind: Question): void {
    for (const question of this.#open) question.withdrawn ||= question.kind === kind;
  }

  /**
   * Adds a question.
   *
   * @param taken gets the answer at once; the promise is settled later
   * @returns the answer
   */
  add<Q extends Question>(kind: Q, taken?: (answer: Answer<Q>) => void): Promise<Answer<Q>> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer<Q>>();
    const take = (response: Response) => {
      if (!answers(response, kind)) return false;
      this.#open.splice(this.#open.findIndex((question) => question.take === take), 1);
      taken?.(response);
      resolve(response);
      return true;
    };
    this.#open.push({ kind, take, reject });
    return promise;
  }

  /** Takes a response as the answer to the first question of this kind; false where no question is open. */
  answer(response: Response): boolean {
    return this.#open.find(({ kind }) => kind === response.kind)?.take(response) ?? false;
  }

  /** There will be no more answers. */
  reject(error: Error): void {
    for (const { reject } of this.#open.splice(0)) reject(error);
  }
}

function answers<Q extends Question>(response: Response, kind: Q): response is Answer<Q> {
  return response.kind === kind;
}
