/**
 * A command without the secret in it: what follows `password`, however it is abbreviated or misspelt. FRR takes `pa` for it, where the
 * word that follows leaves no other choice.
 */
export const masked = (text: string): string => text.replace(/((?:^|\s)pa(?:s\S*)?\s+)\S.*/g, "$1****");
