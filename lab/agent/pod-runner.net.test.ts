import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { PassThrough, Readable, Writable } from "node:stream";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import type { ApiObject, ExecRequest, LogRequest } from "../control-plane/types.ts";
import { defaultImages } from "./images.ts";
import type { AgentPaths } from "./paths.ts";
import { PodAddresses } from "./pod-network.ts";
import { PodRunner } from "./pod-runner.ts";
import { prepareRunDir, sweep } from "./sweep.ts";
import type { Container, ContainerStatus, LabNode, Pod, PodEvent, PodSpec } from "./types.ts";

const NODE: LabNode = {
  name: "ag-node",
  netns: "ag-node",
  addresses: ["192.0.2.1", "2001:db8::1"],
  podCIDRs: ["10.244.9.0/24", "fd00:9::/112"],
};
const addresses = new PodAddresses(NODE.podCIDRs);
const objects = new Map<string, ApiObject>();
const runDir = mkdtempSync(path.join(tmpdir(), "ag-run-"));
let paths: AgentPaths;

beforeAll(async () => {
  paths = await prepareRunDir(runDir);
  execFileSync("ip", ["netns", "add", NODE.netns]);
  const lines = ["link set lo up", "addr add 192.0.2.1/32 dev lo", "addr add 2001:db8::1/128 dev lo nodad"];
  execFileSync("ip", ["-n", NODE.netns, "-batch", "-"], { input: lines.join("\n") });
});
afterAll(async () => {
  await sweep(runDir);
  rmSync(runDir, { recursive: true });
  execFileSync("ip", ["netns", "del", NODE.netns]);
});

const started: { pod: Started }[] = [];
afterEach(async () => {
  for (const { pod } of started.splice(0)) {
    pod.runner.kill();
    await pod.running;
    await pod.runner.remove();
  }
});

interface Started {
  readonly runner: PodRunner;
  readonly events: PodEvent[];
  readonly running: Promise<void>;
}

let count = 0;
function start(spec: PodSpec, metadata: Partial<Pod["metadata"]> = {}): Started {
  const uid = `00000000-0000-4000-8000-${String(++count).padStart(12, "0")}`;
  const pod: Pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: `pod-${count}`, namespace: "default", uid, ...metadata },
    spec: { nodeName: NODE.name, ...spec },
  };
  const events: PodEvent[] = [];
  const runner = new PodRunner(pod, {
    node: NODE,
    paths,
    images: defaultImages("/nowhere"),
    sources: {
      apiServer: { host: "10.96.0.1", port: 443, caPem: "the CA" },
      configMap: (namespace, name) => objects.get(`ConfigMap ${namespace}/${name}`),
      secret: (namespace, name) => objects.get(`Secret ${namespace}/${name}`),
      issueToken: (namespace, account) => `token of ${namespace}/${account}`,
    },
    addresses,
    // A run of twice the maximum counts as recovery: no start may take as long as that, on however slow a machine.
    backOff: { initialMs: 400, maxMs: 60_000 },
    onChange() {},
    onEvent: (event) => events.push(event),
  });
  const pod_: Started = { runner, events, running: runner.run() };
  started.push({ pod: pod_ });
  return pod_;
}

const shell = (name: string, script: string, more: Partial<Container> = {}): Container => ({
  name,
  image: "registry.example/library/debian:12",
  command: ["sh", "-c", script],
  ...more,
});

const until = (check: () => void | Promise<void>): Promise<void> =>
  vi.waitFor(check, { timeout: 60_000, interval: 20 });

const statusOf = (pod: Started, name: string): ContainerStatus =>
  pod.runner.status.containerStatuses?.find((status) => status.name === name) as ContainerStatus;

const condition = (pod: Started, type: string) =>
  pod.runner.status.conditions?.find((each) => each.type === type)?.status;

const isReady = (pod: Started) => until(() => expect(condition(pod, "Ready")).toBe("True"));

/** A probe that asks often, and that a busy machine may answer late: a kubelet's second is short for `runc exec`. */
const PATIENT = { periodSeconds: 1, timeoutSeconds: 30 };

