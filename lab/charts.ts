import { execFile } from "node:child_process";
import { mkdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { basename, join } from "node:path";
import { promisify } from "node:util";

/** A Helm repository on loopback that serves the chart of this checkout. */
export interface ChartRepository {
  readonly url: string;
  close(): Promise<void>;
}

/** Packages `charts/metallb` into `folder` and serves it. */
export async function serveCharts(options: {
  readonly repository: string;
  readonly folder: string;
}): Promise<ChartRepository> {
  const helm = join(options.repository, ".cache/bin/helm");
  mkdirSync(options.folder, { recursive: true });
  const server = http.createServer((request, response) => void answer(options.folder, request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/charts`;
  await promisify(execFile)(helm, [
    "package",
    join(options.repository, "charts/metallb"),
    "--destination",
    options.folder,
  ]);
  await promisify(execFile)(helm, ["repo", "index", options.folder, "--url", url]);
  return { url, close: () => new Promise((resolve) => server.close(() => resolve())) };
}

async function answer(folder: string, request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
  try {
    response.end(await readFile(join(folder, basename(request.url ?? ""))));
  } catch {
    response.writeHead(404).end("not found\n");
  }
}
