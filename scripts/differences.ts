import { globSync, readFileSync } from "node:fs";

/** Where the product does otherwise than MetalLB, as its comments say after the word `Differs:`. */
export interface Difference {
  readonly file: string;
  /** What the comment stands above; empty if it is a remark inside. */
  readonly subject: string;
  /** What the comment says of the subject before it comes to the difference. */
  readonly context: string;
  readonly words: string;
}

/** All of `src/`, in the order of the files. */
export const differencesOf = (root: string): readonly Difference[] =>
  sources(root).flatMap((file) => differencesIn(readFileSync(`${root}/${file}`, "utf8"), file));

/** Tests aside, sorted. */
export const sources = (root: string): readonly string[] =>
  globSync("src/**/*.ts", { cwd: root })
    .filter((file) => !/\.test\.ts$|\/testing\//.test(file))
    .sort();

export function differencesIn(text: string, file: string): readonly Difference[] {
  const comments = text.matchAll(/\/\*\*[\s\S]*?\*\/|(?:^[ \t]*\/\/.*\n)+/gm);
  return [...comments].flatMap((comment) => {
    const [context = "", ...words] = plain(comment[0]).split(/\bDiffers: /);
    const subject = subjectOf(text.slice(comment.index + comment[0].length));
    return words.map((each) => ({ file, subject, context: firstSentence(context), words: untilTag(each) }));
  });
}

/** Without the marks of a comment, on one line; a blank line stays as ¶. */
const plain = (comment: string): string =>
  comment
    .replace(/^\s*\/\*\*\s?|\s*\*\/$/g, "")
    .replace(/^[ \t]*(\*|\/\/) ?/gm, "")
    .replace(/\n[ \t]*\n/g, " ¶ ")
    .replace(/\s+/g, " ")
    .trim();

const untilTag = (words: string): string => (words.split(/ ¶ |(?: ¶)? ?@see /)[0] ?? "").trim();
const firstSentence = (text: string): string => /^.*?[.;](?= |$)/.exec(text)?.[0].replace(/;$/, ".") ?? text;

const subjectOf = (code: string): string =>
  /^\s*(?:export )?(?:default )?(?:async )?(?:const|function\*?|class|interface|type)\s+(\w+)/.exec(code)?.[1] ??
  /^\s*(?:readonly |async |get |[#"])*([\w-]+)/.exec(code)?.[1] ??
  "";
