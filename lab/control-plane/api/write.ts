import { randomInt, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { deepEqual } from "../../../src/std/equal.ts";
import { serverSideApply, trackUpdate } from "../patch/apply.ts";
import { type Registry, apiVersionOf, storageVersion } from "../registry/registry.ts";
import { without } from "../registry/fields.ts";
import { defaultObject, pruneObject, validateObject } from "../schema/walk.ts";
import { StaleWrite, type Store } from "../store/revisions.ts";
import type { ApiObject, Kind, KindVersion, ManagedFieldsEntry, Subresource, UserInfo } from "../types.ts";
import { nextDeletion, type DeleteOptions, isFinished } from "./deletion.ts";
import type { Admit } from "./hooks.ts";
import { generatedName, timestamp, validateMetadata } from "./metadata.ts";
import { alreadyExists, badRequest, conflict, forbidden, invalid, notFound } from "./status.ts";
import { fromStored, storedUnder, toStored } from "./versions.ts";

/** What a request is about. */
export interface Target {
  readonly kind: Kind;
  readonly version: KindVersion;
  readonly namespace: string | undefined;
  readonly subresource: Subresource | undefined;
}

/** Who writes, and how. */
export interface Caller {
  readonly user: UserInfo;
  /** Becomes the owner of the fields that the write sets. */
  readonly manager: string;
  readonly dryRun: boolean;
  readonly fieldValidation: "Strict" | "Warn" | "Ignore";
  warn(message: string): void;
}

/** Writes as they go through the whole pipeline: strict fields, conversion, defaults, admission, validation, commit. Objects returned are stored ones. */
export interface Writer {
  create(target: Target, body: ApiObject, caller: Caller): Promise<ApiObject>;
  /** `change` gets a copy of the live object in the target's version; it runs again when somebody else was faster. */
  update(target: Target, name: string, change: (live: ApiObject) => ApiObject, caller: Caller): Promise<ApiObject>;
  apply(
    target: Target,
    name: string,
    applied: ApiObject,
    force: boolean,
    caller: Caller,
  ): Promise<{ object: ApiObject; created: boolean }>;
  /** `gone` is false while finalizers or a grace period hold the object. */
  remove(
    target: Target,
    name: string,
    options: DeleteOptions,
    caller: Caller,
  ): Promise<{ object: ApiObject; gone: boolean }>;
}

/** Writes that lost the race this often in a row give up. */
const ATTEMPTS = 30;

export function createWriter(deps: {
  store: Store;
  registry: Registry;
  admit: Admit | undefined;
  now: () => Date;
}): Writer {
  const { store, registry } = deps;
  const components = registry.components;

  const getLive = (target: Target, name: string): ApiObject | undefined =>
    store.get(storedUnder(target.kind), target.namespace, name);

  async function create(target: Target, body: ApiObject, caller: Caller): Promise<ApiObject> {
    const object = readable(target, body, caller);
    if (object.metadata.resourceVersion) throw badRequest("resourceVersion should not be set on objects to be created");
    if (!object.metadata.name && object.metadata.generateName)
      object.metadata.name = generatedName(object.metadata.generateName);
    checkNamespace(target);
    const entries = (after: ApiObject) => tracked(target, undefined, after, caller);
    return insert(target, object, entries, caller);
  }

  /** The body in canonical form: identity checked, unknown fields reported and dropped, defaults filled. */
  function readable(target: Target, body: ApiObject, caller: Caller): ApiObject {
    const object = structuredClone(body);
    checkIdentity(target, object);
    reportUnknown(pruneObject(target.version.schema, components, object), caller);
    defaultObject(target.version.schema, components, object);
    return object;
  }

  function checkNamespace(target: Target): void {
    if (!target.kind.namespaced || target.namespace === undefined) return;
    const namespaces = registry.find({ group: "", resource: "namespaces" });
    const namespace = store.get({ group: "", resource: "namespaces" }, undefined, target.namespace);
    if (!namespace && namespaces) throw notFound(namespaces, target.namespace);
    if (namespace?.metadata.deletionTimestamp !== undefined) {
      const why = `unable to create new content in namespace ${target.namespace} because it is being terminated`;
      throw forbidden(target.kind, target.namespace, why);
    }
  }

  async function insert(target: Target, object: ApiObject, entries: Entries, caller: Caller): Promise<ApiObject> {
    const { kind } = target;
    const stored = await forStorage(target, object, undefined);
    if (kind.subresources.includes("status") && kind.resource !== "nodes") delete stored["status"];
    const metadata = without(stored.metadata, "deletionTimestamp", "deletionGracePeriodSeconds");
    stored.metadata = { ...metadata, uid: randomUUID(), creationTimestamp: timestamp(deps.now()) };
    if (kind.generation) stored.metadata.generation = 1;
    const ready = await decided(target, stored, undefined, caller);
    setEntries(ready, entries(ready));
    if (caller.dryRun) return ready;
    try {
      return store.commit(storedUnder(kind), ready, undefined);
    } catch (error) {
      throw error instanceof StaleWrite ? alreadyExists(kind, ready.metadata.name) : error;
    }
  }

  async function update(
    target: Target,
    name: string,
    change: (live: ApiObject) => ApiObject,
    caller: Caller,
  ): Promise<ApiObject> {
    return retried(target, name, caller, async (live, shown) => {
      const wanted = readable(target, change(shown), caller);
      const next = await merged(target, live, wanted, shown);
      const ready = await decided(target, next, live, caller);
      setEntries(ready, tracked(target, live, ready, caller));
      return ready;
    });
  }

  async function apply(target: Target, name: string, applied: ApiObject, force: boolean, caller: Caller) {
    const body = structuredClone(applied);
    body.metadata = { ...body.metadata, name };
    checkIdentity(target, body);
    if (applied.metadata?.managedFields) throw badRequest("metadata.managedFields must be nil");
    reportUnknown(pruneObject(target.version.schema, components, body), caller);
    const run = (live: ApiObject | undefined) =>
      serverSideApply({ ...tracking(target, caller), live, applied: body, force });
    if (!getLive(target, name) && target.subresource === undefined) {
      checkNamespace(target);
      const first = run(undefined);
      const entries = first.metadata.managedFields;
      const object = readable(target, first, { ...caller, fieldValidation: "Ignore" });
      return { object: await insert(target, object, () => entries, caller), created: true };
    }
    const object = await retried(target, name, caller, async (live, shown) => {
      const result = run(shown);
      const entries = result.metadata.managedFields;
      const wanted = readable(target, result, { ...caller, fieldValidation: "Ignore" });
      const ready = await decided(target, await merged(target, live, wanted, shown), live, caller);
      setEntries(ready, entries);
      return ready;
    });
    return { object, created: false };
  }

  /** Reads, lets `step` make the next value, and commits it; from the start again when the object changed meanwhile. */
  async function retried(
    target: Target,
    name: string,
    caller: Caller,
    step: (live: ApiObject, shown: ApiObject) => Promise<ApiObject>,
  ): Promise<ApiObject> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const live = getLive(target, name);
      if (!live) throw notFound(target.kind, name);
      const [shown] = await fromStored(target.kind, [live], target.version.name);
      const ready = await step(live, structuredClone(shown ?? live));
      if (caller.dryRun || unchanged(live, ready)) return caller.dryRun ? ready : live;
      const stored = committed(target, live, ready);
      if (stored) return stored;
      // Writers in step with each other would lose together again and again.
      await sleep(randomInt(1 + 5 * attempt));
    }
    throw conflict(target.kind, name);
  }

  /** Undefined when somebody else was faster. */
  function committed(target: Target, live: ApiObject, ready: ApiObject): ApiObject | undefined {
    const id = storedUnder(target.kind);
    try {
      const stored = store.commit(id, ready, live.metadata.resourceVersion);
      if (!isFinished(target.kind, stored)) return stored;
      return store.remove(id, stored.metadata.namespace, stored.metadata.name, stored.metadata.resourceVersion ?? "");
    } catch (error) {
      if (error instanceof StaleWrite) return undefined;
      throw error;
    }
  }

  /** The live object with the parts that this request may change, in the storage version. */
  async function merged(target: Target, live: ApiObject, wanted: ApiObject, shown: ApiObject): Promise<ApiObject> {
    const { kind, subresource } = target;
    checkPreconditions(kind, live, wanted);
    const next = await forStorage(target, wanted, shown);
    if (subresource === "status") {
      const managedFields = next.metadata.managedFields;
      return {
        ...structuredClone(live),
        status: next["status"],
        // As kube-apiserver: a status write of a built-in kind keeps its metadata (annotations, say), of a custom one it does not.
        metadata: kind.custom
          ? { ...structuredClone(live.metadata), ...(managedFields ? { managedFields } : {}) }
          : keptMetadata(next.metadata, live.metadata),
      };
    }
    if (kind.subresources.includes("status")) {
      delete next["status"];
      if (live["status"] !== undefined) next["status"] = structuredClone(live["status"]);
    }
    next.metadata = keptMetadata(next.metadata, live.metadata);
    return next;
  }

  /** In the storage version, its defaults filled in; what came in another version is first held against that one's schema. */
  async function forStorage(target: Target, object: ApiObject, shown: ApiObject | undefined): Promise<ApiObject> {
    const { kind, version } = target;
    if (!kind.custom || version.storage) return toStored(kind, object);
    const causes = validateObject(version.schema, components, object, shown);
    if (causes.length > 0) throw invalid(kind, object.metadata.name, causes);
    const stored = await toStored(kind, object);
    defaultObject(storedSchema(kind), components, stored);
    return stored;
  }

  /** Kind rules, validation and admission; what admission changed is defaulted and validated again. */
  async function decided(
    target: Target,
    object: ApiObject,
    old: ApiObject | undefined,
    caller: Caller,
  ): Promise<ApiObject> {
    const { kind } = target;
    const next = structuredClone(object);
    kind.prepare?.(next, old);
    raiseGeneration(kind, next, old);
    validate(kind, next, old);
    if (!deps.admit) return next;
    const { object: admitted, warnings } = await deps.admit({
      operation: old ? "UPDATE" : "CREATE",
      kind,
      version: target.version.name,
      resource: kind.resource,
      subresource: target.subresource,
      namespace: target.namespace,
      name: next.metadata.name,
      object: next,
      oldObject: old,
      user: caller.user,
      dryRun: caller.dryRun,
    });
    for (const warning of warnings) caller.warn(warning);
    if (!admitted || deepEqual(admitted, next)) return next;
    const final = structuredClone(admitted);
    defaultObject(storedSchema(kind), components, final);
    raiseGeneration(kind, final, old);
    validate(kind, final, old);
    return final;
  }

  /** The schema of what is stored, which for events is that of their first name. */
  const storedSchema = (kind: Kind) => storageVersion(registry.find(storedUnder(kind)) ?? kind).schema;

  function validate(kind: Kind, object: ApiObject, old: ApiObject | undefined): void {
    const causes = [
      ...validateMetadata(kind, object),
      ...validateObject(storedSchema(kind), components, object, old),
      ...(kind.validate?.(object, old) ?? []),
    ];
    if (causes.length > 0) throw invalid(kind, object.metadata.name, causes);
  }

  const tracking = (target: Target, caller: Caller) => ({
    schema: target.version.schema,
    components,
    manager: caller.manager,
    apiVersion: apiVersionOf(target.kind.group, target.version.name),
    ...(target.subresource === undefined ? {} : { subresource: target.subresource }),
    now: timestamp(deps.now()),
  });

  /** Ownership after a write that is no apply; counted in the storage version, whatever version the client wrote. */
  function tracked(
    target: Target,
    before: ApiObject | undefined,
    after: ApiObject,
    caller: Caller,
  ): ManagedFieldsEntry[] {
    const { apiVersion } = after;
    const written = { ...tracking(target, caller), apiVersion, schema: storedSchema(target.kind) };
    return trackUpdate({ ...written, before, after, operation: "Update" });
  }

  async function remove(target: Target, name: string, options: DeleteOptions, caller: Caller) {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const live = getLive(target, name);
      if (!live) throw notFound(target.kind, name);
      checkDeletion(target.kind, live, options);
      if (attempt === 0) await admitDeletion(target, live, caller);
      const next = nextDeletion(target.kind, live, options, deps.now());
      if (caller.dryRun) return { object: next ?? live, gone: true };
      const result = deletionCommitted(target, live, next);
      if (result) return result;
    }
    throw conflict(target.kind, name);
  }

  async function admitDeletion(target: Target, live: ApiObject, caller: Caller): Promise<void> {
    const { kind, version, namespace, subresource } = target;
    const { user, dryRun } = caller;
    const answer = await deps.admit?.({
      operation: "DELETE",
      kind,
      version: version.name,
      resource: kind.resource,
      subresource,
      namespace,
      name: live.metadata.name,
      object: undefined,
      oldObject: live,
      user,
      dryRun,
    });
    for (const warning of answer?.warnings ?? []) caller.warn(warning);
  }

  function deletionCommitted(target: Target, live: ApiObject, next: ApiObject | undefined) {
    const id = storedUnder(target.kind);
    const { namespace, name, resourceVersion = "" } = live.metadata;
    try {
      if (!next) return { object: store.remove(id, namespace, name, resourceVersion), gone: true };
      return { object: unchanged(live, next) ? live : store.commit(id, next, resourceVersion), gone: false };
    } catch (error) {
      if (error instanceof StaleWrite) return undefined;
      throw error;
    }
  }

  return { create, update, apply, remove };
}

