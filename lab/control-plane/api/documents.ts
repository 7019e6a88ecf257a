import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { openApiDocument, openApiV2Protobuf } from "../schema/openapi.ts";
import type { Registry } from "../registry/registry.ts";
import { aggregatedDiscovery, apiGroup, groupList, groupsOf, resourceList } from "./discovery.ts";
import { acceptedDiscovery } from "./negotiate.ts";

/** What the server calls itself. kubectl warns when the minor version is more than one away from its own. */
const VERSION = {
  major: "1",
  minor: "35",
  gitVersion: "v1.35.0+metallb-ts",
  gitCommit: "",
  gitTreeState: "clean",
  buildDate: "2026-01-01T00:00:00Z",
  goVersion: "go1.25.0",
  compiler: "node",
  platform: "linux/amd64",
};

interface Answer {
  readonly type: string;
  readonly body: string | Uint8Array;
  readonly etag: string;
}

/** Discovery, OpenAPI and version: what is derived from the registry, kept until the registry changes. */
export class Documents {
  readonly #registry: Registry;
  readonly #answers = new Map<string, Answer>();
  #generation = -1;

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  /** Answers if `path` is one of these documents. */
  serve(request: IncomingMessage, response: ServerResponse, path: string): boolean {
    const answer = this.#find(path, request.headers.accept);
    if (!answer) return false;
    const immutable = path.startsWith("/openapi/v3/");
    const headers = {
      "content-type": answer.type,
      etag: `"${answer.etag}"`,
      vary: "Accept",
      "cache-control": immutable ? "public, max-age=31536000, immutable" : "no-cache, private",
    };
    if (request.headers["if-none-match"] === headers.etag) response.writeHead(304, headers).end();
    else response.writeHead(200, headers).end(answer.body);
    return true;
  }

  #find(path: string, accept: string | undefined): Answer | undefined {
    if (this.#generation !== this.#registry.generation) this.#answers.clear();
    this.#generation = this.#registry.generation;
    const aggregated = path === "/api" || path === "/apis" ? acceptedDiscovery(accept) : undefined;
    const key = `${path} ${aggregated ?? ""}`;
    const known = this.#answers.get(key);
    if (known) return known;
    const made = aggregated ? this.#aggregated(path === "/api", aggregated) : this.#plain(path);
    if (made) this.#answers.set(key, made);
    return made;
  }

  #aggregated(core: boolean, version: "v2" | "v2beta1"): Answer {
    const type = `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`;
    return answerOf(aggregatedDiscovery(this.#registry, core, version), type);
  }

  #plain(path: string): Answer | undefined {
    if (path === "/openapi/v2") {
      // An "@" in the media type makes older clients fail, although they ask with one.
      const type = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
      return { type, body: openApiV2Protobuf, etag: "1" };
    }
    const value = this.#value(path);
    return value === undefined ? undefined : answerOf(value, "application/json");
  }

  #value(path: string): object | undefined {
    const parts = path.split("/").slice(1);
    switch (parts[0] ?? "") {
      case "version":
        return parts.length === 1 ? VERSION : undefined;
      case "openapi":
        return parts[1] === "v3" ? this.#openApi(parts.slice(2)) : undefined;
      case "api":
        if (parts.length === 1)
          return { kind: "APIVersions", apiVersion: "v1", versions: ["v1"], serverAddressByClientCIDRs: [] };
        return parts.length === 2 ? resourceList(this.#registry, "", parts[1] ?? "") : undefined;
      case "apis":
        if (parts.length === 1) return groupList(this.#registry);
        if (parts.length === 2) return apiGroup(this.#registry, parts[1] ?? "");
        return parts.length === 3 ? resourceList(this.#registry, parts[1] ?? "", parts[2] ?? "") : undefined;
      default:
        return undefined;
    }
  }

  #openApi(parts: readonly string[]): object | undefined {
    if (parts.length === 0) return { paths: Object.fromEntries(this.#openApiPaths()) };
    const [root, ...rest] = parts;
    const [group, version] = root === "api" ? ["", rest[0]] : [rest[0], rest[1]];
    if (group === undefined || version === undefined) return undefined;
    const kinds = this.#registry
      .kinds()
      .filter((kind) => this.#registry.findServed(group, version, kind.resource) && kind.group === group);
    return kinds.length === 0 ? undefined : openApiDocument({ group, version }, kinds, this.#registry.components);
  }

  /** Each document under a URL that changes with its content, so that clients may keep it. */
  #openApiPaths(): [string, object][] {
    return [...groupsOf(this.#registry)].flatMap(([group, versions]) =>
      versions.map((version): [string, object] => {
        const path = group === "" ? `api/${version}` : `apis/${group}/${version}`;
        const hash = this.#find(`/openapi/v3/${path}`, undefined)?.etag ?? "";
        return [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` }];
      }),
    );
  }
}

function answerOf(value: object, type: string): Answer {
  const body = JSON.stringify(value);
  return { type, body, etag: createHash("sha256").update(body).digest("hex").slice(0, 32).toUpperCase() };
}
