/**
 * A command without the secret in it: what follows `password`, abbreviated or misspelt too. FRR takes `pa` for it, where the word that
 * follows leaves no other choice.
 */
export const masked = (text: string): string => text.replace(/((?:^|\s)(?:pa|pas\S*|\S*word)\s+)\S.*/g, "$1****");
