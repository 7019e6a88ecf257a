/**
 * Makes package-lock.json one that `npm ci` takes everywhere: run it after `npm install --package-lock-only`.
 *
 * A registry that lacks a package of another platform leaves it out of the lock, and `npm ci` then refuses the lock. Such packages are
 * written back by name, version and platform; they are never installed on any other. Addresses of registries are taken out.
 */
import { readFileSync, writeFileSync } from "node:fs";

interface Entry {
  version?: string;
  resolved?: string;
  dev?: boolean;
  optional?: boolean;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  optionalDependencies?: Record<string, string>;
}

const FILE = "package-lock.json";
const lock = JSON.parse(readFileSync(FILE, "utf8")) as { packages: Record<string, Entry> };

// What is added may have optional dependencies of its own; entries are visited as they come.
const packages = new Map(Object.entries(lock.packages));
for (const [path, { optionalDependencies = {}, dev }] of packages) {
  for (const [name, version] of Object.entries(optionalDependencies)) {
    if (packages.has(`node_modules/${name}`) || packages.has(`${path}/node_modules/${name}`)) continue;
    const platform = platformOf(name);
    packages.set(`node_modules/${name}`, {
      version: version.replace(/^[\^~]/, ""),
      ...(dev && { dev }),
      optional: true,
      ...platform,
    });
  }
}
for (const entry of packages.values()) delete entry.resolved;
const sorted = [...packages].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
writeFileSync(FILE, `${JSON.stringify({ ...lock, packages: Object.fromEntries(sorted) }, null, 2)}\n`);

/** The platform that a package's name tells, such as `@x/binding-linux-arm64-musl`. */
function platformOf(name: string): Pick<Entry, "os" | "cpu" | "libc"> {
  const match = /(android|darwin|freebsd|linux|win32|windows|openharmony|netbsd|openbsd|sunos|aix)-(.*)$/.exec(name);
  if (!match) return { cpu: ["wasm32"] };
  const [, os = "", rest = ""] = match;
  const cpu = /^(arm64|x64|ia32|ppc64|riscv64|s390x|loong64|mips64el|arm)/.exec(rest)?.[1];
  const libc = rest.includes("musl") ? "musl" : rest.includes("gnu") ? "glibc" : undefined;
  return { ...(cpu && { cpu: [cpu] }), os: [os === "windows" ? "win32" : os], ...(libc && { libc: [libc] }) };
}
