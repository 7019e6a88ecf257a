import { randomInt } from "node:crypto";
import type { ApiObject, Cause, Kind } from "../types.ts";

const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const LABEL_1035 = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const QUALIFIED = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;

const subdomainWords =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const labelWords =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const serviceWords =
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const qualifiedWords =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const valueWords =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

const wrong = (field: string, value: unknown, why: string): Cause => ({
  reason: "FieldValueInvalid",
  field,
  message: `Invalid value: ${JSON.stringify(value)}: ${why}`,
});

/** Names, labels, annotations and finalizers as Kubernetes spells them. @see apimachinery/pkg/util/validation */
export const validateMetadata = (kind: Kind, object: ApiObject): Cause[] => [
  ...validateName(kind, object.metadata.name),
  ...Object.entries(object.metadata.labels ?? {}).flatMap(([key, value]) => [
    ...qualified("metadata.labels", key),
    ...(typeof value === "string" && value.length <= 63 && (value === "" || QUALIFIED.test(value))
      ? []
      : [
          wrong(
            "metadata.labels",
            value,
            typeof value === "string" && value.length > 63 ? "must be no more than 63 bytes" : valueWords,
          ),
        ]),
  ]),
  ...Object.keys(object.metadata.annotations ?? {}).flatMap((key) =>
    qualified("metadata.annotations", key.toLowerCase()),
  ),
];

function validateName(kind: Kind, name: string): Cause[] {
  if (name === "") {
    return [
      {
        reason: "FieldValueRequired",
        field: "metadata.name",
        message: "Required value: name or generateName is required",
      },
    ];
  }
  if (kind.group === "rbac.authorization.k8s.io") {
    const bad = name === "." || name === ".." || /[/%]/.test(name);
    return bad ? [wrong("metadata.name", name, "may not contain '/' or '%'")] : [];
  }
  const [pattern, words, longest] =
    kind.group !== "" || !["namespaces", "services"].includes(kind.resource)
      ? ([SUBDOMAIN, subdomainWords, 253] as const)
      : kind.resource === "services"
        ? ([LABEL_1035, serviceWords, 63] as const)
        : ([LABEL, labelWords, 63] as const);
  if (name.length > longest) return [wrong("metadata.name", name, `must be no more than ${longest} bytes`)];
  return pattern.test(name) ? [] : [wrong("metadata.name", name, words)];
}

function qualified(field: string, key: string): Cause[] {
  const slash = key.indexOf("/");
  const prefix = slash < 0 ? undefined : key.slice(0, slash);
  const name = key.slice(slash + 1);
  if (prefix !== undefined && (prefix.length > 253 || !SUBDOMAIN.test(prefix))) {
    return [wrong(field, key, `prefix part ${subdomainWords}`)];
  }
  if (name.length > 63) return [wrong(field, key, "name part must be no more than 63 bytes")];
  return QUALIFIED.test(name) ? [] : [wrong(field, key, qualifiedWords)];
}

/** No vowels and no look-alikes, as apimachinery's rand.String. */
const ALPHABET = "bcdfghjklmnpqrstvwxz2456789";

/** A name for `metadata.generateName`. */
export const generatedName = (prefix: string): string =>
  prefix.slice(0, 58) + Array.from({ length: 5 }, () => ALPHABET[randomInt(ALPHABET.length)]).join("");

/** A time as Kubernetes writes it: whole seconds, UTC. */
export const timestamp = (time: Date): string => `${time.toISOString().slice(0, 19)}Z`;
