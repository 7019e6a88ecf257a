import { humanDuration } from "../registry/columns.ts";
import type { ApiObject, Column, KindVersion } from "../types.ts";

/** Which part of each object a row carries (`includeObject`). */
export type IncludeObject = "None" | "Metadata" | "Object";

/** A meta.k8s.io/v1 Table: what `kubectl get` prints. @param columns false leaves the column definitions out, as later rows of a watch do */
export const tableOf = (
  version: KindVersion,
  objects: readonly ApiObject[],
  options: { metadata: object; include: IncludeObject; columns: boolean; now: Date },
): object => ({
  kind: "Table",
  apiVersion: "meta.k8s.io/v1",
  metadata: options.metadata,
  columnDefinitions: options.columns ? version.columns.map(definition) : null,
  rows: objects.map((object) => ({
    cells: version.columns.map((column) => cell(column, object, options.now)),
    object: included(object, options.include),
  })),
});

const definition = ({ name, type, format, description, priority }: Column): object => ({
  name,
  type: type === "date" ? "string" : type,
  format: format ?? "",
  description: description ?? name,
  priority,
});

/** Times print as ages: rows are read at once, so the server can tell them. */
function cell(column: Column, object: ApiObject, now: Date): unknown {
  const value = column.value(object);
  if (column.type !== "date" || typeof value !== "string") return value;
  const time = Date.parse(value);
  return Number.isNaN(time) ? value || "<unknown>" : humanDuration(now.getTime() - time);
}

function included(object: ApiObject, include: IncludeObject): object | null {
  switch (include) {
    case "None":
      return null;
    case "Metadata":
      return partial(object);
    case "Object":
      return object;
  }
}

/** Only what the object is and its metadata (meta.k8s.io/v1 PartialObjectMetadata). */
export const partial = (object: ApiObject): object => ({
  kind: "PartialObjectMetadata",
  apiVersion: "meta.k8s.io/v1",
  metadata: object.metadata,
});