/**
 * A script that ends on SIGTERM, and the probe that says when it does: the first process of a container never sees a
 * signal for which it has no handler yet.
 */
const obedient = (onTerm: string): string => `trap '${onTerm}' TERM; touch /tmp/obeys; while :; do sleep 0.05; done`;
const OBEYS = { exec: { command: ["test", "-e", "/tmp/obeys"] }, ...PATIENT, failureThreshold: 60 };

async function exec(pod: Started, container: string, argv: string[], more: Partial<ExecRequest> = {}) {
  const out = { stdout: "", stderr: "" };
  const sink = (name: keyof typeof out) =>
    new Writable({
      write(chunk: Buffer, _, done) {
        out[name] += chunk.toString();
        done();
      },
    });
  const request: ExecRequest = { argv, stdout: sink("stdout"), stderr: sink("stderr"), tty: false, ...more };
  const code = await pod.runner.exec(container, request, AbortSignal.timeout(60_000));
  return { code, ...out };
}

async function logs(pod: Started, container: string, more: Partial<LogRequest> = {}): Promise<string> {
  let text = "";
  const request: LogRequest = { container, follow: false, previous: false, timestamps: false, ...more };
  for await (const chunk of pod.runner.logs(request, AbortSignal.timeout(60_000))) text += chunk;
  return text;
}

test("two containers share a volume that an init container filled, in a network of their own", async () => {
  const volumeMounts = [{ name: "shared", mountPath: "/shared" }];
  const pod = start({
    volumes: [{ name: "shared", emptyDir: {} }],
    initContainers: [shell("prepare", "echo from init > /shared/greeting", { volumeMounts })],
    containers: [
      // By a rename: what stands there is whole.
      shell("writer", "cd /shared; cat greeting; echo from writer > draft; mv draft answer; sleep 1000", {
        volumeMounts,
      }),
      shell("reader", "until cat /shared/answer; do sleep 0.05; done 2>/dev/null; sleep 1000", { volumeMounts }),
    ],
  });
  await isReady(pod);
  await until(async () => expect(await logs(pod, "reader")).toBe("from writer\n"));
  // It came earlier, but through a pipe of its own.
  await until(async () => expect(await logs(pod, "writer")).toBe("from init\n"));

  const { phase, podIPs, hostIP, initContainerStatuses } = pod.runner.status;
  expect(phase).toBe("Running");
  expect(hostIP).toBe("192.0.2.1");
  expect(initContainerStatuses?.[0]).toMatchObject({ ready: true, state: { terminated: { reason: "Completed" } } });
  for (const { ip } of podIPs ?? []) execFileSync("ip", ["netns", "exec", NODE.netns, "ping", "-c1", "-W10", ip]);
  expect(podIPs).toHaveLength(2);
  const seen = await exec(pod, "reader", ["hostname"]);
  expect(seen).toEqual({ code: 0, stdout: `pod-${count}\n`, stderr: "" });
  expect(pod.events.filter(({ container }) => container === "writer").map(({ reason }) => reason)).toEqual([
    "Pulled",
    "Created",
    "Started",
  ]);
});

test("exec passes input, output and the exit code, and refuses what cannot run", async () => {
  const pod = start({ containers: [shell("main", "sleep 1000")] });
  await isReady(pod);
  const megabyte = "0123456789abcdef".repeat(65536);
  const echoed = await exec(pod, "main", ["cat"], { stdin: Readable.from([megabyte]) });
  expect(echoed.stdout.length).toBe(megabyte.length);
  expect(echoed.stdout === megabyte).toBe(true);
  expect(await exec(pod, "main", ["sh", "-c", "echo oops >&2; exit 42"])).toEqual({
    code: 42,
    stdout: "",
    stderr: "oops\n",
  });
  await expect(exec(pod, "main", ["no-such-program"])).rejects.toThrow(/no-such-program.*not found/);
  await expect(exec(pod, "other", ["true"])).rejects.toThrow("container other is not valid for pod");
});

