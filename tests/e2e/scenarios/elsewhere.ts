/** A scenario that the lab does not play, and the test that does. */
export interface Elsewhere {
  readonly name: string;
  /** Why not in the lab. */
  readonly why: string;
  readonly file: string;
  /** As the test's name is written in the file. */
  readonly test: string;
}

const noVrfs = "the machine's kernel may lack VRF devices: a virtual machine's has them";
const moreOften = "without Kubernetes, so that each FRR release is asked";
const otherPrograms = "without Kubernetes, so that one table of cases serves BIRD and GoBGP";
const ofTheProduct = "in a lab of its own, as parts of the product end";

const guest = "tests/generations/guest/cases.ts";
const generations = "tests/generations/peers.net.test.ts";
const others = "tests/peers/cases.ts";

export const elsewhere: readonly Elsewhere[] = [
  {
    name: "a peer in a VRF and one outside hear of one prefix, each with its own attributes",
    why: noVrfs,
    file: guest,
    test: "a peer in VRF red and one outside hear of one prefix, each with its own attributes",
  },
  {
    name: "a prefix for a VRF alone",
    why: noVrfs,
    file: guest,
    test: "a prefix of VRF red alone is not told outside, and goes without touching the other",
  },
  {
    name: "BFD in a VRF, and silence",
    why: noVrfs,
    file: guest,
    test: "silent loss, BFD 300 ms × 3: the routes go by detection, not by hold time, outside and in VRF red",
  },
  {
    name: "a link that loses and delays packets",
    why: "the machine's kernel may lack netem",
    file: guest,
    test: "a link that loses a fifth and delays the rest keeps its session, and changes arrive",
  },
  {
    name: "each field of a BGPPeer on FRR 8.4 and 10.3",
    why: moreOften,
    file: generations,
    test: "$name",
  },
  {
    name: "a password that changes on FRR 8.4 and 10.3",
    why: moreOften,
    file: generations,
    test: "a wrong password is silence; the right one, rotated in, needs nothing else",
  },
  {
    name: "silence, with BFD of 300 ms and of 50 ms three times",
    why: moreOften,
    file: generations,
    test: "silent loss, BFD %i ms × 3: the route goes by detection, not by the hold time",
  },
  {
    name: "what each edit of a BGPPeer does to its session",
    why: moreOften,
    file: "src/backends/frr/frr.net.test.ts",
    test: "sessionEdits",
  },
  {
    name: "attributes and both families at BIRD and GoBGP",
    why: otherPrograms,
    file: others,
    test: "both families in one session, each path with its attributes",
  },
  {
    name: "graceful restart at BIRD and GoBGP",
    why: otherPrograms,
    file: others,
    test: "bgpd is killed: the router keeps every route",
  },
  {
    name: "a password that changes at BIRD and GoBGP",
    why: otherPrograms,
    file: others,
    test: "a password that is new on one side only ends its session; on both, the session is back",
  },
  {
    name: "BFD with BIRD",
    why: otherPrograms,
    file: "tests/peers/bird.net.test.ts",
    test: "BFD is up on both ends, and a wire that falls silent takes the routes away in a second",
  },
  {
    name: "a speaker that starts again",
    why: ofTheProduct,
    file: "tests/e2e/service.net.test.ts",
    test: "restarting a speaker sends the router no UPDATE and resets no session",
  },
  {
    name: "bgpd that is killed",
    why: ofTheProduct,
    file: "tests/e2e/service.net.test.ts",
    test: "bgpd killed: sessions and routes come back without a person",
  },
  {
    name: "wrong objects beside good ones",
    why: "without webhooks, which refuse them",
    file: "tests/e2e/bad-objects.net.test.ts",
    test: "$name: no UPDATE, no reset; it says what is wrong, until it is gone",
  },
];
