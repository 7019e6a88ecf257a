/**
 * `make lab`: a laptop-size cluster that stays up until Ctrl-C.
 *
 * Environment: NODES (2 to 9, default 2), LAB (a name, default "lab": several labs may run side by side), FRR (8, the machine's own, or
 * 10). `--sweep` only removes what a killed lab left.
 */
import { frrRoot } from "./frr.ts";
import { sweepDead } from "./instance.ts";
import { type Lab, startLab } from "./lab.ts";
import { untilStopped } from "./stop.ts";

const begin = Date.now();
if (process.argv.includes("--sweep")) await sweepDead();
else await main();

async function main(): Promise<void> {
  const stopped = untilStopped();
  let lab: Lab | undefined;
  try {
    lab = await startLab({
      name: labName(),
      nodes: nodeCount(),
      port: 0,
      ...frrRoot(process.env["FRR"]),
      log: (line) => console.log(line),
    });
    console.log(welcome(lab));
    await stopped;
    console.log("stopping: pods, router, namespaces …");
  } catch (error) {
    console.error(`lab: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
  await lab?.close();
  process.exit();
}

function nodeCount(): number {
  const text = process.env["NODES"] ?? "2";
  if (!/^[2-9]$/.test(text)) throw new Error(`NODES="${text}": a lab has 2 to 9 nodes`);
  return Number(text);
}

function labName(): string {
  const text = process.env["LAB"] ?? "lab";
  if (!/^[a-z][a-z0-9]{0,5}$/.test(text))
    throw new Error(`LAB="${text}": a name of 1 to 6 lower-case letters and digits`);
  return text;
}

function welcome(lab: Lab): string {
  return `
The lab is up after ${((Date.now() - begin) / 1000).toFixed(1)} s: ${lab.topology.nodes.length} nodes, one router, one client.

  In another terminal:
    . ${lab.envFile}

    kubectl get nodes
    helm repo add metallb $METALLB_CHARTS
    helm install metallb metallb/metallb -n metallb-system --create-namespace
    tor show bgp summary                 the top-of-rack router, AS 64512
    client curl -s http://ADDRESS/       a machine behind it

  KUBECONFIG      ${lab.env["KUBECONFIG"] ?? ""}
  API server      ${lab.apiUrl}
  charts          ${lab.chartsUrl}
  router          ${lab.topology.router.addresses.join(", ")}
${lab.topology.nodes.map((node) => `  ${node.name.padEnd(15)} ${node.addresses.join(", ")}, pods ${node.podCIDRs.join(", ")}`).join("\n")}
  client          ${lab.topology.client.addresses.join(", ")}

  The guide: docs/guide.md, or all of it unattended: make guide
  Ctrl-C ends the lab and removes everything that it made.
`;
}