test("exec on a terminal knows its size, follows its changes and echoes", async () => {
  const pod = start({ containers: [shell("main", "sleep 1000")] });
  await isReady(pod);
  const stdin = new PassThrough();
  let stdout = "";
  const sink = new Writable({
    write(chunk: Buffer, _, done) {
      stdout += chunk.toString();
      done();
    },
  });
  let resize: (size: { columns: number; rows: number }) => void = () => {};
  const done = exec(pod, "main", ["bash", "--norc"], {
    tty: true,
    stdin,
    stdout: sink,
    onResize: (listener) => {
      resize = listener;
      listener({ columns: 100, rows: 40 });
    },
  });
  // runc passes a size on beside the input, and may come later. The echo of the command must not look like its answer.
  const sized = (size: string, answer: string) =>
    stdin.write(`until [ "$(stty size)" = "${size}" ]; do sleep 0.05; done; echo siz''ed ${answer}\n`);
  sized("40 100", "first");
  await until(() => expect(stdout).toContain("sized first"));
  resize({ columns: 90, rows: 30 });
  sized("30 90", "then");
  await until(() => expect(stdout).toContain("sized then"));
  stdin.write("tty; exit 3\n");
  expect((await done).code).toBe(3);
  expect(stdout).toMatch(/\/dev\/pts\/[0-9]/);
});

test("logs follow, count from the end, carry times and hold the run before", async () => {
  const script =
    'test -e /data/again && { echo second; sleep 1000; }; touch /data/again; printf "a\\nb\\r\\nc\\nend"; exit 1';
  const volumeMounts = [{ name: "data", mountPath: "/data" }];
  const pod = start({
    volumes: [{ name: "data", emptyDir: {} }],
    containers: [
      shell("main", script, { volumeMounts }),
      shell("ticks", "echo 1; until test -e /tmp/more; do sleep 0.05; done; echo 2; echo 3"),
    ],
    restartPolicy: "OnFailure",
  });
  await until(() => expect(statusOf(pod, "ticks").state).toHaveProperty("running"));
  let followed = "";
  const request: LogRequest = { container: "ticks", follow: true, previous: false, timestamps: false };
  for await (const chunk of pod.runner.logs(request, AbortSignal.timeout(60_000))) {
    followed += chunk;
    if (followed === "1\n") await exec(pod, "ticks", ["touch", "/tmp/more"]);
  }
  expect(followed).toBe("1\n2\n3\n");
  await until(() => expect(statusOf(pod, "main").restartCount).toBe(1));
  await until(async () => expect(await logs(pod, "main")).toBe("second\n"));
  expect(await logs(pod, "main", { previous: true })).toBe("a\nb\r\nc\nend");
  expect(await logs(pod, "main", { previous: true, tailLines: 2 })).toBe("c\nend");
  expect(await logs(pod, "main", { previous: true, limitBytes: 3 })).toBe("a\nb");
  expect(await logs(pod, "main", { timestamps: true })).toMatch(/^20\d\d-\d\d-\d\dT[\d:.]{18}Z second\n$/);
  expect(await logs(pod, "main", { sinceTime: new Date(Date.now() + 60_000) })).toBe("");
});

test("a crash is repeated at once, then after a back-off that doubles", async () => {
  const pod = start({ containers: [shell("main", "exit 7")] });
  await until(() => expect(statusOf(pod, "main").restartCount).toBeGreaterThanOrEqual(1));
  await until(() =>
    expect(statusOf(pod, "main")).toMatchObject({
      ready: false,
      state: {
        waiting: {
          reason: "CrashLoopBackOff",
          message: expect.stringMatching(/^back-off .*restarting failed container=main pod=/),
        },
      },
      lastState: { terminated: { exitCode: 7, reason: "Error" } },
    }),
  );
  expect(pod.runner.status.phase).toBe("Running");
  expect(condition(pod, "Ready")).toBe("False");
  expect(pod.events.some(({ reason, type }) => reason === "BackOff" && type === "Warning")).toBe(true);
  await until(() => expect(statusOf(pod, "main").restartCount).toBeGreaterThanOrEqual(3));
});

