import { createHash } from "node:crypto";
import { chmod, chown, mkdir, readdir, readlink, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { command } from "./command.ts";
import type { PodPlace } from "./fields.ts";
import { isProjected, type Payload, VolumeError, volumePayload } from "./payload.ts";
import { parseQuantity } from "./quantity.ts";
import type { Pod, PodSources, Volume } from "./types.ts";

const ACCOUNT_VOLUME = "kube-api-access";

/** Where the service account is mounted. */
const ACCOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount";

/**
 * The pod's volumes, and the one of its service account unless automounting is off or a container mounts its own there.
 * Differs from Kubernetes: the account's volume is not written into the pod's spec by admission.
 */
export function podVolumes(pod: Pod): readonly Volume[] {
  const volumes = pod.spec.volumes ?? [];
  return pod.spec.automountServiceAccountToken === false ? volumes : [...volumes, accountVolume];
}

const accountVolume: Volume = {
  name: ACCOUNT_VOLUME,
  projected: {
    sources: [
      { serviceAccountToken: { path: "token" } },
      { downwardAPI: { items: [{ path: "namespace", fieldRef: { fieldPath: "metadata.namespace" } }] } },
    ],
  },
};

/** The mount of the service account, when the pod has that volume. */
export const accountMount = (pod: Pod) =>
  pod.spec.automountServiceAccountToken === false
    ? []
    : [{ name: ACCOUNT_VOLUME, mountPath: ACCOUNT_PATH, readOnly: true }];

export interface VolumeContext {
  /** The pod's volumes directory. */
  readonly dir: string;
  readonly place: PodPlace;
  readonly sources: PodSources;
  /** Digests of what was last written, by volume: an unchanged volume is left alone. */
  readonly written: Map<string, string>;
}

/**
 * Makes a volume and gives its path on the machine. Called again, it brings one that follows API objects up to date.
 * @throws VolumeError when it cannot be made (yet).
 */
export async function makeVolume(pod: Pod, volume: Volume, context: VolumeContext): Promise<string> {
  if (volume.hostPath) return hostPath(volume.hostPath);
  const dir = path.join(context.dir, volume.name);
  if (isProjected(volume)) {
    const payload = new Map(volumePayload(pod, volume, context.place, context.sources));
    if (volume.name === ACCOUNT_VOLUME) payload.set("ca.crt", caFile(context.sources));
    const digest = payloadDigest(payload);
    if (context.written.get(volume.name) === digest) return dir;
    await writeAtomically(dir, payload, pod.spec.securityContext?.fsGroup);
    context.written.set(volume.name, digest);
    return dir;
  }
  if (!volume.emptyDir)
    throw new VolumeError("the lab knows emptyDir, hostPath, configMap, secret, downwardAPI and projected");
  await makeEmptyDir(dir, volume.emptyDir, pod.spec.securityContext?.fsGroup);
  return dir;
}

const caFile = ({ apiServer }: PodSources) => ({ content: Buffer.from(apiServer.caPem), mode: 0o644 });

async function makeEmptyDir(dir: string, spec: NonNullable<Volume["emptyDir"]>, fsGroup: number | undefined) {
  if (await exists(dir)) return;
  await mkdir(dir, { recursive: true });
  if (spec.medium === "Memory") {
    const size = spec.sizeLimit ? [`size=${parseQuantity(spec.sizeLimit)}`] : [];
    await command("mount", ["-t", "tmpfs", "-o", ["mode=0777", ...size].join(","), "lab-emptydir", dir]);
  }
  await chmod(dir, 0o777);
  if (fsGroup === undefined) return;
  await chown(dir, 0, fsGroup);
  await chmod(dir, 0o2777);
}

async function hostPath(spec: NonNullable<Volume["hostPath"]>): Promise<string> {
  const found = await exists(spec.path);
  if (found) return spec.path;
  if (spec.type === "DirectoryOrCreate") await mkdir(spec.path, { recursive: true });
  else if (spec.type === "FileOrCreate") await writeFile(spec.path, "", { flag: "a" });
  else throw new VolumeError(`hostPath ${spec.path} does not exist`);
  return spec.path;
}

/**
 * Replaces all files of a volume at once: they lie in a dated directory, `..data` points to it, and what the pod
 * sees are links through `..data`, which is swapped by one rename. @see Kubernetes pkg/volume/util/atomic_writer.go
 */
async function writeAtomically(dir: string, payload: Payload, fsGroup: number | undefined): Promise<void> {
  await mkdir(dir, { recursive: true });
  const before = await readlink(path.join(dir, "..data")).catch(() => undefined);
  const dated = `..${new Date().toISOString().replace(/[-:.]/g, "_")}_${process.hrtime.bigint()}`;
  for (const [name, file] of payload) await writePayloadFile(path.join(dir, dated, name), file, fsGroup);
  await mkdir(path.join(dir, dated), { recursive: true });
  await symlink(dated, path.join(dir, "..data_tmp"));
  await rename(path.join(dir, "..data_tmp"), path.join(dir, "..data"));
  await linkTopLevel(dir, payload);
  if (before !== undefined) await rm(path.join(dir, before), { recursive: true, force: true });
}

function payloadDigest(payload: Payload): string {
  const hash = createHash("sha256");
  for (const [name, { content, mode }] of payload) hash.update(`${name}\0${mode}\0${content.length}\0`).update(content);
  return hash.digest("hex");
}

async function writePayloadFile(file: string, { content, mode }: { content: Buffer; mode: number }, fsGroup?: number) {
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, content);
  if (fsGroup !== undefined) await chown(file, 0, fsGroup);
  await chmod(file, fsGroup === undefined ? mode : mode | 0o440);
}

async function linkTopLevel(dir: string, payload: Payload): Promise<void> {
  const names = new Set([...payload.keys()].map((file) => file.split("/")[0] as string));
  for (const name of names) await symlink(path.join("..data", name), path.join(dir, name)).catch(ignoreExisting);
  for (const name of await readdir(dir)) {
    if (!name.startsWith("..") && !names.has(name)) await rm(path.join(dir, name));
  }
}

function ignoreExisting(error: NodeJS.ErrnoException): void {
  if (error.code !== "EEXIST") throw error;
}

const exists = (file: string): Promise<boolean> =>
  stat(file).then(
    () => true,
    () => false,
  );

/** Whether one of the pod's volumes shows the object. */
export function mentions(pod: Pod, kind: "secret" | "configMap", name: string): boolean {
  return (pod.spec.volumes ?? []).some((volume) => {
    if (kind === "secret" && volume.secret?.secretName === name) return true;
    if (kind === "configMap" && volume.configMap?.name === name) return true;
    return (volume.projected?.sources ?? []).some((part) =>
      kind === "secret"
        ? "secret" in part && part.secret.name === name
        : "configMap" in part && part.configMap.name === name,
    );
  });
}
