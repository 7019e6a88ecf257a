import { builtinKinds } from "../registry/kinds.ts";
import { Registry, storageVersion } from "../registry/registry.ts";
import { builtinComponents } from "../schema/builtin.ts";
import { Store } from "../store/revisions.ts";
import type { ApiObject, LocalApi } from "../types.ts";
import { createLocalApi } from "./local.ts";
import { createWriter, type Target, type Writer } from "./write.ts";

/** The built-in kinds over an empty store, without HTTP: what tests of one room need. */
export interface InMemory {
  readonly store: Store;
  readonly registry: Registry;
  readonly writer: Writer;
  readonly api: LocalApi;
  readonly target: (group: string, resource: string, namespace?: string) => Target;
}

export async function inMemory(options: { history?: { count: number; ageMs: number } } = {}): Promise<InMemory> {
  const now = (): Date => new Date();
  const store = new Store({ file: ":memory:", now: () => now().getTime(), ...options });
  const registry = new Registry(builtinKinds(), builtinComponents());
  const writer = createWriter({ store, registry, admit: undefined, now });
  const api = createLocalApi(store, registry, writer);
  await api.create({ group: "", resource: "namespaces" }, named("v1", "Namespace", "default"));
  return {
    store,
    registry,
    writer,
    api,
    target(group, resource, namespace) {
      const kind = registry.find({ group, resource });
      if (!kind) throw new Error(`no kind ${resource}.${group}`);
      return { kind, version: storageVersion(kind), namespace, subresource: undefined };
    },
  };
}

/** A bare object; `more` adds what the kind needs. */
export const named = (apiVersion: string, kind: string, name: string, more: object = {}): ApiObject => ({
  apiVersion,
  kind,
  ...more,
  metadata: { name, ...(more as { metadata?: object }).metadata },
});

/** A ConfigMap in the default namespace. */
export const configMap = (name: string, data: Record<string, string>, labels: Record<string, string> = {}): ApiObject =>
  named("v1", "ConfigMap", name, { data, metadata: { namespace: "default", labels } });
