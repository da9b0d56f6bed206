// Where being different from Envoy is right, with the reason. At most five, and none that a request could be harmed by.

import type { Verdict } from './case.ts'

export interface Deviation {
  readonly name: string
  readonly reason: string
  readonly concerns: (verdict: Verdict) => boolean
}

export const deviations: readonly Deviation[] = [
  {
    name: 'PassthroughCluster',
    reason:
      'a sidecar passes calls to hosts unknown to the mesh on to the address that the caller had connected to; who connects to an internal ' +
      'listener has named no other address, and passing on by Host would make an open proxy: 502, EDGE_PASSTHROUGH',
    concerns: ({ upstream, distribution = {} }) =>
      upstream?.cluster === 'PassthroughCluster' || Object.keys(distribution).includes('PassthroughCluster'),
  },
]
