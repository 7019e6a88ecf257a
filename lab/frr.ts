import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** Where scripts/frr10-root.sh puts its tree. */
const newer = fileURLToPath(new URL("../.cache/frr10/root", import.meta.url));

/**
 * The option of `startLab` for a wish: "8" is the machine's own FRR, as no wish is, and "10" the one of scripts/frr10-root.sh.
 *
 * @throws Error, one line for a person, for another wish, or when the tree isn't there.
 */
export function frrRoot(wish = "8"): { readonly frrRoot?: string } {
  if (wish === "8") return {};
  if (wish !== "10") throw new Error(`FRR="${wish}": 8 (the machine's own) or 10`);
  if (!existsSync(join(newer, "usr/lib/frr/bgpd")))
    throw new Error("FRR=10: there is no tree with FRR 10.3; scripts/setup.sh frr10 makes it");
  return { frrRoot: newer };
}
