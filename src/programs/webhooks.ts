import type { IncomingMessage } from "node:http";
import { type AdmissionAnswer, answerAdmission } from "../admission/admission-review.ts";
import { answerConversion } from "../admission/conversion-review.ts";
import { validationPaths } from "../admission/kinds.ts";
import { conversionPath } from "../api/names.ts";
import type { Snapshot } from "../api/snapshot.ts";
import { bodyOf, type Listening, type Reply, type Route, serveHttps } from "../runtime/http-server.ts";
import { sleep } from "../runtime/clock.ts";
import type { Log } from "../runtime/log.ts";
import type { TlsIdentity, TlsPolicy } from "../runtime/tls.ts";
import type { Result } from "../std/result.ts";

/** Kubernetes sends all objects of a list in one ConversionReview; etcd holds none of more than 1.5 MB. */
const bodyLimit = 64 * 1024 * 1024;

/**
 * Serves admission and conversion over TLS until `signal` aborts; starts once `identity` has a certificate.
 *
 * Reviews are judged by what this process knows. Before it knows everything (`snapshot` gives nothing) it says so with 503,
 * and the API server does what the failure policy says.
 */
export function serveWebhooks(
  options: {
    readonly host: string | undefined;
    readonly port: number;
    readonly identity: TlsIdentity;
    readonly policy: TlsPolicy;
    readonly snapshot: () => Snapshot | undefined;
    readonly log: Log;
  },
  signal: AbortSignal,
): Promise<Listening> {
  const { snapshot, log } = options;
  const admission = reviewRoute(async (body) => {
    const answer = await answerAtLast(body, snapshot, () => sleep(secondLookMs, signal));
    if (answer?.ok) note(answer.value, log);
    return answer ? answered(answer) : { status: 503, body: "the API server's objects are not known yet\n" };
  });
  const routes = {
    ...Object.fromEntries(validationPaths.map((path) => [path, admission])),
    [conversionPath]: reviewRoute(async (body) => answered(answerConversion(body))),
  };
  return serveHttps({ ...options, routes, method: "POST" }, signal);
}

/** What somebody wrote just before, in the same file as a rule, our watch tells within this time. */
const secondLookMs = 100;

/**
 * An admission's answer; `undefined` while nothing is known. What would be refused or warned about is looked at once more after
 * a `pause`: the pool that was just deleted, or the peer that was just created, may not have come to our ears yet. MetalLB asks
 * the API server at each review.
 */
export async function answerAtLast(
  body: unknown,
  snapshot: () => Snapshot | undefined,
  pause: () => Promise<void>,
): Promise<Result<AdmissionAnswer> | undefined> {
  const world = snapshot();
  const first = world && answerAdmission(body, world);
  if (!first?.ok || (first.value.response.allowed && !first.value.response.warnings)) return first;
  await pause();
  const later = snapshot();
  return later ? answerAdmission(body, later) : first;
}

function reviewRoute(answer: (body: unknown) => Promise<Reply>): Route {
  return async (request: IncomingMessage) => {
    const text = await bodyOf(request, bodyLimit);
    if (text === undefined) return { status: 413, body: "the review is too long\n" };
    const body = parsed(text);
    return body === undefined ? { status: 400, body: "the body is not JSON\n" } : answer(body);
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

const answered = (answer: Result<object>): Reply =>
  answer.ok
    ? { status: 200, body: JSON.stringify(answer.value), contentType: "application/json" }
    : { status: 400, body: `${answer.error}\n` };

function note({ response }: AdmissionAnswer, log: Log): void {
  if (!response.allowed) log.info({ why: response.status?.message }, "write refused");
}
