/** The shared vocabulary of the embedded control plane. */

/** Any object as it is stored and served: plain JSON. */
export interface ApiObject {
  apiVersion: string;
  kind: string;
  metadata: ApiMeta;
  [field: string]: unknown;
}

export interface ApiMeta {
  name: string;
  namespace?: string;
  generateName?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: OwnerRef[];
  managedFields?: ManagedFieldsEntry[];
}

export interface OwnerRef {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}

export interface ManagedFieldsEntry {
  manager: string;
  operation: "Apply" | "Update";
  apiVersion: string;
  time?: string;
  fieldsType: "FieldsV1";
  fieldsV1: Record<string, unknown>;
  subresource?: string;
}

/** One field error, as `details.causes` of a 422 lists them (metav1.StatusCause). */
export interface Cause {
  reason:
    | "FieldValueInvalid"
    | "FieldValueRequired"
    | "FieldValueNotSupported"
    | "FieldValueForbidden"
    | "FieldValueDuplicate"
    | "FieldValueTypeInvalid"
    | "FieldValueTooLong"
    | "FieldValueTooMany"
    | "FieldManagerConflict";
  /** Kubernetes' words, such as `Invalid value: "integer": spec.x in body must be of type string: "integer"`. */
  message: string;
  /** Such as `spec.addresses[0]`. */
  field: string;
}

/** An API error on its way to a `Status` body. */
export class ApiStatusError extends Error {
  override readonly name = "ApiStatusError";
  readonly code: number;
  readonly reason: string;
  readonly details: Record<string, unknown> | undefined;
  constructor(code: number, reason: string, message: string, details?: Record<string, unknown>) {
    super(message);
    this.code = code;
    this.reason = reason;
    this.details = details;
  }
}

/** A structural schema: the OpenAPI v3 subset that CRDs and the built-in kinds use, `$ref` already resolved or in `components`. */
export interface Schema {
  type?: "object" | "array" | "string" | "integer" | "number" | "boolean";
  format?: string;
  description?: string;
  properties?: Record<string, Schema>;
  additionalProperties?: Schema | boolean;
  items?: Schema;
  required?: string[];
  enum?: unknown[];
  default?: unknown;
  nullable?: boolean;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: boolean;
  exclusiveMaximum?: boolean;
  multipleOf?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  minItems?: number;
  maxItems?: number;
  uniqueItems?: boolean;
  minProperties?: number;
  maxProperties?: number;
  allOf?: Schema[];
  anyOf?: Schema[];
  oneOf?: Schema[];
  not?: Schema;
  /** Name of a component, such as `io.k8s.api.core.v1.ServicePort`. */
  $ref?: string;
  "x-kubernetes-int-or-string"?: boolean;
  "x-kubernetes-preserve-unknown-fields"?: boolean;
  "x-kubernetes-embedded-resource"?: boolean;
  "x-kubernetes-list-type"?: "atomic" | "set" | "map";
  "x-kubernetes-list-map-keys"?: string[];
  "x-kubernetes-map-type"?: "atomic" | "granular";
  "x-kubernetes-patch-merge-key"?: string;
  "x-kubernetes-patch-strategy"?: string;
  "x-kubernetes-validations"?: {
    rule: string;
    message?: string;
    messageExpression?: string;
    reason?: string;
    fieldPath?: string;
  }[];
  "x-kubernetes-group-version-kind"?: { group: string; version: string; kind: string }[];
}

/** Named schemas that `$ref` points into. */
export type Components = Record<string, Schema>;

export type Subresource = "status" | "scale" | "log" | "exec" | "eviction" | "token" | "finalize";

export interface Column {
  name: string;
  type: string;
  format?: string;
  description?: string;
  /** 0: always shown; above: only with `-o wide`. */
  priority: number;
  value(object: ApiObject): string | number | boolean | null;
}

export interface KindVersion {
  name: string;
  served: boolean;
  storage: boolean;
  deprecated?: boolean;
  deprecationWarning?: string;
  schema: Schema;
  columns: Column[];
}

