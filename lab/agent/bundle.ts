import path from "node:path";
import { expand } from "./environment.ts";
import { parseQuantity } from "./quantity.ts";
import type { Container, Image, Pod, SecurityContext, VolumeMount } from "./types.ts";

/** What the OCI configuration of one container is made of. */
export interface BundleInput {
  readonly pod: Pod;
  readonly container: Container;
  readonly image: Image;
  readonly env: Readonly<Record<string, string>>;
  readonly root: string;
  readonly hostname: string;
  readonly netnsPath: string;
  /** Of the pod's shared process namespace; absent when the container has its own. */
  readonly pidnsPath?: string;
  readonly cgroupsPath: string;
  /** Paths on the machine by volume name. */
  readonly volumes: ReadonlyMap<string, string>;
  readonly volumeMounts: readonly VolumeMount[];
  /** Files that the agent lays over, by absolute path in the container: /etc/hosts and its like. */
  readonly files: Readonly<Record<string, string>>;
  /** Directories of the machine that no pod may see. */
  readonly hidden: readonly string[];
  /** Primary group by uid, as the machine's passwd has it. */
  readonly groups: ReadonlyMap<number, number>;
}

interface Mount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** The OCI runtime configuration (config.json) of a container. @see opencontainers/runtime-spec config.md */
export function bundleConfig(input: BundleInput): object {
  const { container, pod } = input;
  const security = container.securityContext ?? {};
  return {
    ociVersion: "1.0.2",
    process: processOf(input),
    root: { path: input.root, readonly: security.readOnlyRootFilesystem === true },
    hostname: input.hostname,
    mounts: mountsOf(input),
    linux: {
      cgroupsPath: input.cgroupsPath,
      namespaces: [
        { type: "mount" },
        { type: "ipc" },
        { type: "uts" },
        { type: "network", path: input.netnsPath },
        ...pidNamespace(input, pod),
      ],
      resources: {
        devices: [{ allow: security.privileged === true, access: "rwm" }],
        ...memoryOf(container),
      },
      ...(security.privileged !== true && { maskedPaths: MASKED, readonlyPaths: READ_ONLY }),
    },
  };
}

function pidNamespace({ pidnsPath }: BundleInput, pod: Pod): object[] {
  if (pidnsPath !== undefined) return [{ type: "pid", path: pidnsPath }];
  return pod.spec.hostPID ? [] : [{ type: "pid" }];
}

/** @see Kubernetes pkg/kubelet/container/helpers.go, ExpandContainerCommandAndArgs; the image's cmd goes with its entrypoint only. */
export function commandOf(container: Container, image: Image, env: Readonly<Record<string, string>>): string[] {
  const own = container.command?.map((part) => expand(part, env));
  const args = container.args?.map((part) => expand(part, env));
  if (own && own.length > 0) return [...own, ...(args ?? [])];
  return [...image.entrypoint, ...(args && args.length > 0 ? args : (image.cmd ?? []))];
}

/** The uid a container runs as. */
export const userOf = (pod: Pod, container: Container, image: Image): number =>
  container.securityContext?.runAsUser ?? pod.spec.securityContext?.runAsUser ?? image.user ?? 0;

function processOf(input: BundleInput): object {
  const { pod, container, image, groups } = input;
  const security = container.securityContext ?? {};
  const podSecurity = pod.spec.securityContext ?? {};
  const uid = userOf(pod, container, image);
  const env = { PATH, HOSTNAME: input.hostname, ...image.env, ...input.env };
  const capabilities = capabilitiesOf(security);
  return {
    terminal: false,
    user: {
      uid,
      gid: security.runAsGroup ?? podSecurity.runAsGroup ?? groups.get(uid) ?? 0,
      additionalGids: [
        ...(podSecurity.supplementalGroups ?? []),
        ...(podSecurity.fsGroup === undefined ? [] : [podSecurity.fsGroup]),
      ],
    },
    args: commandOf(container, image, input.env),
    env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
    cwd: container.workingDir ?? "/",
    capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
    noNewPrivileges: security.allowPrivilegeEscalation === false,
    oomScoreAdj: 100,
  };
}

/** containerd's default set, as the pod changes it. */
export function capabilitiesOf(security: SecurityContext): string[] {
  if (security.privileged) return ALL_CAPABILITIES.map((name) => `CAP_${name}`);
  const plain = (name: string) => name.toUpperCase().replace(/^CAP_/, "");
  const add = (security.capabilities?.add ?? []).map(plain);
  const drop = new Set((security.capabilities?.drop ?? []).map(plain));
  const start = add.includes("ALL") ? ALL_CAPABILITIES : DEFAULT_CAPABILITIES;
  const kept = start.filter((name) => !drop.has("ALL") && !drop.has(name));
  const named = add.filter((name) => name !== "ALL");
  return [...new Set([...kept, ...named])].map((name) => `CAP_${name}`);
}

