/** A nominal type: `T` that only its one parser makes. */
export type Brand<T, Name extends string> = T & { readonly __brand: Name };
