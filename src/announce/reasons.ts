/** Why a Service is not announced, in MetalLB's spellings (speaker/bgp_controller.go, speaker/main.go). */
export type NotAnnounced =
  | "serviceDeleted"
  | "notLoadBalancer"
  | "noIPAllocated"
  | "invalidIP"
  | "ipNotAllowed"
  | "notOwner"
  | "noMatchingAdvertisement"
  | "conflictingAdvertisements"
  | "nodeNetworkUnavailable"
  | "nodeLabeledExcludeBalancers"
  | "noLocalEndpoints"
  | "noEndpoints";
