/** The control plane as the real kubectl and helm see it. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ControlPlane, startControlPlane } from "./server.ts";
import type { ApiObject, PodRuntime } from "./types.ts";

const root = join(import.meta.dirname, "../..");

/** Pinned by scripts/setup.sh; a missing program fails the suite. */
function program(name: "kubectl" | "helm"): string {
  const path = process.env[`MLB_${name.toUpperCase()}`] ?? join(root, ".cache/bin", name);
  if (!existsSync(path)) throw new Error(`${path} is missing: run scripts/setup.sh, or set MLB_${name.toUpperCase()}`);
  return path;
}

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const directory = mkdtempSync(join(tmpdir(), "control-plane-"));
const stop = new AbortController();
let cluster: ControlPlane;

const environment = (more: Record<string, string> = {}): NodeJS.ProcessEnv => ({
  PATH: process.env["PATH"],
  HOME: directory,
  KUBECONFIG: join(directory, "kubeconfig"),
  ...more,
});

async function run(
  name: "kubectl" | "helm",
  args: readonly string[],
  options: { input?: string; env?: Record<string, string> } = {},
): Promise<Outcome> {
  const child = spawn(program(name), args, { env: environment(options.env) });
  child.stdin.end(options.input ?? "");
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  return { code: Number(code), stdout, stderr };
}

const kubectl = (args: string, options?: { input?: string; env?: Record<string, string> }): Promise<Outcome> =>
  run("kubectl", args.split(" "), options);

/** The output of a command that must succeed. */
async function ok(args: string | readonly string[], input?: string): Promise<string> {
  const list = typeof args === "string" ? args.split(" ") : args;
  const { code, stdout, stderr } = await run("kubectl", list, input === undefined ? {} : { input });
  if (code !== 0) throw new Error(`kubectl ${list.join(" ")}: exit ${code}\n${stdout}${stderr}`);
  return stdout;
}

/** One trimmed row of columns for each line. */
const table = (output: string): string[][] =>
  output
    .trimEnd()
    .split("\n")
    .map((line) => line.trimEnd().split(/\s{2,}/));

/** Runs containers as plain processes of this machine; every container's log is what `logs` says below. */
const runtime: PodRuntime = {
  async exec(_pod, _container, request, signal) {
    const [command = "", ...args] = request.tty
      ? ["script", "-qec", request.argv.map(quoted).join(" "), "/dev/null"]
      : request.argv;
    const child = spawn(command, args, { signal, stdio: "pipe" });
    // A process may end before it has read everything.
    child.stdin.on("error", () => undefined);
    if (request.stdin) request.stdin.pipe(child.stdin);
    else child.stdin.end();
    child.stdout.pipe(request.stdout, { end: false });
    if (request.stderr) child.stderr.pipe(request.stderr, { end: false });
    const [code] = (await once(child, "close")) as [number | null];
    return code ?? 137;
  },
  async *logs(_pod, request, signal) {
    const lines = ["first\n", "second\n", "third\n"];
    yield* lines.slice(request.tailLines === undefined ? 0 : -request.tailLines);
    if (!request.follow) return;
    yield "followed\n";
    await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  },
};

const pod = (name: string, labels: Record<string, string> = {}): string =>
  JSON.stringify({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, labels },
    spec: { nodeName: "node-a", containers: [{ name: "main", image: "nginx" }] },
  });

const service = `
apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  selector: { app: web }
  ports:
    - { name: http, port: 80, targetPort: 8080 }
    - { name: https, port: 443 }
`;

const deployment = `
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers:
        - { name: nginx, image: "nginx:1.27" }
`;

const crd = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: widgets.example.com
spec:
  group: example.com
  scope: Namespaced
  names: { plural: widgets, kind: Widget, shortNames: [wd] }
  versions:
    - name: v1
      served: true
      storage: true
      subresources: { status: {} }
      additionalPrinterColumns:
        - { name: Size, type: integer, jsonPath: .spec.size }
      schema:
        openAPIV3Schema:
          type: object
          description: A widget.
          properties:
            spec:
              type: object
              required: [size]
              properties:
                size: { type: integer, minimum: 1, description: How large it is. }
                colour: { type: string, default: red }
            status: { type: object, x-kubernetes-preserve-unknown-fields: true }
