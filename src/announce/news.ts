/** What happened to a node's routing daemons between two looks at them, in order. No look alone can tell it. */
export type DaemonNews =
  /** Its connection ended, without our asking. */
  | { readonly kind: "lost"; readonly daemon: string }
  /** It answers again after it was lost. */
  | { readonly kind: "back"; readonly daemon: string }
  /** Its configuration was found changed by others, and is as decided again. `lines`: what that took, without secrets. */
  | { readonly kind: "drift"; readonly daemon: string; readonly lines: readonly string[] };
