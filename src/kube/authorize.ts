import { createHash } from "node:crypto";
import { monotonicMs } from "../runtime/clock.ts";
import { isUnanswered } from "./api-error.ts";
import type { KubeClient } from "./client.ts";

/** "ok", or the HTTP status to answer with. */
export type Verdict = "ok" | 401 | 403;

const keptMs = 60_000;
/** Tokens of service accounts are good for as long. */
const trustedMs = 3_600_000;
const keptAnswers = 1024;

/**
 * Whether the bearer of a token may read a non-resource path (such as `/metrics`), as the API server judges: TokenReview,
 * then SubjectAccessReview with verb `get`. Answers are kept for a minute, by the token's hash.
 *
 * While the API server does not answer, whom it let in within the last hour stays in: that it is away is best seen in
 * metrics. A token that it has not judged is not let in.
 */
export class PathAuthorizer {
  readonly #client: KubeClient;
  readonly #path: string;
  /** When the API server itself let a token in. */
  readonly #letIn = new Map<string, number>();
  readonly #answers = new Map<string, { readonly verdict: Promise<Verdict>; readonly at: number }>();

  constructor(client: KubeClient, path: string) {
    this.#client = client;
    this.#path = path;
  }

  /** `authorization`: the request's header. @throws ApiError when the API server does not answer */
  judge(authorization: string | undefined, signal: AbortSignal): Promise<Verdict> {
    const token = /^Bearer +(\S+)$/i.exec(authorization ?? "")?.[1];
    if (token === undefined) return Promise.resolve(401);
    const hash = createHash("sha256").update(token).digest("base64");
    const kept = this.#answers.get(hash);
    if (kept && monotonicMs() - kept.at < keptMs) return kept.verdict;
    const verdict = this.#ask(token, signal).then(
      (answer) => this.#remembered(hash, answer),
      (error: unknown) => {
        if (isUnanswered(error) && this.#isTrusted(hash)) return "ok" as const;
        throw error;
      },
    );
    this.#keep(hash, verdict);
    return verdict;
  }

  #remembered(hash: string, answer: Verdict): Verdict {
    if (this.#letIn.size >= keptAnswers) this.#letIn.clear();
    if (answer === "ok") this.#letIn.set(hash, monotonicMs());
    else this.#letIn.delete(hash);
    return answer;
  }

  #isTrusted(hash: string): boolean {
    const at = this.#letIn.get(hash);
    return at !== undefined && monotonicMs() - at < trustedMs;
  }

  #keep(hash: string, verdict: Promise<Verdict>): void {
    if (this.#answers.size >= keptAnswers) this.#answers.clear();
    this.#answers.set(hash, { verdict, at: monotonicMs() });
    verdict.catch(() => this.#answers.delete(hash));
  }

  async #ask(token: string, signal: AbortSignal): Promise<Verdict> {
    const user = await this.#userOf(token, signal);
    if (user === undefined) return 401;
    const spec = { ...user, nonResourceAttributes: { path: this.#path, verb: "get" } };
    const api = "authorization.k8s.io/v1";
    const review = await this.#client.review(api, "SubjectAccessReview", "subjectaccessreviews", spec, signal);
    return (review as { readonly status?: { readonly allowed?: boolean } }).status?.allowed === true ? "ok" : 403;
  }

  /** As SubjectAccessReview wants it; `undefined` when the token is nobody's. */
  async #userOf(token: string, signal: AbortSignal): Promise<object | undefined> {
    const api = "authentication.k8s.io/v1";
    const review = (await this.#client.review(api, "TokenReview", "tokenreviews", { token }, signal)) as {
      readonly status?: {
        readonly authenticated?: boolean;
        readonly user?: { readonly username?: string; readonly uid?: string; readonly groups?: readonly string[] };
      };
    };
    if (review.status?.authenticated !== true) return undefined;
    const { username, uid, groups } = review.status.user ?? {};
    return { user: username, uid, groups };
  }
}
