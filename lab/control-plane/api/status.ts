import { ApiStatusError, type Cause, type Kind } from "../types.ts";

/** A `Status` body (metav1.Status) for a failure. */
export const failureStatus = (error: ApiStatusError): object => ({
  kind: "Status",
  apiVersion: "v1",
  metadata: {},
  status: "Failure",
  message: error.message,
  reason: error.reason,
  ...(error.details === undefined ? {} : { details: error.details }),
  code: error.code,
});

/** Anything thrown, as the error a client sees; what is no ApiStatusError is our own bug or the world's failure: 500. */
export function asStatusError(error: unknown): ApiStatusError {
  if (error instanceof ApiStatusError) return error;
  const text = error instanceof Error ? error.message : String(error);
  return new ApiStatusError(500, "InternalError", `Internal error occurred: ${text}`);
}

const qualified = (kind: { group: string; resource: string }): string =>
  kind.group === "" ? kind.resource : `${kind.resource}.${kind.group}`;

const details = (kind: Kind, name: string, more: object = {}): Record<string, unknown> => ({
  name,
  ...(kind.group === "" ? {} : { group: kind.group }),
  kind: kind.resource,
  ...more,
});

export const notFound = (kind: Kind, name: string): ApiStatusError =>
  new ApiStatusError(404, "NotFound", `${qualified(kind)} "${name}" not found`, details(kind, name));

export const alreadyExists = (kind: Kind, name: string): ApiStatusError =>
  new ApiStatusError(409, "AlreadyExists", `${qualified(kind)} "${name}" already exists`, details(kind, name));

export const conflict = (kind: Kind, name: string, why?: string): ApiStatusError =>
  new ApiStatusError(
    409,
    "Conflict",
    `Operation cannot be fulfilled on ${qualified(kind)} "${name}": ${
      why ?? "the object has been modified; please apply your changes to the latest version and try again"
    }`,
    details(kind, name),
  );

export const forbidden = (kind: Kind, name: string, why: string): ApiStatusError =>
  new ApiStatusError(403, "Forbidden", `${qualified(kind)} "${name}" is forbidden: ${why}`, details(kind, name));

export const badRequest = (message: string): ApiStatusError => new ApiStatusError(400, "BadRequest", message);

export const expired = (): ApiStatusError =>
  new ApiStatusError(410, "Expired", "The provided continue parameter or resourceVersion is too old");

/** 422 with every cause, worded as apimachinery's NewInvalid. */
export function invalid(kind: Kind, name: string, causes: readonly Cause[]): ApiStatusError {
  const texts = causes.map((cause) => `${cause.field}: ${cause.message}`);
  const list = texts.length === 1 ? (texts[0] ?? "") : `[${texts.join(", ")}]`;
  const kindName = kind.group === "" ? kind.kind : `${kind.kind}.${kind.group}`;
  return new ApiStatusError(422, "Invalid", `${kindName} "${name}" is invalid: ${list}`, {
    name,
    ...(kind.group === "" ? {} : { group: kind.group }),
    kind: kind.kind,
    causes,
  });
}
