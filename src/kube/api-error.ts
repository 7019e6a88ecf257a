/** Why a request to the API server failed. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  /**
   * "refused": the server answered with an error; "unreachable": no answer; "timeout": none in time; "malformed": an
   * answer that makes no sense.
   */
  readonly code: "refused" | "unreachable" | "timeout" | "malformed";
  /** HTTP status; 0 without an answer. */
  readonly status: number;
  /** Kubernetes' reason, such as `NotFound`, `Conflict`, `Expired`; empty when the server gave none. */
  readonly reason: string;

  constructor(
    code: ApiError["code"],
    message: string,
    options: { readonly status?: number; readonly reason?: string; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.status = options.status ?? 0;
    this.reason = options.reason ?? "";
  }
}

/** The object does not exist. */
export const isNotFound = (error: unknown): boolean => error instanceof ApiError && error.status === 404;

/** Someone else was faster: the object exists already, or changed since it was read. */
export const isConflict = (error: unknown): boolean => error instanceof ApiError && error.status === 409;

/** The resourceVersion or continue token is older than what the server remembers: list again. */
export const isGone = (error: unknown): boolean => error instanceof ApiError && error.status === 410;

/** Nobody answered. That the API server is away is said once for all requests (`Reach`), not by each. */
export const isUnanswered = (error: unknown): boolean =>
  error instanceof ApiError && (error.code === "unreachable" || error.code === "timeout");

/** A `Status` body, or whatever a proxy sent in its place, as an error. */
export function refusal(what: string, status: number, body: unknown): ApiError {
  const given = typeof body === "object" && body !== null ? (body as Record<string, unknown>) : {};
  const message = typeof given["message"] === "string" ? given["message"] : `HTTP status ${status}`;
  const reason = typeof given["reason"] === "string" ? given["reason"] : "";
  return new ApiError("refused", `${what}: ${message}`, { status, reason });
}
