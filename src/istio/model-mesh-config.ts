// The pieces of MeshConfig (mesh.istio.io/v1alpha1) that change what a gateway does with a request.

import { message, nested, oneOf, string, uint, type ValueOf } from './message.ts'

export const meshConfig = message('MeshConfig', {
  rootNamespace: string,
  trustDomain: string,
  pathNormalization: nested(
    message('PathNormalization', {
      normalization: oneOf('DEFAULT', 'NONE', 'BASE', 'MERGE_SLASHES', 'DECODE_AND_MERGE_SLASHES'),
    }),
  ),
  defaultConfig: nested(
    message('ProxyConfig', {
      gatewayTopology: nested(message('Topology', { numTrustedProxies: uint })),
    }),
  ),
  outboundTrafficPolicy: nested(message('OutboundTrafficPolicy', { mode: oneOf('REGISTRY_ONLY', 'ALLOW_ANY') })),
})
export type MeshConfig = ValueOf<typeof meshConfig>
