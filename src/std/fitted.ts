/**
 * The same items in a list that takes no more room than they do: one that grew by `push` or `flatMap` has room for 16 more, which is
 * most of a list of one. For what is kept by the thousand.
 */
export const fitted = <T>(items: readonly T[]): readonly T[] => items.slice();
