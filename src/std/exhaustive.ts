/** Ends an exhaustive switch: a variant left out is a type error, and at run time a bug. */
export function exhaustive(value: never): never {
  throw new Error(`bug: unhandled variant ${JSON.stringify(value)}`);
}
