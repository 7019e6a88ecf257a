import type { Secret } from "../api/core.ts";
import { passwordGrammar } from "../api/grammar.ts";
import { basicAuthType, passwordKey } from "../api/names.ts";
import type { FieldProblem } from "../api/problem.ts";
import { refused } from "../api/rules.ts";
import { err, ok, type Result } from "../std/result.ts";

/**
 * The password that a peer's Secret holds. No error repeats any of it.
 *
 * @see MetalLB internal/config/config.go, passwordFromSecretForPeer
 */
export function passwordFrom(name: string, secrets: ReadonlyMap<string, Secret>): Result<string, FieldProblem> {
  const wrong = (reason: FieldProblem["reason"], message: string) =>
    err(refused("passwordSecret", reason, `${JSON.stringify(name)} ${message}`));
  const secret = secrets.get(name);
  if (!secret) return wrong("NotFound", "is not the name of a Secret in MetalLB's namespace; create it there");
  if (secret.type !== basicAuthType) return wrong("Invalid", `is not a Secret of type ${basicAuthType}, as it must be`);
  const encoded = secret.data?.[passwordKey];
  if (encoded === undefined) return wrong("Required", `has no key ${passwordKey}; put the password there`);
  const password = passwordGrammar.parse(Buffer.from(encoded, "base64").toString("utf8"));
  if (password.ok) return ok(password.value);
  return wrong("Invalid", `holds a password that ${password.error}; write ${passwordGrammar.accepts}`);
}
