import { lstatSync, readFileSync } from "node:fs";
import path from "node:path";
import type { Image } from "./types.ts";

/** What of this machine must not or must be seen from inside a container. */

/** /tmp and /run are a pod's own; the others hold what is the user's. */
const PRIVATE = ["/tmp", "/var/tmp", "/run", "/root", "/home", "/mnt", "/media", "/srv", "/boot"];

/** Directories of the machine that a container sees empty: private ones, and the lab's own with its keys. */
export function hiddenDirectories(runDir: string, image: Image): string[] {
  const hidden = PRIVATE.filter(isDirectory);
  const shownAgain = image.mounts?.some((mount) => isBelow(runDir, mount)) ?? false;
  return !shownAgain && hidden.some((dir) => isBelow(runDir, dir)) ? hidden : [...hidden, runDir];
}

/** Primary groups by uid, as an image's root has them. */
export function primaryGroups({ root = "/" }: Image): ReadonlyMap<number, number> {
  const lines = readFileSync(path.join(root, "etc/passwd"), "utf8").split("\n").filter(Boolean);
  return new Map(
    lines.map((line) => {
      const [, , uid, gid] = line.split(":");
      return [Number(uid), Number(gid)];
    }),
  );
}

/** A symbolic link (such as /var/run) is not one: the directory that it names is on the list itself. */
const isDirectory = (file: string): boolean => lstatSync(file, { throwIfNoEntry: false })?.isDirectory() ?? false;

const isBelow = (file: string, dir: string): boolean => file.startsWith(`${dir}/`);
