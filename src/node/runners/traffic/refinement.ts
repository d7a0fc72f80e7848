/** What goes behind a schema's `refine(`: whether a value fits, and what to say if it does not. */
export type Refinement<T> = [
  fits: (value: T) => boolean,
  options: { path: string[]; error: (issue: { input?: unknown }) => string | undefined },
];

/**
 * A refinement that says what it found.
 *
 * @param problem what is wrong with a value; undefined: nothing
 * @param path the member to blame
 */
export function refinement<T>(problem: (value: T) => string | undefined, ...path: string[]): Refinement<T> {
  return [
    (value) => problem(value) === undefined,
    { path, error: ({ input }) => problem(input as T) },
  ];
}