test("a program that does not exist is a start error, an unknown image a pull error", async () => {
  const pod = start({
    containers: [
      { name: "main", image: "debian", command: ["/no/such"] },
      { name: "none", image: "registry.example/x/nothing:1" },
    ],
  });
  await until(() =>
    expect(statusOf(pod, "main").lastState).toMatchObject({
      terminated: { exitCode: 128, reason: "StartError", message: expect.stringContaining("/no/such") },
    }),
  );
  await until(() => expect(statusOf(pod, "none").state).toMatchObject({ waiting: { reason: "ImagePullBackOff" } }));
  expect(pod.events.find(({ message }) => message.startsWith("Failed to pull"))?.message).toContain(
    'no image "nothing"',
  );
});

test("probes decide on readiness, startup and restarts", async () => {
  const pod = start({
    containers: [
      {
        name: "web",
        image: "nginx:1.27",
        ports: [{ name: "http", containerPort: 80 }],
        startupProbe: { tcpSocket: { port: "http" }, ...PATIENT, failureThreshold: 60 },
        readinessProbe: { httpGet: { path: "/", port: "http" }, ...PATIENT },
      },
      shell("sick", "touch /tmp/well; sleep 1000", {
        readinessProbe: { exec: { command: ["test", "-e", "/tmp/well"] }, ...PATIENT, failureThreshold: 1 },
      }),
      shell("dying", obedient("exit 0"), {
        startupProbe: OBEYS,
        livenessProbe: { httpGet: { port: 81, scheme: "HTTPS" }, ...PATIENT, failureThreshold: 1 },
      }),
    ],
  });
  await until(() => expect(statusOf(pod, "web")).toMatchObject({ started: true, ready: true }));
  const page = execFileSync("ip", ["netns", "exec", NODE.netns, "curl", "-s", `http://${pod.runner.status.podIP}/`]);
  expect(page.toString()).toContain(`Served by pod-${count}`);
  await until(() => expect(statusOf(pod, "sick").ready).toBe(true));
  await exec(pod, "sick", ["rm", "/tmp/well"]);
  await until(() => expect(statusOf(pod, "sick").ready).toBe(false));
  await until(() => expect(statusOf(pod, "dying").restartCount).toBeGreaterThanOrEqual(1));
  const of = (name: string) => pod.events.filter(({ container }) => container === name).map(({ message }) => message);
  expect(of("dying")).toContain("Container dying failed liveness probe, will be restarted");
  expect(of("dying").find((message) => message.startsWith("Liveness"))).toMatch(/Get "https:.*connection refused/);
});

test("a pod ends in order: preStop, SIGTERM, and SIGKILL only for who does not listen", async () => {
  const volumeMounts = [{ name: "data", mountPath: "/data" }];
  const pod = start({
    volumes: [{ name: "data", emptyDir: {} }],
    containers: [
      shell("polite", obedient("cat /data/hook; echo bye; exit 0"), {
        volumeMounts,
        readinessProbe: OBEYS,
        lifecycle: { preStop: { exec: { command: ["sh", "-c", "echo hook > /data/hook"] } } },
      }),
      shell("deaf", "trap '' TERM; while :; do sleep 0.05; done"),
    ],
  });
  await isReady(pod);
  pod.runner.terminate(600);
  await until(() =>
    expect(statusOf(pod, "polite").state).toMatchObject({ terminated: { exitCode: 0, reason: "Completed" } }),
  );
  expect(statusOf(pod, "deaf").state).toHaveProperty("running");
  // Asked again, the shorter time holds.
  pod.runner.terminate(2);
  await pod.running;
  expect(statusOf(pod, "deaf").state).toMatchObject({ terminated: { exitCode: 137, reason: "Error" } });
  expect(await logs(pod, "polite")).toBe("hook\nbye\n");
});

test("Secrets and ConfigMaps reach volumes and environment, and volumes follow their changes", async () => {
  const secret = (value: string): ApiObject => ({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "key", namespace: "default" },
    data: { word: Buffer.from(value).toString("base64") },
  });
  const pod = start({
    securityContext: { runAsUser: 65534, fsGroup: 4000 },
    serviceAccountName: "speaker",
    volumes: [
      { name: "key", secret: { secretName: "key", defaultMode: 0o400 } },
      { name: "map", configMap: { name: "absent", optional: true } },
    ],
    containers: [
      shell("main", "echo $WORD $(WORD) $HERE; sleep 1000", {
        args: [],
        env: [
          { name: "WORD", valueFrom: { secretKeyRef: { name: "key", key: "word" } } },
          { name: "HERE", valueFrom: { fieldRef: { fieldPath: "spec.nodeName" } } },
        ],
        volumeMounts: [
          { name: "key", mountPath: "/etc/key", readOnly: true },
          { name: "map", mountPath: "/etc/map" },
        ],
      }),
    ],
  });
  await until(() =>
    expect(pod.events.map(({ message }) => message)).toContain(
      'MountVolume.SetUp failed for volume "key" : secret "key" not found',
    ),
  );
  expect(pod.runner.status.phase).toBe("Pending");
  objects.set("Secret default/key", secret("one"));
  await isReady(pod);
  await until(async () => expect(await logs(pod, "main")).toBe("one one ag-node\n"));
  expect((await exec(pod, "main", ["cat", "/etc/key/word"])).stdout).toBe("one");
  objects.set("Secret default/key", secret("two"));
  await pod.runner.refreshVolumes();
  expect((await exec(pod, "main", ["cat", "/etc/key/word"])).stdout).toBe("two");
  expect((await exec(pod, "main", ["id"])).stdout).toBe(
    "uid=65534(nobody) gid=65534(nogroup) groups=65534(nogroup),4000\n",
  );
  const account = await exec(pod, "main", [
    "sh",
    "-c",
    "cd /var/run/secrets/kubernetes.io/serviceaccount; cat token namespace ca.crt",
  ]);
  expect(account.stdout).toBe("token of default/speakerdefaultthe CA");
});