`;

const widget = (name: string, spec: string): string =>
  `{apiVersion: example.com/v1, kind: Widget, metadata: {name: ${name}}, spec: ${spec}}`;

beforeAll(async () => {
  cluster = await startControlPlane({ host: "127.0.0.1", port: 0, certNames: [], runtime, signal: stop.signal });
  writeFileSync(join(directory, "kubeconfig"), cluster.kubeconfig());
});

afterAll(async () => {
  await cluster?.close();
  rmSync(directory, { recursive: true });
});

describe("reading", () => {
  test("api-resources and version come from discovery", async () => {
    expect(await ok("api-resources -o name")).toContain("deployments.apps");
    expect(table(await ok("api-resources --api-group=apps"))[0]).toEqual([
      "NAME",
      "SHORTNAMES",
      "APIVERSION",
      "NAMESPACED",
      "KIND",
    ]);
    expect(await ok("version")).toContain("Server Version: v1.35");
  });

  test("get prints the columns of each kind, and more with -o wide", async () => {
    await ok("create -f -", pod("columns"));
    expect(table(await ok("get pods columns"))).toEqual([
      ["NAME", "READY", "STATUS", "RESTARTS", "AGE"],
      ["columns", "0/1", "Pending", "0", expect.stringMatching(/^\d+s$/)],
    ]);
    expect(table(await ok("get pods columns -o wide"))[0]).toEqual([
      "NAME",
      "READY",
      "STATUS",
      "RESTARTS",
      "AGE",
      "IP",
      "NODE",
      "NOMINATED NODE",
      "READINESS GATES",
    ]);
    await ok("delete pod columns --force");
  });

  test("get -w prints the changes that follow", async () => {
    const child = spawn(program("kubectl"), ["get", "configmaps", "-w", "--field-selector", "metadata.name=watched"], {
      env: environment(),
    });
    const seen = lines(child);
    await ok("create configmap watched --from-literal=a=1");
    await seen.until((line) => /^watched\s+1/.test(line));
    await ok(["patch", "configmap", "watched", "-p", '{"data":{"b":"2"}}']);
    await seen.until((line) => /^watched\s+2/.test(line));
    child.kill();
    await once(child, "close");
  });

  test("an unknown object, kind and field label are refused in Kubernetes' words", async () => {
    expect((await kubectl("get pod nothing")).stderr).toContain('pods "nothing" not found');
    expect((await kubectl("get gadgets")).stderr).toContain(`the server doesn't have a resource type "gadgets"`);
    expect((await kubectl("get pods --field-selector spec.colour=red")).stderr).toContain("field label not supported");
  });

  test("explain prints fields from the published schemas", async () => {
    const output = await ok("explain service.spec.ports.targetPort");
    expect(output).toContain("FIELD: targetPort <IntOrString>");
  });

  test("describe shows a Pod and its events", async () => {
    await ok("create -f -", pod("described"));
    await event("described-1", "described", "Scheduled", 60);
    const output = await ok("describe pod described");
    expect(output).toMatch(/Name:\s+described/);
    expect(output).toMatch(/Normal\s+Scheduled/);
    await ok("delete pod described --force");
  });

  test("events are sorted by the time that is asked for", async () => {
    await event("late", "sorted", "Late", 10);
    await event("early", "sorted", "Early", 500);
    const output = await ok("get events --sort-by=.lastTimestamp --field-selector involvedObject.name=sorted");
    expect(table(output).map((row) => row[2])).toEqual(["REASON", "Early", "Late"]);
  });

  test("lists longer than a page arrive whole", async () => {
    const items = Array.from({ length: 12 }, (_, index) => ({
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: `page-${index}` },
    }));
    await ok("create -f -", JSON.stringify({ apiVersion: "v1", kind: "List", items }));
    expect((await ok("get configmaps -o name --chunk-size=5")).match(/page-/g)).toHaveLength(12);
    expect(await ok("get configmaps --no-headers --chunk-size=5")).toContain("page-11");
    await ok("delete configmaps --all");
  });
});

