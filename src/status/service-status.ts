import type { Outcome } from "../allocate/outcome.ts";
import type { Ingress, Service } from "../api/core.ts";
import { annotationAllocatedFromPool, deprecatedMark } from "../api/names.ts";
import { refOf } from "../api/object.ts";
import { parseAddress } from "../net/address.ts";
import { deepEqual } from "../std/equal.ts";
import type { Write } from "./write.ts";

/**
 * What to write so that Services say what was assigned to them: status and annotation in one patch of the status
 * subresource, as MetalLB does, and nothing where nothing changes.
 *
 * The patch names the resourceVersion that the decision was made on: if the Service has changed since, it fails, and the
 * next turn decides anew.
 *
 * Differs: entries that aren't ours, and `ipMode` and `ports` of ours, stay as they are; MetalLB rewrites the list. Of
 * addresses from two pools, the annotation names both pools.
 *
 * @see MetalLB controller/main.go, SetBalancer; internal/k8s/k8s.go, UpdateStatus
 */
export const serviceWrites = (outcomes: readonly Outcome[]): Write[] => outcomes.flatMap(serviceWrite);

function serviceWrite(outcome: Outcome): Write[] {
  const { service, state } = outcome;
  const present = service.status?.loadBalancer?.ingress ?? [];
  const mark = state.kind === "assigned" ? [...new Set(state.pools)].join(",") : undefined;
  const marks = marksToWrite(service, mark);
  if (!marks && saysExactly(present, outcome)) return [];
  const ingress = wantedIngress(outcome, present);
  if (deepEqual(ingress, present) && !marks) return [];
  const { resourceVersion } = service.metadata;
  const body = {
    metadata: {
      ...(resourceVersion !== undefined && { resourceVersion }),
      ...(marks && { annotations: marks }),
    },
    status: { loadBalancer: { ingress: ingress.length > 0 ? ingress : null } },
  };
  return [{ kind: "patch-status", object: refOf(service), body }];
}

/** What differs in the annotations: one from before 0.14.9 goes, lest it should speak for what came after it. */
function marksToWrite({ metadata: { annotations = {} } }: Service, mark: string | undefined) {
  const [isOther, isOld] = [
    mark !== annotations[annotationAllocatedFromPool],
    Object.hasOwn(annotations, deprecatedMark),
  ];
  if (!isOther && !isOld) return undefined;
  return {
    ...(isOther && { [annotationAllocatedFromPool]: mark ?? null }),
    ...(isOld && { [deprecatedMark]: null }),
  };
}

/** As nearly all do in nearly every turn; it is seen without reading an address. */
function saysExactly(present: readonly Ingress[], { state }: Outcome): boolean {
  const addresses: readonly string[] = state.kind === "assigned" ? state.addresses : [];
  return present.length === addresses.length && present.every(({ ip }, i) => ip === addresses[i]);
}

/** What stays keeps its place; what is new comes after it. */
function wantedIngress({ before, state }: Outcome, present: readonly Ingress[]): Ingress[] {
  const addresses = state.kind === "assigned" ? state.addresses : [];
  const isAssigned = (text: string): boolean => addresses.some((address) => address === parseAddress(text));
  const stays = present.filter(({ ip = "" }) => !before.includes(ip) || isAssigned(ip));
  const held = new Set(stays.map(({ ip = "" }) => parseAddress(ip)));
  return [...stays, ...addresses.filter((address) => !held.has(address)).map((ip) => ({ ip }))];
}
