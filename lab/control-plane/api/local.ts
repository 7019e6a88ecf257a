import { storageVersion, type Registry } from "../registry/registry.ts";
import type { Store } from "../store/revisions.ts";
import { ApiStatusError, type ApiObject, type LocalApi, type ResourceId } from "../types.ts";
import { applyMergePatch } from "../patch/merge.ts";
import { selection } from "./read.ts";
import { storedUnder } from "./versions.ts";
import { watch } from "./watch.ts";
import type { Caller, Target, Writer } from "./write.ts";

/** Writes of this process: the lab's own controllers and node agents. */
export const LOCAL: Caller = {
  user: { name: "system:kube-controller-manager", groups: ["system:masters", "system:authenticated"] },
  manager: "lab",
  dryRun: false,
  fieldValidation: "Strict",
  warn: () => undefined,
};

/** The API without HTTP: the same pipeline, on stored objects in their storage versions. */
export function createLocalApi(store: Store, registry: Registry, writer: Writer): LocalApi {
  function target(
    id: ResourceId,
    namespace: string | undefined,
    options: { apiVersion?: string; subresource?: "status" | undefined } = {},
  ): Target {
    const kind = registry.find(id);
    if (!kind)
      throw new ApiStatusError(
        404,
        "NotFound",
        `the server could not find the requested resource ${id.resource}.${id.group}`,
      );
    const version =
      kind.versions.find((each) => options.apiVersion?.split("/").at(-1) === each.name) ?? storageVersion(kind);
    return { kind, version, namespace: kind.namespaced ? namespace : undefined, subresource: options.subresource };
  }

  const targetOf = (id: ResourceId, object: ApiObject, subresource?: "status"): Target =>
    target(id, object.metadata.namespace, { apiVersion: object.apiVersion, subresource });

  return {
    get: (id, namespace, name) => store.get(storedUnder(target(id, namespace).kind), namespace, name),
    list(id, options = {}) {
      const where = target(id, options.namespace);
      const matches = selection(where, { labelSelector: options.labelSelector, fieldSelector: options.fieldSelector });
      return store.list(storedUnder(where.kind), options.namespace).filter(matches);
    },
    create: (id, object) => writer.create(targetOf(id, object), object, LOCAL),
    update: (id, object, options) =>
      writer.update(targetOf(id, object, options?.subresource), object.metadata.name, () => object, LOCAL),
    patch: (id, namespace, name, patch, options) =>
      writer.update(
        target(id, namespace, { subresource: options?.subresource }),
        name,
        (live) => applyMergePatch(live, patch) as ApiObject,
        LOCAL,
      ),
    async delete(id, namespace, name, { uid, ...options } = {}) {
      await writer.remove(
        target(id, namespace),
        name,
        { ...options, ...(uid === undefined ? {} : { preconditions: { uid } }) },
        LOCAL,
      );
    },
    watch(id, onEvent, signal) {
      const options = {
        labelSelector: undefined,
        fieldSelector: undefined,
        resourceVersion: undefined,
        sendInitialEvents: false,
        bookmarks: false,
      };
      const notices = watch(store, target(id, undefined), options, signal);
      const deliver = async (): Promise<void> => {
        for await (const notice of notices) if (notice.type !== "BOOKMARK") onEvent(notice);
      };
      // A listener that throws is a bug of this process: it ends as any unhandled rejection does.
      void deliver();
    },
  };
}
