import type { Ingress, Service } from "../api/core.ts";
import {
  annotationAddressPool,
  annotationAllocatedFromPool,
  annotationAllowSharedIP,
  annotationLoadBalancerIPs,
  annotationOf,
  annotationPrefix,
  deprecatedAnnotationPrefix,
  deprecatedMark,
} from "../api/names.ts";
import { keyOf } from "../api/object.ts";
import { type Address, compareAddresses, type Family, familyOf, parseAddress } from "../net/address.ts";
import { sortedText } from "../std/order.ts";
import { err, ok, type Result } from "../std/result.ts";
import type { Claim } from "./ledger.ts";

/** What a Service asks for, read once and in one place. */
export interface Wish {
  readonly key: string;
  readonly service: Service;
  readonly claim: Claim;
  readonly shape: Result<Shape, ShapeProblem>;
  /** IPv4 first; empty when it asks for none; the error is the cause in MetalLB's words. */
  readonly requested: Result<readonly Address[]>;
  /** The pool annotation. */
  readonly pool: string | undefined;
  /** What differs between two wishes that could cost a Service an address that it shares. */
  readonly terms: string;
  /** The addresses of its status. */
  readonly named: readonly Named[];
  /** The pools that they came from, as a MetalLB has marked it, of whatever age. */
  readonly marks: readonly string[] | undefined;
}

/** An address of a status, as it stands there and as what it means, if anything. */
export interface Named {
  readonly text: string;
  readonly address: Address | undefined;
}

/** Which families' addresses it should get. */
export type Shape =
  | { readonly kind: "single"; readonly family: Family }
  | { readonly kind: "dual"; readonly required: boolean; readonly primary: Family };

/** "undeterminable" touches nothing that the Service holds; the others take it away. */
interface ShapeProblem {
  readonly kind: "no-cluster-ip" | "not-enough-cluster-ips" | "undeterminable";
  readonly message: string;
}

export function readWish(service: Service): Wish {
  const claim = claimOf(service);
  return {
    key: claim.key,
    service,
    claim,
    shape: shapeOf(service),
    requested: requestedBy(service),
    pool: annotationOf(service.metadata.annotations, annotationAddressPool) || undefined,
    terms: `${claim.sharing} ${claim.ports.join(" ")}`,
    named: ingressOf(service).flatMap(({ ip }) => (ip ? [{ text: ip, address: parseAddress(ip) }] : [])),
    marks: annotationOf(service.metadata.annotations, annotationAllocatedFromPool)?.split(","),
  };
}

/** The families that fit a shape, IPv4 first. */
export const familiesOf = (shape: Shape): readonly Family[] =>
  shape.kind === "single" ? [shape.family] : ["ipv4", "ipv6"];

/**
 * The addresses of the status that a controller of ours wrote, in their order.
 *
 * Differs: an address that lies in no pool, on a Service that no MetalLB has marked, is another implementation's; MetalLB
 * would replace it. Entries with a hostname only are others' too.
 */
export const ownAddresses = ({ named, marks }: Wish, isOurs: (address: Address) => boolean): readonly Named[] =>
  marks ? named : named.filter(({ address }) => address === undefined || isOurs(address));

/**
 * Annotation keys with the prefix from before 0.14.9.
 *
 * Differs: not the controller's own mark, which is no user's to rename. It goes when the new one is written.
 */
export const deprecatedAnnotations = (service: Service): string[] =>
  sortedText(
    Object.keys(service.metadata.annotations ?? {}).filter(
      (key) => key.startsWith(deprecatedAnnotationPrefix) && key !== deprecatedMark,
    ),
  );

const ingressOf = (service: Service): readonly Ingress[] => service.status?.loadBalancer?.ingress ?? [];

/** MetalLB controller/service.go, SharingKey and BackendKey: with policy Local, equal selectors are needed as well. */
function claimOf(service: Service): Claim {
  const { externalTrafficPolicy, selector = {}, ports = [] } = service.spec;
  const sharingKey = annotationOf(service.metadata.annotations, annotationAllowSharedIP) ?? "";
  const backend = externalTrafficPolicy === "Local" ? sortedText(Object.entries(selector).map((e) => e.join("="))) : [];
  return {
    key: keyOf(service),
    sharing: sharingKey === "" ? "" : JSON.stringify([sharingKey, ...backend]),
    ports: sortedText(ports.map(({ protocol = "TCP", port }) => `${protocol}/${port}`)),
  };
}

/** The shape follows from `clusterIPs`, not from `ipFamilies`, which only says which family comes first. */
function shapeOf({ spec }: Service): Result<Shape, ShapeProblem> {
  const texts = spec.clusterIPs?.length ? spec.clusterIPs : spec.clusterIP ? [spec.clusterIP] : [];
  const problem = (kind: ShapeProblem["kind"], message: string) => err({ kind, message });
  if (texts.length === 0) return problem("no-cluster-ip", "the Service has no clusterIP");
  if (spec.ipFamilyPolicy === "RequireDualStack" && texts.length < 2) {
    return problem(
      "not-enough-cluster-ips",
      `Service requires dual stack but not enough clusterips [${texts.join(" ")}]`,
    );
  }
  const families = texts.flatMap((text) => parseAddress(text) ?? []).map(familyOf);
  const [first, second] = families;
  if (first === undefined || families.length !== texts.length || families.length > 2 || first === second) {
    return problem("undeterminable", `the clusterIPs [${texts.join(" ")}] are not one address of each family`);
  }
  if (second === undefined) return ok({ kind: "single", family: first });
  if (spec.ipFamilyPolicy !== "RequireDualStack" && spec.ipFamilyPolicy !== "PreferDualStack") {
    return problem(
      "undeterminable",
      "the Service has clusterIPs of two families, but its ipFamilyPolicy is SingleStack",
    );
  }
  const primary = spec.ipFamilies?.[0] === "IPv6" ? "ipv6" : "ipv4";
  return ok({ kind: "dual", required: spec.ipFamilyPolicy === "RequireDualStack", primary });
}

/**
 * The addresses asked for by annotation or by `spec.loadBalancerIP`.
 *
 * Differs: they are put in order, IPv4 first; MetalLB stores the order of the text, and reorders it a turn later.
 */
function requestedBy(service: Service): Result<readonly Address[]> {
  const annotation = annotationOf(service.metadata.annotations, annotationLoadBalancerIPs) ?? "";
  const field = service.spec.loadBalancerIP ?? "";
  if (annotation !== "" && field !== "") {
    return err(`service can not have both ${annotationPrefix}loadBalancerIPs and svc.Spec.LoadBalancerIP`);
  }
  if (annotation === "") return parseRequest(field === "" ? [] : [field]);
  return parseRequest(annotation.split(",").map((text) => text.trim()));
}

function parseRequest(texts: readonly string[]): Result<readonly Address[]> {
  const addresses: Address[] = [];
  for (const text of texts) {
    const address = parseAddress(text);
    if (address === undefined) return err(`"${text}" is not an IP address`);
    addresses.push(address);
  }
  const [first, second] = addresses;
  if (addresses.length > 2 || (first && second && familyOf(first) === familyOf(second))) {
    return err(`${quoted(addresses)}: at most one address of each family can be requested`);
  }
  return ok(addresses.sort(compareAddresses));
}

/** A list as Go's %q prints it: `["a" "b"]`. */
export const quoted = (texts: readonly string[]): string => `[${texts.map((text) => `"${text}"`).join(" ")}]`;