describe("writing", () => {
  test("apply creates, changes and leaves alone", async () => {
    expect(await ok("apply -f -", service)).toBe("service/web created\n");
    expect(await ok("apply -f -", service)).toBe("service/web unchanged\n");
    expect(await ok("apply -f -", service.replace("8080", "9090"))).toBe("service/web configured\n");
    expect(await ok(["get", "service", "web", "-o", "jsonpath={.spec.ports[*].targetPort}"])).toBe("9090 443");
    expect(await ok("diff -f -", service.replace("8080", "9090"))).toBe("");
    await ok("delete service web");
  });

  test("apply --server-side owns fields, and conflicts with other owners", async () => {
    expect(await ok("apply --server-side -f -", deployment)).toBe("deployment.apps/web serverside-applied\n");
    const other = deployment.replace("replicas: 2", "replicas: 3");
    const refused = await kubectl("apply --server-side --field-manager=other -f -", { input: other });
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain('conflict with "kubectl": .spec.replicas');
    await ok("apply --server-side --field-manager=other --force-conflicts -f -", other);
    expect(await ok(["get", "deploy", "web", "-o", "jsonpath={.spec.replicas}"])).toBe("3");
    expect(await ok("get deploy web --show-managed-fields -o yaml")).toContain("manager: other");
    await ok("delete deploy web");
  });

  test("create reads the protobuf bodies of kubectl's typed clients", async () => {
    await ok("create namespace typed");
    await ok("create secret generic s --from-literal=a=b -n typed");
    await ok("create deployment d --image=nginx --replicas=2 -n typed");
    await ok("create service clusterip s --tcp=80:8080 -n typed");
    await ok("create clusterrole typed --verb=get --resource=pods");
    expect(await ok(["get", "secret", "s", "-n", "typed", "-o", "jsonpath={.data.a}"])).toBe("Yg==");
    expect(await ok(["get", "service", "s", "-n", "typed", "-o", "jsonpath={.spec.ports[0].targetPort}"])).toBe("8080");
    expect(await ok("auth can-i create pods")).toBe("yes\n");
    expect(await ok("auth whoami")).toContain("kubernetes-admin");
    await ok("create serviceaccount robot");
    expect((await ok("create token robot")).split(".")).toHaveLength(3);
  });

  test("edit sends what the editor changed", async () => {
    await ok("create configmap edited --from-literal=colour=red");
    const edited = await kubectl("edit configmap edited", { env: { EDITOR: "sed -i s/red/blue/" } });
    expect(edited.stdout).toBe("configmap/edited edited\n");
    expect(await ok(["get", "configmap", "edited", "-o", "jsonpath={.data.colour}"])).toBe("blue");
  });

  test("patch speaks strategic, merge and JSON", async () => {
    await ok("apply -f -", deployment);
    const image = ["get", "deploy", "web", "-o", "jsonpath={.spec.template.spec.containers[*].image}"];
    await ok([
      "patch",
      "deploy",
      "web",
      "-p",
      '{"spec":{"template":{"spec":{"containers":[{"name":"side","image":"busybox"}]}}}}',
    ]);
    expect((await ok(image)).split(" ").sort()).toEqual(["busybox", "nginx:1.27"]);
    await ok([
      "patch",
      "deploy",
      "web",
      "--type=merge",
      "-p",
      '{"spec":{"template":{"spec":{"containers":[{"name":"only","image":"one"}]}}}}',
    ]);
    expect(await ok(image)).toBe("one");
    await ok(["patch", "deploy", "web", "--type=json", "-p", '[{"op":"replace","path":"/spec/replicas","value":5}]']);
    expect(await ok(["get", "deploy", "web", "-o", "jsonpath={.spec.replicas}"])).toBe("5");
    await ok("scale deploy web --replicas=4");
    expect(await ok(["get", "deploy", "web", "-o", "jsonpath={.spec.replicas} {.metadata.generation}"])).toBe("4 5");
    await ok("rollout restart deploy web");
    await ok([
      "patch",
      "deploy",
      "web",
      "--subresource=status",
      "--type=merge",
      "-p",
      '{"status":{"replicas":4,"readyReplicas":4}}',
    ]);
    expect(table(await ok("get deploy web"))[1]?.slice(0, 2)).toEqual(["web", "4/4"]);
    await ok("delete deploy web");
  });

  test("label, annotate, wait and delete", async () => {
    await ok("create -f -", pod("waited", { tier: "front" }));
    expect(await ok("label pod waited tier=back --overwrite")).toBe("pod/waited labeled\n");
    expect(await ok("annotate pod waited note=hello")).toBe("pod/waited annotated\n");
    expect(await ok("get pods -l tier=back -o name")).toBe("pod/waited\n");
    const waiting = ok("wait --for=condition=Ready pod/waited --timeout=60s");
    await cluster.api.patch(
      { group: "", resource: "pods" },
      "default",
      "waited",
      { status: { conditions: [{ type: "Ready", status: "True" }] } },
      { subresource: "status" },
    );
    expect(await waiting).toBe("pod/waited condition met\n");
    const deleting = ok("delete pod waited --timeout=60s");
    await until(() => podNamed("waited")?.metadata.deletionTimestamp !== undefined);
    expect((await ok("get pod waited")).includes("Terminating")).toBe(true);
    await cluster.api.delete({ group: "", resource: "pods" }, "default", "waited", { gracePeriodSeconds: 0 });
    expect(await deleting).toContain('pod "waited" deleted');
    expect(await ok("wait --for=delete pod/waited --timeout=60s")).toBe("");
  });

  test("a wrong field is refused and named", async () => {
    const wrong = await kubectl("apply -f -", { input: service.replace("selector:", "selektor:") });
    expect(wrong.stderr).toContain('unknown field "spec.selektor"');
    const invalid = await kubectl("apply -f -", { input: service.replace("port: 80,", "port: 99999,") });
    expect(invalid.stderr).toContain(
      "spec.ports[0].port: Invalid value: 99999: must be between 1 and 65535, inclusive",
    );
  });

  test("a dry run changes nothing", async () => {
    await ok("apply --dry-run=server -f -", service);
    expect((await kubectl("get service web")).stderr).toContain("not found");
  });
});

