#!/bin/sh
# Makes .cache/frr10/root: a Debian 13 tree with FRR 10.3, the newer of the two FRR generations that the tests run.
#
#   scripts/frr10-root.sh            the tree; nothing to do when it stands and this recipe is unchanged
#   scripts/frr10-root.sh vm         the tree, and .cache/vm: a kernel and an initial RAM disk with that tree, for qemu
#
# Packages come from the mirror that this machine's own apt uses. Needs root: packages are installed in a chroot.
set -eu
cd "$(dirname "$0")/.."

suite=trixie
packages=frr,iproute2,procps,libatomic1,libstdc++6,busybox-static
# VRF devices, wires, lossy links.
modules="vrf veth sch_netem"

die() {
  echo "frr10-root: $*" >&2
  exit 1
}

# What $1 is made of: this file, and for the virtual machine node as well.
recipe() {
  case $1 in
  vm) cat scripts/frr10-root.sh package-lock.json ;;
  *) cat scripts/frr10-root.sh ;;
  esac | sha256sum
}

# Is $1 made by the recipe as it is now?
is_fresh() { [ "$(cat ".cache/$1/recipe" 2>/dev/null)" = "$(recipe "$1")" ]; }

# Puts what was made in .cache/$1.new in the place of .cache/$1, whole or not at all.
publish() {
  recipe "$1" >".cache/$1.new/recipe"
  rm -rf ".cache/$1"
  mv ".cache/$1.new" ".cache/$1"
}

# The archive that this machine's main Debian packages come from.
mirror() {
  release=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
  # shellcheck disable=SC2016
  apt-get indextargets --format '$(ORIGIN) $(CODENAME) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
    sed -n "s/^Debian $release main //p" | head -n 1
}

# mmdebstrap, with what all our trees have in common: $1 is the variant, $2 the packages, $3 the directory.
bootstrap() {
  command -v mmdebstrap >/dev/null || die "mmdebstrap is missing: scripts/setup.sh vm installs it"
  archive=$(mirror)
  [ -n "$archive" ] || die "this machine's apt has no Debian mirror to take $suite from"
  keys=/usr/share/keyrings/debian-archive-keyring.gpg
  mmdebstrap --quiet --mode=root --architectures=amd64 --variant="$1" --include="$2" \
    --keyring="$keys" --aptopt='Acquire::Languages "none"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/info/*' \
    "$suite" "$3" "deb [signed-by=$keys] $archive $suite main" >.cache/frr10.log 2>&1 ||
    die "mmdebstrap failed; see .cache/frr10.log"
}

tree() {
  is_fresh frr10 && return
  echo "setup: building a Debian tree with FRR 10.3 (about 40 s)"
  rm -rf .cache/frr10.new
  mkdir -p .cache/frr10.new
  bootstrap apt "$packages" .cache/frr10.new/root
  publish frr10
}

vm() {
  is_fresh vm && return
  echo "setup: building a virtual machine's kernel and root (about 30 s)"
  rm -rf .cache/vm.new
  mkdir -p .cache/vm.new/usr/lib/modules .cache/vm.new/usr/local/bin
  bootstrap extract linux-image-cloud-amd64 .cache/vm.new/packages
  cp .cache/vm.new/packages/boot/vmlinuz-* .cache/vm.new/vmlinuz
  for name in $modules; do
    found=$(find .cache/vm.new/packages/ -name "$name.ko*")
    [ -n "$found" ] || die "the kernel of $suite has no module $name"
    case $found in
    *.xz) xz -dc "$found" ;;
    *) cat "$found" ;;
    esac >".cache/vm.new/usr/lib/modules/$name.ko"
  done
  cp -L node_modules/.bin/node .cache/vm.new/usr/local/bin/node
  # Uncompressed, and one archive behind another: the kernel takes both, and unpacking under emulation is slow.
  (cd .cache/frr10/root && find . -path ./var/cache -prune -o -path ./var/lib/apt -prune -o -print |
    cpio --quiet -o -H newc) >.cache/vm.new/initrd
  (cd .cache/vm.new && find usr | cpio --quiet -o -H newc) >>.cache/vm.new/initrd
  rm -rf .cache/vm.new/packages .cache/vm.new/usr
  publish vm
}

[ "$(id -u)" = 0 ] || die "needs root"
[ "$(uname -m)" = x86_64 ] || die "is written for x86_64 machines, and this is one of $(uname -m)"
mkdir -p .cache
# Two commands of this house may run at once.
exec 9>.cache/frr10.lock
flock 9
tree
[ "${1:-}" != vm ] || vm