function memoryOf(container: Container): object {
  const limit = container.resources?.limits?.["memory"];
  return limit === undefined ? {} : { memory: { limit: parseQuantity(limit) } };
}

/** Mounts in the order in which they are made: outer directories before what lies in them. */
function mountsOf(input: BundleInput): Mount[] {
  const readOnlyRoot = input.container.securityContext?.readOnlyRootFilesystem === true;
  const layers = [
    ...hiddenMounts(input.hidden, readOnlyRoot),
    ...(input.image.mounts ?? []).map((source) => bind(source, source, true)),
    ...Object.entries(input.files).map(([destination, source]) => bind(source, destination, false)),
    ...input.volumeMounts.map((mount) => volumeMount(mount, input)),
  ];
  const depth = (mount: Mount) => mount.destination.split("/").filter(Boolean).length;
  return [...systemMounts(input.container), ...layers.sort((a, b) => depth(a) - depth(b))];
}

function volumeMount(mount: VolumeMount, { volumes }: BundleInput): Mount {
  const source = volumes.get(mount.name);
  if (source === undefined) throw new Error(`bug: the volume ${mount.name} was not made`);
  const from = mount.subPath === undefined ? source : path.join(source, mount.subPath);
  const propagation = mount.mountPropagation === "Bidirectional" ? "rshared" : "rprivate";
  return bind(from, mount.mountPath, mount.readOnly === true, propagation);
}

/** Not `rbind`: what is mounted below a directory of the machine is none of the pod's business. */
const bind = (source: string, destination: string, readOnly: boolean, propagation = "rprivate"): Mount => ({
  destination,
  type: "bind",
  source,
  options: ["bind", propagation, readOnly ? "ro" : "rw"],
});

/** Empty directories in place of the machine's own. /tmp and /run are the pod's to write unless its root is read-only. */
const hiddenMounts = (hidden: readonly string[], readOnlyRoot: boolean): Mount[] =>
  hidden.map((destination) => ({
    destination,
    type: "tmpfs",
    source: "tmpfs",
    options: [
      "nosuid",
      "nodev",
      `mode=${/^\/(var\/)?tmp$/.test(destination) ? "1777" : "755"}`,
      readOnlyRoot ? "ro" : "rw",
    ],
  }));

const systemMounts = (container: Container): Mount[] => [
  { destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"] },
  {
    destination: "/dev",
    type: "tmpfs",
    source: "tmpfs",
    options: ["nosuid", "strictatime", "mode=755", "size=65536k"],
  },
  {
    destination: "/dev/pts",
    type: "devpts",
    source: "devpts",
    options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
  },
  {
    destination: "/dev/shm",
    type: "tmpfs",
    source: "shm",
    options: ["nosuid", "noexec", "nodev", "mode=1777", "size=64m"],
  },
  { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: ["nosuid", "noexec", "nodev"] },
  {
    destination: "/sys",
    type: "sysfs",
    source: "sysfs",
    options: ["nosuid", "noexec", "nodev", container.securityContext?.privileged ? "rw" : "ro"],
  },
];

const MASKED = [
  "/proc/acpi",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/sys/firmware",
  "/etc/shadow",
  "/etc/gshadow",
  "/etc/ssh",
];
const READ_ONLY = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/** @see containerd oci/spec.go, defaultUnixCaps */
const DEFAULT_CAPABILITIES: readonly string[] = [
  "CHOWN",
  "DAC_OVERRIDE",
  "FSETID",
  "FOWNER",
  "MKNOD",
  "NET_RAW",
  "SETGID",
  "SETUID",
  "SETFCAP",
  "SETPCAP",
  "NET_BIND_SERVICE",
  "SYS_CHROOT",
  "KILL",
  "AUDIT_WRITE",
];
const ALL_CAPABILITIES: readonly string[] = [
  ...DEFAULT_CAPABILITIES,
  "DAC_READ_SEARCH",
  "LINUX_IMMUTABLE",
  "NET_BROADCAST",
  "NET_ADMIN",
  "IPC_LOCK",
  "IPC_OWNER",
  "SYS_MODULE",
  "SYS_RAWIO",
  "SYS_PTRACE",
  "SYS_PACCT",
  "SYS_ADMIN",
  "SYS_BOOT",
  "SYS_NICE",
  "SYS_RESOURCE",
  "SYS_TIME",
  "SYS_TTY_CONFIG",
  "LEASE",
  "AUDIT_CONTROL",
  "MAC_OVERRIDE",
  "MAC_ADMIN",
  "SYSLOG",
  "WAKE_ALARM",
  "BLOCK_SUSPEND",
  "AUDIT_READ",
];