describe("custom resources", () => {
  test("live from the creation of their definition to its end", async () => {
    await ok("create -f -", crd);
    await ok("wait --for=condition=Established crd/widgets.example.com --timeout=60s");
    await ok("create -f -", widget("one", "{size: 3}"));
    expect(table(await ok("get widgets"))).toEqual([
      ["NAME", "SIZE"],
      ["one", "3"],
    ]);
    expect(await ok(["get", "wd", "one", "-o", "jsonpath={.spec.colour}"])).toBe("red");
    expect(await ok("explain widget.spec.size")).toContain("How large it is.");
    const wrong = await kubectl("apply -f -", { input: widget("two", "{size: 0}") });
    expect(wrong.stderr).toContain(
      "spec.size: Invalid value: 0: spec.size in body should be greater than or equal to 1",
    );
    const unknown = await kubectl("apply -f -", { input: widget("two", "{size: 1, weight: 2}") });
    expect(unknown.stderr).toContain('unknown field "spec.weight"');
    expect(await ok("apply -f -", widget("two", "{size: 1}"))).toContain("created");
    expect(await ok("apply -f -", widget("two", "{size: 2, colour: green}"))).toContain("configured");
    expect(await ok("apply --server-side -f -", widget("three", "{size: 7}"))).toContain("serverside-applied");
    await ok(["patch", "widget", "two", "--type=merge", "-p", '{"spec":{"size":4}}']);
    await ok("delete crd widgets.example.com --timeout=60s");
    // Whether kubectl still trusts its cached discovery decides between two ways to say it.
    expect((await kubectl("get widgets")).stderr).toMatch(
      /could not find the requested resource|doesn't have a resource type/,
    );
  });
});

describe("streams", () => {
  beforeAll(async () => void (await ok("create -f -", pod("streams", { app: "streams" }))));

  test("exec passes output, errors and the exit code", async () => {
    const done = await run("kubectl", ["exec", "streams", "--", "sh", "-c", "echo out; echo err >&2; exit 7"]);
    expect(done).toMatchObject({ code: 7, stdout: "out\n" });
    expect(done.stderr).toContain("err\n");
  });

  test("exec -i passes input to its end, also a lot of it", async () => {
    const input = "0123456789abcdef".repeat(256 * 1024);
    const done = await run("kubectl", ["exec", "-i", "streams", "-c", "main", "--", "cat"], { input });
    expect(done.code).toBe(0);
    expect(done.stdout === input).toBe(true);
  });

  test("exec -t gives a terminal", async () => {
    // kubectl asks for one only when it has one itself.
    const command = `${program("kubectl")} exec -it streams -- sh -c "tty; exit 5"`;
    const child = spawn("script", ["-qec", command, "/dev/null"], { env: environment({ TERM: "xterm" }) });
    const [output, [code]] = await Promise.all([text(child.stdout), once(child, "close")]);
    expect(output).toMatch(/\/dev\/pts\/\d+/);
    expect(code).toBe(5);
  });

  test("exec into an unknown container is refused", async () => {
    const done = await run("kubectl", ["exec", "streams", "-c", "nothing", "--", "true"]);
    expect(done.code).not.toBe(0);
    expect(done.stderr).toContain("container nothing is not valid for pod streams");
  });

  test("a command ends when its client is gone", async () => {
    const child = spawn(program("kubectl"), ["exec", "streams", "--", "sh", "-c", "echo pid $$; exec sleep 600"], {
      env: environment(),
    });
    let pid = 0;
    await lines(child).until((line) => (pid = Number(/^pid (\d+)$/.exec(line)?.[1] ?? 0)) > 0);
    child.kill("SIGKILL");
    await until(() => !existsSync(`/proc/${pid}`));
  });

  test("logs, their tail, and those of a selector", async () => {
    expect(await ok("logs streams")).toBe("first\nsecond\nthird\n");
    expect(await ok("logs streams -c main --tail=1")).toBe("third\n");
    expect(await ok("logs -l app=streams --tail=-1")).toContain("second");
  });

  test("logs -f stays until the client goes", async () => {
    const child = spawn(program("kubectl"), ["logs", "-f", "streams"], { env: environment() });
    await lines(child).until((line) => line === "followed");
    child.kill();
    await once(child, "close");
  });
});

