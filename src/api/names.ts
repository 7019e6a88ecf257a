/**
 * Every public text: labels, annotations, event reasons, names of objects, condition types. They are MetalLB's; whoever
 * watches them must not notice whose controller writes them.
 */

/** Where MetalLB lives unless told otherwise. */
export const defaultNamespace = "metallb-system";

// Annotations of Services. MetalLB internal/k8s/k8s.go, controller/service.go

/** The prefix of every annotation, and the one before 0.14.9, which still counts. */
export const annotationPrefix = "metallb.io/";
export const deprecatedAnnotationPrefix = "metallb.universe.tf/";

/** The pool to take an address from. */
export const annotationAddressPool = "metallb.io/address-pool";
/** The addresses wanted, separated by commas. */
export const annotationLoadBalancerIPs = "metallb.io/loadBalancerIPs";
/** Services of equal key may share an address. */
export const annotationAllowSharedIP = "metallb.io/allow-shared-ip";
/** Written by the controller: the pool that the addresses came from. */
export const annotationAllocatedFromPool = "metallb.io/ip-allocated-from-pool";
/** The same as MetalLB before 0.14.9 wrote it. */
export const deprecatedMark = "metallb.universe.tf/ip-allocated-from-pool";

/**
 * A Service's annotation under its present name or the one it had before 0.14.9. The present one wins whenever it is
 * there, even if empty.
 */
export function annotationOf(
  annotations: Readonly<Record<string, string>> | undefined,
  name: `${typeof annotationPrefix}${string}`,
): string | undefined {
  if (!annotations) return undefined;
  const deprecated = deprecatedAnnotationPrefix + name.slice(annotationPrefix.length);
  return Object.hasOwn(annotations, name) ? annotations[name] : annotations[deprecated];
}

// Labels and conditions of Nodes. MetalLB internal/k8s/nodes

/** Its presence keeps a node from announcing, whatever its value. */
export const labelExcludeNode = "node.kubernetes.io/exclude-from-external-load-balancers";
/** When "True", the node does not announce. */
export const conditionNetworkUnavailable = "NetworkUnavailable";

// Labels of the objects that we read or write

/** On an EndpointSlice: its Service. */
export const labelServiceName = "kubernetes.io/service-name";
/** On ServiceBGPStatus and ServiceL2Status. MetalLB internal/k8s/controllers/bgp_status_controller.go */
export const labelNode = "metallb.io/node";
export const labelStatusServiceName = "metallb.io/service-name";
export const labelStatusServiceNamespace = "metallb.io/service-namespace";
/** On BGPSessionStatus, beside `labelNode`; frr-k8s has the same under `frrk8s.metallb.io/`. */
export const ownLabelPeer = "metallb.io/peer";
export const ownLabelVrf = "metallb.io/vrf";
/** On ConfigurationState. */
export const labelComponentType = "metallb.io/component-type";
export const labelNodeName = "metallb.io/node-name";

// Objects

export const bgpStatusNamePrefix = "bgp-";
export const l2StatusNamePrefix = "l2-";
export const sessionStatusNamePrefix = "session-";
/** The controller's ConfigurationState. */
export const controllerStateName = "controller";
/** A speaker's ConfigurationState. */
export const speakerStateName = (node: string): string => `speaker-${node}`;
export const webhookService = "metallb-webhook-service";
export const conversionPath = "/convert";
export const webhookConfiguration = "metallb-webhook-configuration";
export const webhookSecret = "metallb-webhook-cert";
/** Who writes the CA into what the API server reads; GitOps tools know by it what to leave alone. */
export const webhookFieldManager = "MetalLB";
/** Keys of the Secret. open-policy-agent cert-controller, pkg/rotator/rotator.go */
export const webhookSecretKeys = { ca: "ca.crt", caKey: "ca.key", cert: "tls.crt", key: "tls.key" } as const;
/** A ConfigMap whose key `extras` is appended to FRR's configuration. */
export const bgpExtrasConfigMap = "bgpextras";
export const bgpExtrasKey = "extras";
/** A peer's Secret is of this type and has this key. */
export const basicAuthType = "kubernetes.io/basic-auth";
export const passwordKey = "password";

// Conditions of ConfigurationState. MetalLB internal/k8s/controllers

/** The controller's. */
export const conditionPoolReconciler = "poolReconcilerValid";
/** The speakers'. */
export const conditionConfigReconciler = "configReconcilerValid";
export const conditionReasons = {
  reconciled: "Reconciled",
  configurationError: "ConfigurationError",
  unknownError: "UnknownError",
} as const;

/** Field managers of server-side apply, one for each writer of a condition. */
export const fieldManagers = { controller: "poolReconciler", speaker: "configReconciler" } as const;

// Events

/** `source.component` of events. */
export const eventSources = { controller: "metallb-controller", speaker: "metallb-speaker" } as const;

/** Reasons of events on Services. MetalLB controller/service.go, speaker/main.go */
export const eventReasons = {
  ipAllocated: "IPAllocated",
  clearAssignment: "ClearAssignment",
  additionalAssignFailed: "AdditionalAssignFailed",
  allocationFailed: "AllocationFailed",
  loadBalancerFailed: "LoadBalancerFailed",
  notEnoughClusterIPs: "not enough clusterips",
  noLoadBalancerIPsFamily: "nolbIPsIPFamily",
  noClusterIPsFamily: "noclusterIPsIPFamily",
  deprecatedAnnotation: "deprecatedAnnotation",
  internalError: "InternalError",
  nodeAssigned: "nodeAssigned",
  announceFailed: "announceFailed",
} as const;

/** Reasons of events that MetalLB does not emit: on BGPPeers, and on whatever object a problem is about. */
export const ownEventReasons = {
  sessionEstablished: "SessionEstablished",
  sessionDown: "SessionDown",
  bfdUp: "BFDUp",
  bfdDown: "BFDDown",
  /** The object, or its change, is not in force. */
  configurationError: "ConfigurationError",
  /** It is in force, but surely not what was meant. */
  configurationWarning: "ConfigurationWarning",
} as const;

/** Reasons of events on Nodes, of which MetalLB emits none. */
export const nodeEventReasons = {
  /** A daemon of its FRR went away, or answers again. */
  frrDaemonLost: "FRRDaemonLost",
  frrDaemonBack: "FRRDaemonBack",
  /** Somebody else changed FRR's configuration, and it was set right. */
  frrDriftRepaired: "FRRDriftRepaired",
  /** Its speaker could not reach the API server for a while. */
  apiServerWasAway: "APIServerWasAway",
} as const;