type Entries = (after: ApiObject) => ManagedFieldsEntry[] | undefined;

function setEntries(object: ApiObject, entries: ManagedFieldsEntry[] | undefined): void {
  if (entries && entries.length > 0) object.metadata.managedFields = entries;
  else delete object.metadata.managedFields;
}

function checkIdentity(target: Target, object: ApiObject): void {
  const { kind, version, namespace } = target;
  const apiVersion = apiVersionOf(kind.group, version.name);
  object.apiVersion ??= apiVersion;
  object.kind ??= kind.kind;
  object.metadata ??= { name: "" };
  if (object.apiVersion !== apiVersion || object.kind !== kind.kind) {
    throw badRequest(
      `${object.kind} in version "${object.apiVersion}" cannot be handled as a ${kind.kind}: the API version in the data (${object.apiVersion}) does not match the expected API version (${apiVersion})`,
    );
  }
  if (!kind.namespaced) return;
  object.metadata.namespace ??= namespace ?? "default";
  if (object.metadata.namespace !== namespace) {
    throw badRequest("the namespace of the provided object does not match the namespace sent on the request");
  }
}

function reportUnknown(unknown: readonly string[], caller: Caller): void {
  if (unknown.length === 0) return;
  const texts = unknown.map((path) => `unknown field "${path}"`);
  if (caller.fieldValidation === "Strict") throw badRequest(`strict decoding error: ${texts.join(", ")}`);
  if (caller.fieldValidation === "Warn") for (const text of texts) caller.warn(text);
}

