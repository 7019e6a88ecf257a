import { mkdir, rm, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { command } from "./command.ts";
import type { Image } from "./types.ts";

/**
 * Mounts a container's root: the image's below (the machine's own, if it has none), read-only, and a layer of its own above.
 * Other file systems of the machine do not shine through, since an overlay does not cross mounts.
 */
export async function mountRoot(dir: string, image: Image): Promise<string> {
  const [upper, work, root] = ["upper", "work", "rootfs"].map((name) => path.join(dir, name)) as [
    string,
    string,
    string,
  ];
  for (const each of [upper, work, root]) await mkdir(each, { recursive: true });
  for (const [file, content] of Object.entries(image.files ?? {})) {
    await mkdir(path.join(upper, path.dirname(file)), { recursive: true });
    await writeFile(path.join(upper, file), content);
  }
  for (const [file, target] of Object.entries(image.links ?? {})) {
    await mkdir(path.join(upper, path.dirname(file)), { recursive: true });
    await symlink(target, path.join(upper, file));
  }
  const layers = `lowerdir=${image.root ?? "/"},upperdir=${upper},workdir=${work}`;
  await command("mount", ["-t", "overlay", "lab-root", "-o", layers, root]);
  return root;
}

/** Unmounts a container's root and removes its layer. */
export async function removeRoot(dir: string): Promise<void> {
  await unmount(path.join(dir, "rootfs"));
  await rm(dir, { recursive: true, force: true });
}

/** Unmounts now from the tree, and in full once nothing uses it. What is not mounted is as good. */
export async function unmount(dir: string): Promise<void> {
  await command("umount", ["-l", dir]).catch((error: Error) => {
    if (!/not mounted|no mount point/.test(error.message)) throw error;
  });
}
