/**
 * Asks again until the answer satisfies `holds`, and gives that answer.
 *
 * @throws Error with the last answer, after `seconds`.
 */
export async function until<T>(
  what: string,
  ask: () => Promise<T> | T,
  holds: (answer: T) => boolean,
  seconds = 60,
): Promise<T> {
  const end = Date.now() + seconds * 1000;
  let last: unknown;
  for (;;) {
    try {
      const answer = await ask();
      if (holds(answer)) return answer;
      last = answer;
    } catch (error) {
      last = error;
    }
    if (Date.now() > end)
      throw new Error(
        `not within ${seconds} s: ${what}\n${last instanceof Error ? last.message : JSON.stringify(last, null, 1)}`,
      );
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
