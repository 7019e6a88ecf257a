import type { ApiObject } from "../control-plane/types.ts";
import { fieldValue, type PodPlace } from "./fields.ts";
import type { Container, EnvFrom, EnvVar, KeyRef, Pod, PodSources } from "./types.ts";

/** Something that a container's configuration names and that is not there (yet): CreateContainerConfigError. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

/**
 * The environment of a container, `$(VAR)` expanded, before the image's own.
 * @throws ConfigError when a Secret, ConfigMap, key or field is missing and not optional.
 * @see Kubernetes pkg/kubelet/kubelet_pods.go, makeEnvironmentVariables
 */
export function containerEnvironment(
  pod: Pod,
  container: Container,
  place: PodPlace,
  sources: PodSources,
): Record<string, string> {
  const env: Record<string, string> = { ...serviceEnvironment(sources) };
  for (const from of container.envFrom ?? []) Object.assign(env, importedVariables(pod, from, sources));
  for (const variable of container.env ?? []) {
    const value = variableValue(pod, variable, place, sources, env);
    if (value !== undefined) env[variable.name] = value;
  }
  return env;
}

/** `$(NAME)` becomes the variable's value, `$$` a dollar; an unknown name stays as written. @see Kubernetes third_party/forked/golang/expansion */
export const expand = (text: string, env: Readonly<Record<string, string>>): string =>
  text.replace(/\$(?:\$|\(([^)]*)\))/g, (whole, name: string | undefined) =>
    name === undefined ? "$" : (env[name] ?? whole),
  );

/** The variables that point at the API server. Differs from a kubelet: other Services of the namespace are not listed. */
function serviceEnvironment({ apiServer: { host, port } }: PodSources): Record<string, string> {
  const address = host.includes(":") ? `[${host}]` : host;
  return {
    KUBERNETES_SERVICE_HOST: host,
    KUBERNETES_SERVICE_PORT: String(port),
    KUBERNETES_SERVICE_PORT_HTTPS: String(port),
    KUBERNETES_PORT: `tcp://${address}:${port}`,
  };
}

function importedVariables(pod: Pod, from: EnvFrom, sources: PodSources): Record<string, string> {
  const namespace = pod.metadata.namespace ?? "";
  const ref = from.configMapRef ?? from.secretRef;
  if (!ref) return {};
  const kind = from.configMapRef ? "configmap" : "secret";
  const data = from.configMapRef
    ? configMapText(sources.configMap(namespace, ref.name))
    : secretText(sources.secret(namespace, ref.name));
  if (!data && !ref.optional) throw new ConfigError(`${kind} ${JSON.stringify(ref.name)} not found`);
  return Object.fromEntries(Object.entries(data ?? {}).map(([key, value]) => [`${from.prefix ?? ""}${key}`, value]));
}

function variableValue(
  pod: Pod,
  variable: EnvVar,
  place: PodPlace,
  sources: PodSources,
  env: Readonly<Record<string, string>>,
): string | undefined {
  const from = variable.valueFrom;
  if (!from) return expand(variable.value ?? "", env);
  const namespace = pod.metadata.namespace ?? "";
  if (from.fieldRef) return requiredField(pod, place, from.fieldRef.fieldPath);
  if (from.configMapKeyRef) {
    const ref = from.configMapKeyRef;
    return keyOf("configmap", ref, namespace, configMapText(sources.configMap(namespace, ref.name)));
  }
  if (from.secretKeyRef) {
    const ref = from.secretKeyRef;
    return keyOf("secret", ref, namespace, secretText(sources.secret(namespace, ref.name)));
  }
  throw new ConfigError(
    `environment variable ${variable.name}: the lab knows fieldRef, configMapKeyRef and secretKeyRef`,
  );
}

function requiredField(pod: Pod, place: PodPlace, fieldPath: string): string {
  const value = fieldValue(pod, place, fieldPath);
  if (value === undefined) throw new ConfigError(`unsupported fieldPath: ${fieldPath}`);
  return value;
}

function keyOf(kind: string, ref: KeyRef, namespace: string, data: Record<string, string> | undefined) {
  if (data?.[ref.key] !== undefined) return data[ref.key];
  if (ref.optional) return undefined;
  if (!data) throw new ConfigError(`${kind} ${JSON.stringify(ref.name)} not found`);
  throw new ConfigError(
    `couldn't find key ${ref.key} in ${kind === "secret" ? "Secret" : "ConfigMap"} ${namespace}/${ref.name}`,
  );
}

const configMapText = (object: ApiObject | undefined): Record<string, string> | undefined =>
  object && { ...(object["data"] as Record<string, string> | undefined) };

function secretText(object: ApiObject | undefined): Record<string, string> | undefined {
  if (!object) return undefined;
  const data = (object["data"] ?? {}) as Record<string, string>;
  return Object.fromEntries(Object.entries(data).map(([k, v]) => [k, Buffer.from(v, "base64").toString()]));
}