/** A served kind: one row of data from which routes, discovery, OpenAPI, tables and validation are derived. CRDs add rows at run time. */
export interface Kind {
  group: string;
  kind: string;
  /** Plural. */
  resource: string;
  singular: string;
  listKind: string;
  shortNames: string[];
  categories: string[];
  namespaced: boolean;
  verbs: string[];
  subresources: Subresource[];
  versions: KindVersion[];
  /** Field labels that a field selector may name, beside metadata.name and metadata.namespace. */
  fieldLabels: Record<string, (object: ApiObject) => string>;
  custom: boolean;
  /** Whether `metadata.generation` counts changes of what is outside metadata and status. */
  generation: boolean;
  /** Kubernetes' defaults and derived fields (clusterIP, uid-like names, …) for built-in kinds; may throw ApiStatusError. `old` is absent on create. */
  prepare?: (object: ApiObject, old: ApiObject | undefined) => void;
  /** Checks beyond the schema. */
  validate?: (object: ApiObject, old: ApiObject | undefined) => Cause[];
  /** Converts between versions (CRDs with a conversion webhook); absent: only apiVersion changes. */
  convert?: (objects: ApiObject[], toVersion: string) => Promise<ApiObject[]>;
}

export interface ResourceId {
  group: string;
  resource: string;
}

export interface WatchEvent {
  type: "ADDED" | "MODIFIED" | "DELETED";
  object: ApiObject;
}

/** Who asks. Groups as Kubernetes names them (`system:masters`, `system:serviceaccounts:NS`). */
export interface UserInfo {
  name: string;
  uid?: string;
  groups: string[];
}

/**
 * The API for clients in this process (controllers, node agents): the same pipeline as over HTTPS, defaulting, validation and webhooks
 * included, without the bytes. `resource` is the plural name, `group` "" for core. Objects returned are frozen: copy before changing.
 */
export interface LocalApi {
  get(id: ResourceId, namespace: string | undefined, name: string): ApiObject | undefined;
  list(id: ResourceId, options?: { namespace?: string; labelSelector?: string; fieldSelector?: string }): ApiObject[];
  create(id: ResourceId, object: ApiObject): Promise<ApiObject>;
  /** Replaces; with `metadata.resourceVersion` set, conflicts (ApiStatusError 409) when stale. */
  update(id: ResourceId, object: ApiObject, options?: { subresource?: "status" }): Promise<ApiObject>;
  /** JSON merge patch (RFC 7396). */
  patch(
    id: ResourceId,
    namespace: string | undefined,
    name: string,
    patch: object,
    options?: { subresource?: "status" },
  ): Promise<ApiObject>;
  delete(
    id: ResourceId,
    namespace: string | undefined,
    name: string,
    options?: { propagationPolicy?: "Background" | "Foreground" | "Orphan"; gracePeriodSeconds?: number; uid?: string },
  ): Promise<void>;
  /** Calls back for what exists (ADDED) and then for each change, in order, until aborted. Delivery is asynchronous. */
  watch(id: ResourceId, onEvent: (event: WatchEvent) => void, signal: AbortSignal): void;
}

/** What `kubectl exec` asks for. */
export interface ExecRequest {
  argv: string[];
  stdin?: NodeJS.ReadableStream;
  stdout: NodeJS.WritableStream;
  /** Absent with a terminal. */
  stderr?: NodeJS.WritableStream;
  tty: boolean;
  /** Terminal sizes, the first before the start. */
  onResize?: (listener: (size: { columns: number; rows: number }) => void) => void;
}

export interface LogRequest {
  container: string;
  follow: boolean;
  previous: boolean;
  timestamps: boolean;
  tailLines?: number;
  sinceTime?: Date;
  limitBytes?: number;
}

/** The node agents, as the API server sees them. */
export interface PodRuntime {
  /** Resolves with the exit code. Rejects with ApiStatusError when the container does not run. */
  exec(pod: ApiObject, container: string, request: ExecRequest, signal: AbortSignal): Promise<number>;
  /** Yields chunks of text; with `follow`, until the container ends or the signal fires. */
  logs(pod: ApiObject, request: LogRequest, signal: AbortSignal): AsyncIterable<string>;
}

/** Opens a TCP connection to a Service's ready endpoint (for webhooks), from inside the cluster's network. */
export type ServiceDialer = (namespace: string, name: string, port: number) => Promise<import("node:net").Socket>;