test("containers share processes when the pod says so, and are confined as it says", async () => {
  const pod = start({
    hostNetwork: true,
    shareProcessNamespace: true,
    containers: [
      shell("one", "exec sleep 1234"),
      shell("two", "sleep 1000", {
        securityContext: {
          readOnlyRootFilesystem: true,
          allowPrivilegeEscalation: false,
          capabilities: { drop: ["ALL"], add: ["NET_RAW"] },
        },
      }),
    ],
  });
  await isReady(pod);
  // Started, it may still be runc that is about to become the program.
  await until(async () => expect((await exec(pod, "two", ["pgrep", "-f", "sleep 1234"])).code).toBe(0));
  expect((await exec(pod, "two", ["touch", "/var/x"])).stderr).toContain("Read-only file system");
  expect((await exec(pod, "two", ["touch", "/tmp/x"])).stderr).toContain("Read-only file system");
  const self = (await exec(pod, "two", ["cat", "/proc/self/status"])).stdout;
  expect(self).toMatch(/CapEff:\s0000000000002000\n/);
  expect(self).toMatch(/NoNewPrivs:\s1\n/);
  expect((await exec(pod, "one", ["hostname"])).stdout).toBe("ag-node\n");
  expect((await exec(pod, "one", ["ip", "-4", "-o", "addr"])).stdout).toContain("192.0.2.1");
  expect((await exec(pod, "one", ["ls", "/tmp", "/root", "/run/netns"])).stdout).not.toContain("ag-");
});

test("a memory limit kills, and the status says so", async () => {
  const pod = start({
    restartPolicy: "Never",
    containers: [
      shell("main", "x=$(head -c 100000000 /dev/zero | tr '\\0' a)", { resources: { limits: { memory: "64Mi" } } }),
    ],
  });
  await pod.running;
  expect(statusOf(pod, "main").state).toMatchObject({ terminated: { reason: "OOMKilled" } });
  expect(pod.runner.status.phase).toBe("Failed");
});