describe("helm", () => {
  test("installs, upgrades and uninstalls a chart", async () => {
    const chart = join(directory, "chart");
    file(join(chart, "Chart.yaml"), "apiVersion: v2\nname: web\nversion: 0.1.0\n");
    file(join(chart, "values.yaml"), "replicas: 2\n");
    file(join(chart, "crds/widgets.yaml"), crd);
    file(
      join(chart, "templates/deployment.yaml"),
      deployment.replace("replicas: 2", "replicas: {{ .Values.replicas }}"),
    );
    file(join(chart, "templates/service.yaml"), service);
    file(join(chart, "templates/widget.yaml"), widget("shipped", "{size: 1}"));
    for (const args of [
      ["install", "web", chart, "--namespace", "helmed", "--create-namespace"],
      ["upgrade", "web", chart, "--namespace", "helmed", "--set", "replicas=3"],
    ]) {
      const done = await run("helm", args);
      expect(done.stderr + done.stdout).toContain("STATUS: deployed");
    }
    expect(await ok(["get", "deploy", "web", "-n", "helmed", "-o", "jsonpath={.spec.replicas}"])).toBe("3");
    expect(await ok("get widgets -n helmed -o name")).toBe("widget.example.com/shipped\n");
    expect((await run("helm", ["uninstall", "web", "--namespace", "helmed"])).stdout).toContain("uninstalled");
    expect((await kubectl("get deploy web -n helmed")).stderr).toContain("not found");
  });
});

test("who brings no token, or a wrong one, is refused", async () => {
  const refused = await run("kubectl", ["get", "pods", "--token=wrong"]);
  expect(refused.stderr).toContain("Unauthorized");
});

test("a service account's token is good for the API", async () => {
  const token = cluster.issueToken("default", "robot");
  const done = await run("kubectl", ["auth", "whoami", `--token=${token}`]);
  expect(done.stdout).toContain("system:serviceaccount:default:robot");
});

const quoted = (word: string): string => `'${word.replaceAll("'", String.raw`'\''`)}'`;

const podNamed = (name: string): ApiObject | undefined =>
  cluster.api.get({ group: "", resource: "pods" }, "default", name);

/** An Event of `secondsAgo` about a Pod. */
async function event(name: string, about: string, reason: string, secondsAgo: number): Promise<void> {
  const time = `${new Date(Date.now() - secondsAgo * 1000).toISOString().slice(0, 19)}Z`;
  const uid = podNamed(about)?.metadata.uid;
  const involvedObject = { kind: "Pod", namespace: "default", name: about, ...(uid === undefined ? {} : { uid }) };
  const metadata = { name, namespace: "default" };
  const times = { firstTimestamp: time, lastTimestamp: time };
  const content = { involvedObject, reason, message: `it was ${reason}`, type: "Normal", count: 1 };
  await cluster.api.create(
    { group: "", resource: "events" },
    { apiVersion: "v1", kind: "Event", metadata, ...content, ...times },
  );
}

async function until(holds: () => boolean): Promise<void> {
  await expect.poll(holds, { timeout: 60_000, interval: 20 }).toBe(true);
}

/** Waits for whole lines of a process's output. */
function lines(child: ChildProcess): { until(wanted: (line: string) => boolean): Promise<void> } {
  let output = "";
  child.stdout?.on("data", (chunk) => (output += String(chunk)));
  return { until: (wanted) => until(() => output.split("\n").slice(0, -1).some(wanted)) };
}

function file(path: string, content: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}
