import { kindFromCrd, validateCrd } from "../registry/crd.ts";
import { at, fill, items, type Node, text, texts } from "../registry/fields.ts";
import type { Registry } from "../registry/registry.ts";
import { sameId, type Store } from "../store/revisions.ts";
import type { ApiObject, Cause, Kind, ResourceId } from "../types.ts";
import { timestamp } from "./metadata.ts";
import type { Caller, Writer } from "./write.ts";

const CRDS: ResourceId = { group: "apiextensions.k8s.io", resource: "customresourcedefinitions" };
const CLEANUP = "customresourcecleanup.apiextensions.k8s.io";

/** Converts a custom resource between its versions, as the CRD says how (its conversion webhook). */
export type ConvertCustom = (crd: ApiObject, objects: ApiObject[], toVersion: string) => Promise<ApiObject[]>;

/**
 * Keeps the registry in step with the CustomResourceDefinitions: a committed one is served at once, its status says so in the same commit,
 * and a deleted one takes its objects with it before it goes.
 */
export function followCrds(deps: {
  store: Store;
  registry: Registry;
  writer: Writer;
  convert: ConvertCustom | undefined;
  now: () => Date;
  caller: Caller;
  signal: AbortSignal;
}): void {
  const { store, registry, writer } = deps;
  const crdKind = registry.find(CRDS);
  if (!crdKind) throw new Error("bug: no kind for CustomResourceDefinition");
  registry.set({
    ...crdKind,
    prepare: (crd, old) => prepareCrd(crd, old, timestamp(deps.now())),
    validate: (crd) => [...validateCrd(crd), ...nameConflicts(registry, crd)],
  });
  for (const crd of store.list(CRDS)) serve(crd);

  const unsubscribe = store.subscribe((change) => {
    if (sameId(change.id, CRDS)) {
      if (change.type === "DELETED") registry.remove(idOf(change.now));
      else serve(change.now);
      if (change.type !== "DELETED" && isEnding(change.now)) cleanSoon(change.now);
    } else if (change.type === "DELETED") {
      const crd = store.get(CRDS, undefined, `${change.id.resource}.${change.id.group}`);
      if (crd && isEnding(crd)) cleanSoon(crd);
    }
  });
  deps.signal.addEventListener("abort", unsubscribe, { once: true });

  function serve(crd: ApiObject): void {
    const kind = kindFromCrd(crd);
    const { convert } = deps;
    const hooked = convert && at(crd, "spec", "conversion", "strategy") === "Webhook";
    registry.set(hooked ? { ...kind, convert: (objects, toVersion) => convert(crd, objects, toVersion) } : kind);
  }

  /** Not inside the commit that noticed it. */
  function cleanSoon(crd: ApiObject): void {
    setImmediate(() => {
      if (!deps.signal.aborted) void clean(crd.metadata.name).catch(() => undefined);
    });
  }

  /** Deletes the objects of an ending CRD; the last one's end calls this again and lets the CRD go. */
  async function clean(name: string): Promise<void> {
    const crd = store.get(CRDS, undefined, name);
    const kind = crd && registry.find(idOf(crd));
    if (!crd || !kind || !isEnding(crd)) return;
    const objects = store.list(idOf(crd));
    if (objects.length === 0) return release(name);
    const version = kind.versions[0];
    if (!version) return;
    for (const { metadata } of objects.filter((object) => object.metadata.deletionTimestamp === undefined)) {
      const target = { kind, version, namespace: metadata.namespace, subresource: undefined };
      // Gone already, or held by a finalizer: both are fine.
      await writer.remove(target, metadata.name, {}, deps.caller).catch(() => undefined);
    }
  }

  async function release(name: string): Promise<void> {
    const kind = registry.find(CRDS);
    const version = kind?.versions[0];
    if (!kind || !version) return;
    const target = { kind, version, namespace: undefined, subresource: undefined };
    const withoutCleanup = (crd: ApiObject): ApiObject => {
      const finalizers = (crd.metadata.finalizers ?? []).filter((each) => each !== CLEANUP);
      return { ...crd, metadata: { ...crd.metadata, finalizers } };
    };
    await writer.update(target, name, withoutCleanup, deps.caller);
  }
}

const isEnding = (crd: ApiObject): boolean =>
  crd.metadata.deletionTimestamp !== undefined && (crd.metadata.finalizers ?? []).includes(CLEANUP);

const idOf = (crd: ApiObject): ResourceId => ({
  group: text(at(crd, "spec", "group")),
  resource: text(at(crd, "spec", "names", "plural")),
});

/** Derived names, the clean-up finalizer, and the status that says that the kind is served. */
function prepareCrd(crd: ApiObject, old: ApiObject | undefined, now: string): void {
  const spec = (crd["spec"] ??= {}) as Node;
  const names = (spec["names"] ??= {}) as Node;
  const kind = text(names["kind"]);
  fill(names, { singular: kind.toLowerCase(), listKind: `${kind}List` });
  fill(spec, { conversion: { strategy: "None" } });
  const service = at(spec, "conversion", "webhook", "clientConfig", "service");
  if (service) fill(service as Node, { port: 443 });
  if (!old) crd.metadata.finalizers = [...new Set([...(crd.metadata.finalizers ?? []), CLEANUP])];
  crd["status"] = {
    conditions: conditions(old, now),
    acceptedNames: structuredClone(names),
    storedVersions: storedVersions(crd, old),
  };
}

function conditions(old: ApiObject | undefined, now: string): object[] {
  const known = at(old, "status", "conditions");
  if (Array.isArray(known) && known.length > 0) return structuredClone(known) as object[];
  const condition = (type: string, reason: string, message: string) => ({
    type,
    status: "True",
    lastTransitionTime: now,
    reason,
    message,
  });
  return [
    condition("NamesAccepted", "NoConflicts", "no conflicts found"),
    condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
  ];
}

function storedVersions(crd: ApiObject, old: ApiObject | undefined): string[] {
  const versions = items(at(crd, "spec", "versions")).filter((each) => each["storage"] === true);
  const now = versions.map((each) => text(each["name"]));
  return [...new Set([...texts(at(old, "status", "storedVersions")), ...now])];
}

/**
 * A plural, singular, short or kind name that another kind of the group has.
 *
 * Differs: Kubernetes accepts such a CRD and says NamesAccepted=False; here the write is refused.
 */
function nameConflicts(registry: Registry, crd: ApiObject): Cause[] {
  const id = idOf(crd);
  const names = at(crd, "spec", "names");
  const others = registry.kinds().filter((kind) => kind.group === id.group && kind.resource !== id.resource);
  const taken = (name: unknown, used: (kind: Kind) => readonly string[]): boolean =>
    others.some((kind) => used(kind).includes(text(name)));
  const fields: [field: string, value: unknown, used: (kind: Kind) => readonly string[]][] = [
    ["kind", at(names, "kind"), (kind) => [kind.kind, kind.listKind]],
    ["singular", at(names, "singular"), (kind) => [kind.singular, kind.resource]],
  ];
  return fields
    .filter(([, value, used]) => taken(value, used))
    .map(([field, value]) => ({
      reason: "FieldValueInvalid" as const,
      field: `spec.names.${field}`,
      message: `Invalid value: ${JSON.stringify(value)}: is already in use`,
    }));
}
