import { existsSync, realpathSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { nodeFlags } from "../../scripts/build.ts";
import type { Image, ImageTable } from "./types.ts";

/** `registry:5000/metallb/speaker:v1@sha256:…` → `speaker`. */
export function imageName(reference: string): string {
  const withoutDigest = reference.split("@")[0] ?? "";
  const last = withoutDigest.slice(withoutDigest.lastIndexOf("/") + 1);
  return last.split(":")[0] ?? last;
}

/** The image for a reference, in the words of a failed pull when there is none. */
export function findImage(table: ImageTable, reference: string): Image | { readonly problem: string } {
  const name = imageName(reference);
  if (Object.hasOwn(table, name)) return table[name] as Image;
  const known = Object.keys(table).sort().join(", ");
  return { problem: `the lab has no image "${name}" (it knows ${known}); nothing is pulled from a registry` };
}

/**
 * The images of our manifests and of the guide, as programs of this machine.
 *
 * @param programs Folder of the bundled controller and speaker (scripts/build.ts).
 * @param frrRoot The tree whose FRR the image `frr` runs; the machine's own when absent.
 */
export function defaultImages(programs: string, frrRoot?: string): ImageTable {
  const repository = fileURLToPath(new URL("../../", import.meta.url)).replace(/\/$/, "");
  const node = nodeBinary(repository);
  const program = (name: string): Image => ({
    entrypoint: [node, ...nodeFlags, path.join(programs, `${name}.mjs`)],
    mounts: [programs, node],
  });
  const shell: Image = { entrypoint: [], cmd: ["sh"] };
  return {
    controller: program("controller"),
    speaker: program("speaker"),
    frr: {
      ...(frrRoot === undefined ? {} : { root: frrRoot }),
      entrypoint: ["/usr/lib/frr/docker-start"],
      mounts: [repository],
      links: {
        "/usr/lib/frr/docker-start": path.join(repository, "images/frr/docker-start"),
        "/usr/local/bin/frr-probe": path.join(repository, "images/frr/frr-probe"),
      },
    },
    nginx: { entrypoint: ["nginx", "-g", "daemon off;"], files: { "/etc/nginx/nginx.conf": NGINX_CONFIG } },
    busybox: shell,
    debian: shell,
  };
}

/** Node as npm installed it, since the machine's own may be too old; the one that runs us otherwise. */
function nodeBinary(repository: string): string {
  const installed = path.join(repository, "node_modules/.bin/node");
  return existsSync(installed) ? realpathSync(installed) : process.execPath;
}

/** One page that names the pod, so that a client sees which one answered. */
const NGINX_CONFIG = `error_log stderr notice;
pid /run/nginx.pid;
worker_processes 1;
events { worker_connections 256; }
http {
  access_log /dev/stdout;
  server {
    listen 80;
    listen [::]:80;
    default_type text/html;
    location / { return 200 "<!DOCTYPE html><title>Welcome to nginx!</title><h1>Welcome to nginx!</h1><p>Served by $hostname</p>\\n"; }
  }
}
`;
