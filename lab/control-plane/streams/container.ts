import { badRequest } from "../api/status.ts";
import { at } from "../registry/fields.ts";
import type { ApiObject } from "../types.ts";

const DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container";

const names = (pod: ApiObject, list: string): string[] => {
  const containers = at(pod, "spec", list);
  return Array.isArray(containers) ? containers.map((each: { name?: unknown }) => String(each.name)) : [];
};

/** The container that a request means; may be left out when the Pod has one, or names its default. @throws ApiStatusError 400 */
export function containerOf(pod: ApiObject, asked: string | null): string {
  const containers = names(pod, "containers");
  const inits = names(pod, "initContainers");
  const { name } = pod.metadata;
  if (asked) {
    if ([...containers, ...inits].includes(asked)) return asked;
    throw badRequest(`container ${asked} is not valid for pod ${name}`);
  }
  const [only] = containers;
  if (containers.length === 1 && only !== undefined) return only;
  const preferred = pod.metadata.annotations?.[DEFAULT_CONTAINER];
  if (preferred !== undefined && containers.includes(preferred)) return preferred;
  const choice = inits.length > 0 ? ` or one of the init containers: [${inits.join(" ")}]` : "";
  throw badRequest(
    `a container name must be specified for pod ${name}, choose one of: [${containers.join(" ")}]${choice}`,
  );
}
