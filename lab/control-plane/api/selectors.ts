import type { ApiObject, Kind } from "../types.ts";
import { badRequest } from "./status.ts";

type Predicate = (object: ApiObject) => boolean;

const everything: Predicate = () => true;
const KEY = String.raw`[A-Za-z0-9](?:[-A-Za-z0-9_./]*[A-Za-z0-9])?`;
const SET = new RegExp(String.raw`^(${KEY})\s+(in|notin)\s*\(([^()]*)\)$`);
const VALUE = String.raw`(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?)?`;
const EQUAL = new RegExp(String.raw`^(${KEY})\s*(==|=|!=)\s*(${VALUE})$`);
const BARE = new RegExp(String.raw`^(!?)\s*(${KEY})$`);

/** The whole grammar of label selectors: `a=b, c==d, e!=f, g in (h,i), j notin (k), l, !m`. @throws ApiStatusError 400 */
export function labelPredicate(selector: string | undefined): Predicate {
  if (selector === undefined || selector.trim() === "") return everything;
  // A comma inside parentheses belongs to a set.
  const terms = selector.split(/,(?![^(]*\))/).map((term) => requirement(term.trim(), selector));
  return (object) => terms.every((term) => term(object.metadata.labels ?? {}));
}

function requirement(term: string, selector: string): (labels: Record<string, string>) => boolean {
  const set = SET.exec(term);
  if (set) {
    const [, key = "", operator, list = ""] = set;
    const values = new Set(list.split(",").map((value) => value.trim()));
    return (labels) => values.has(labels[key] ?? "\0") === (operator === "in");
  }
  const equal = EQUAL.exec(term);
  if (equal) {
    const [, key = "", operator, value] = equal;
    return (labels) => (labels[key] === value) === (operator !== "!=");
  }
  const bare = BARE.exec(term);
  if (!bare) throw badRequest(`unable to parse requirement: found '${term}' in label selector "${selector}"`);
  const [, not, key = ""] = bare;
  return (labels) => Object.hasOwn(labels, key) === (not === "");
}

/** `metadata.name=a,status.phase!=Failed`: the labels that the kind declares. @throws ApiStatusError 400 for any other label */
export function fieldPredicate(kind: Kind, selector: string | undefined): Predicate {
  if (selector === undefined || selector.trim() === "") return everything;
  const terms = selector
    .split(",")
    .filter((term) => term !== "")
    .map((term) => fieldTerm(kind, term, selector));
  return (object) => terms.every((term) => term(object));
}

function fieldTerm(kind: Kind, term: string, selector: string): Predicate {
  const match = /^([^=!]+)(==|=|!=)(.*)$/.exec(term);
  if (!match) throw badRequest(`invalid selector: '${selector}'; can't understand '${term}'`);
  const [, label = "", operator, value] = match;
  const read = fieldReader(kind, label.trim());
  return (object) => (read(object) === value) === (operator !== "!=");
}

function fieldReader(kind: Kind, label: string): (object: ApiObject) => string {
  if (label === "metadata.name") return (object) => object.metadata.name;
  if (label === "metadata.namespace" && kind.namespaced) return (object) => object.metadata.namespace ?? "";
  const read = kind.fieldLabels[label];
  if (!read)
    throw badRequest(
      `Unable to find "${kind.group}/${kind.kind}" that match field selector: field label not supported: ${label}`,
    );
  return read;
}
