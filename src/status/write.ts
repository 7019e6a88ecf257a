import type { KubeObject, ObjectRef } from "../api/object.ts";

/** One change that the API server should make. A program turns it into calls. */
export type Write =
  /** Create `object`; where `status` is given, patch its status with that afterwards. It may exist already: then only the patch. */
  | { readonly kind: "create"; readonly object: KubeObject; readonly status?: object }
  /** JSON merge patch (RFC 7386) of an object. */
  | { readonly kind: "patch"; readonly object: ObjectRef; readonly body: object }
  /** The same on its status subresource. */
  | { readonly kind: "patch-status"; readonly object: ObjectRef; readonly body: object }
  | { readonly kind: "delete"; readonly object: ObjectRef };
