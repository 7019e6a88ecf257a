/** A situation that users have, and what the routers must show of it. */
export interface Scenario {
  readonly name: string;
  /** What the routers show, for docs/scenarios.md. */
  readonly shows: string;
  /** How the second router is set up. Without it, it has no BGP at all. */
  readonly spine?: Spine;
  /** What is done before anything is applied. */
  readonly scene?: readonly Act[];
  /** YAML documents, as a user applies them. They are deleted afterwards. */
  readonly manifests: readonly string[];
  readonly holds: Expected;
  /** What happens next, one after another. */
  readonly next?: readonly Step[];
  /** Puts right what deleting the manifests does not. */
  readonly undo?: readonly Act[];
  /** Whether it edits the objects that all scenarios share, and so ends sessions of the first router. */
  readonly editsShared?: true;
}

export interface Step {
  readonly does: string;
  readonly acts: readonly Act[];
  readonly holds: Expected;
  /** The second router's neighbors whose sessions are the same after it. */
  readonly keeps?: readonly string[];
}

/** Something that a person does. */
export type Act =
  | { readonly kind: "apply"; readonly manifests: readonly string[] }
  | { readonly kind: "kubectl"; readonly args: readonly string[] }
  | { readonly kind: "run"; readonly host: string; readonly argv: readonly string[] }
  | { readonly kind: "spine"; readonly spine: Spine };

/** The second router's BGP: it waits for each of its neighbors, takes both families from them, and sends nothing. */
export interface Spine {
  readonly asn: number;
  /** `remote-as` of its neighbors; 64513 if absent. */
  readonly nodeASN?: number | "external" | "internal";
  /** The nodes as it calls them: their IPv4 addresses if absent. An interface's name is an unnumbered neighbor. */
  readonly neighbors?: readonly string[];
  /** Lines of each neighbor, without its name: `password x`. */
  readonly options?: readonly string[];
  /** Lines of the BFD profile `spine`. */
  readonly bfd?: readonly string[];
}

/** All of it must hold at one moment. What is absent is not looked at. */
export interface Expected {
  /** The whole table of the first router: AS 64512 at 10.0.0.1. */
  readonly tor?: Table;
  /** The whole table of the second. */
  readonly spine?: Table;
  /** By neighbor: a part of what the second router's `show bgp neighbors json` says. */
  readonly sessions?: Readonly<Record<string, Shown>>;
  /** By peer: a part of what the second router's `show bfd peers json` says. */
  readonly bfd?: Readonly<Record<string, Shown>>;
  /** By a command of birdc: a pattern of what BIRD answers, which waits for both nodes at the second router's port 1179. */
  readonly bird?: Readonly<Record<string, RegExp>>;
  /** Addresses at which the client, behind the first router, gets a page. */
  readonly pages?: readonly string[];
  /** By the words after `kubectl`: what is in the answer, with blanks of any kind as one. */
  readonly says?: Readonly<Record<string, string>>;
  /** By `host: command`: a pattern of the output. */
  readonly hosts?: Readonly<Record<string, RegExp>>;
}

/** By prefix and then by the session's other end, a node's name or FRR's word: the path. */
export type Table = Readonly<Record<string, Readonly<Record<string, Partial<Path>>>>>;

/** A path as a router holds it. In expectations what is absent is as in `plain`. */
export interface Path {
  readonly asPath: string;
  readonly communities: string;
  readonly large: string;
  readonly med: number;
  /** Only in a session within an AS. */
  readonly localPref: number | undefined;
  /** Whether the router uses it, alone or beside others. */
  readonly used: boolean;
}

/** What a router outside the cluster's AS holds when nothing is asked for. */
export const plain: Path = {
  asPath: "64513",
  communities: "",
  large: "",
  med: 0,
  localPref: undefined,
  used: true,
};

/** An empty AS path, in FRR's word: the route comes from the router's own AS. */
export const inside = "Local";

export type Shown = Readonly<Record<string, unknown>>;

/** The same path from both nodes. */
export const both = (path: Partial<Path> = {}): Readonly<Record<string, Partial<Path>>> => ({
  node1: path,
  node2: path,
});

export const apply = (...manifests: readonly string[]): Act => ({ kind: "apply", manifests });
export const kubectl = (...args: readonly string[]): Act => ({ kind: "kubectl", args });
export const run = (host: string, ...argv: readonly string[]): Act => ({ kind: "run", host, argv });
