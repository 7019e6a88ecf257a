import type { ApiObject } from "../control-plane/types.ts";
import { fieldValue, type PodPlace } from "./fields.ts";
import type { ConfigMapSource, DownwardItem, KeyToPath, Pod, PodSources, ProjectedSource, Volume } from "./types.ts";

/** The files of a volume that comes from API objects, by path relative to the volume. */
export type Payload = ReadonlyMap<string, PayloadFile>;

interface PayloadFile {
  readonly content: Buffer;
  readonly mode: number;
}

/** A volume that cannot be made (yet): FailedMount. */
export class VolumeError extends Error {
  override readonly name = "VolumeError";
}

/** Whether a volume's content follows API objects. */
export const isProjected = (volume: Volume): boolean =>
  Boolean(volume.configMap ?? volume.secret ?? volume.downwardAPI ?? volume.projected);

/** @throws VolumeError when an object or key is missing and not optional. */
export function volumePayload(pod: Pod, volume: Volume, place: PodPlace, sources: PodSources): Payload {
  const { configMap, secret, downwardAPI, projected } = volume;
  const parts: ProjectedSource[] = [
    ...(configMap ? [{ configMap }] : []),
    ...(secret ? [{ secret: { ...secret, name: secret.secretName } }] : []),
    ...(downwardAPI ? [{ downwardAPI }] : []),
    ...(projected?.sources ?? []),
  ];
  const mode = (configMap ?? secret ?? downwardAPI ?? projected)?.defaultMode ?? 0o644;
  return new Map(parts.flatMap((part) => [...sourceFiles(pod, part, mode, place, sources)]));
}

function sourceFiles(pod: Pod, part: ProjectedSource, mode: number, place: PodPlace, sources: PodSources): Payload {
  const namespace = pod.metadata.namespace ?? "";
  if ("configMap" in part) {
    const object = sources.configMap(namespace, part.configMap.name);
    return keyedFiles("configmap", part.configMap, object && configMapBytes(object), namespace, mode);
  }
  if ("secret" in part) {
    const object = sources.secret(namespace, part.secret.name);
    return keyedFiles("secret", part.secret, object && secretBytes(object), namespace, mode);
  }
  if ("downwardAPI" in part) return downwardFiles(pod, part.downwardAPI.items ?? [], mode, place);
  const token = sources.issueToken(namespace, pod.spec.serviceAccountName ?? "default");
  return new Map([[part.serviceAccountToken.path, { content: Buffer.from(token), mode }]]);
}

function keyedFiles(
  kind: "configmap" | "secret",
  source: ConfigMapSource,
  data: ReadonlyMap<string, Buffer> | undefined,
  namespace: string,
  mode: number,
): Payload {
  if (!data && !source.optional) throw new VolumeError(`${kind} ${JSON.stringify(source.name)} not found`);
  const items: KeyToPath[] = source.items ?? [...(data?.keys() ?? [])].map((key) => ({ key, path: key }));
  const files = new Map<string, PayloadFile>();
  for (const item of items) {
    const content = data?.get(item.key);
    if (content) files.set(item.path, { content, mode: item.mode ?? mode });
    else if (!source.optional) {
      throw new VolumeError(`references non-existent ${kind} key: ${namespace}/${source.name}: ${item.key}`);
    }
  }
  return files;
}

function downwardFiles(pod: Pod, items: readonly DownwardItem[], mode: number, place: PodPlace): Payload {
  return new Map(
    items.map((item) => {
      const value = fieldValue(pod, place, item.fieldRef?.fieldPath ?? "");
      if (value === undefined) throw new VolumeError(`downwardAPI: the lab has no value for ${item.path}`);
      return [item.path, { content: Buffer.from(value), mode: item.mode ?? mode }];
    }),
  );
}

function configMapBytes(object: ApiObject): Map<string, Buffer> {
  const text = Object.entries((object["data"] ?? {}) as Record<string, string>);
  return new Map([...text.map(([k, v]) => [k, Buffer.from(v)] as const), ...base64Bytes(object["binaryData"])]);
}

const secretBytes = (object: ApiObject): Map<string, Buffer> => new Map(base64Bytes(object["data"]));

const base64Bytes = (data: unknown): (readonly [string, Buffer])[] =>
  Object.entries((data ?? {}) as Record<string, string>).map(([k, v]) => [k, Buffer.from(v, "base64")] as const);