function checkPreconditions(kind: Kind, live: ApiObject, wanted: ApiObject): void {
  const { name, uid, resourceVersion } = wanted.metadata;
  if (name !== live.metadata.name) {
    throw badRequest(`the name of the object (${name}) does not match the name on the URL (${live.metadata.name})`);
  }
  if (uid && uid !== live.metadata.uid) {
    throw conflict(
      kind,
      name,
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${live.metadata.uid}`,
    );
  }
  if (resourceVersion && resourceVersion !== live.metadata.resourceVersion) throw conflict(kind, name);
}

function checkDeletion(kind: Kind, live: ApiObject, options: DeleteOptions): void {
  const { uid, resourceVersion } = options.preconditions ?? {};
  const { name } = live.metadata;
  if (uid !== undefined && uid !== live.metadata.uid) {
    throw conflict(
      kind,
      name,
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${live.metadata.uid}`,
    );
  }
  if (resourceVersion !== undefined && resourceVersion !== live.metadata.resourceVersion) throw conflict(kind, name);
}

/** Metadata that belongs to the server stays as it is. */
function keptMetadata(next: ApiObject["metadata"], live: ApiObject["metadata"]): ApiObject["metadata"] {
  const kept = { ...next };
  for (const field of [
    "uid",
    "creationTimestamp",
    "generation",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generateName",
  ] as const) {
    delete kept[field];
    if (live[field] !== undefined) Object.assign(kept, { [field]: live[field] });
  }
  // An absent list means "leave it"; an empty one clears it.
  if (next.managedFields === undefined && live.managedFields) kept.managedFields = structuredClone(live.managedFields);
  return kept;
}

/** The generation counts changes of what is neither metadata nor status. */
function raiseGeneration(kind: Kind, next: ApiObject, old: ApiObject | undefined): void {
  if (!kind.generation || !old) return;
  const generation = old.metadata.generation ?? 1;
  next.metadata.generation = deepEqual(intent(next), intent(old)) ? generation : generation + 1;
}

const intent = (object: ApiObject): object => without(object, "metadata", "status");

/** Equal but for the times and versions that a write itself brings. */
const unchanged = (live: ApiObject, next: ApiObject): boolean => deepEqual(comparable(live), comparable(next));

const comparable = (object: ApiObject): object => {
  const managedFields = object.metadata.managedFields?.map((entry) => without(entry, "time"));
  return { ...object, metadata: { ...without(object.metadata, "resourceVersion"), managedFields } };
};
