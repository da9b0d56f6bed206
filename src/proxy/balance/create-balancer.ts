// The selector that a trafficPolicy names.

import type { LoadBalancerSpec } from '../../rules/traffic-policy.ts'
import type { Balancer, Candidate } from './balancer.ts'
import { LeastRequest } from './least-request.ts'
import { Maglev } from './maglev.ts'
import { RandomChoice } from './random-choice.ts'
import { RingHash } from './ring-hash.ts'
import { RoundRobin } from './round-robin.ts'

/** @param random 0 to 1, 1 excluded */
export function createBalancer<E extends Candidate>(spec: LoadBalancerSpec, random: () => number): Balancer<E> {
  switch (spec.kind) {
    case 'RANDOM':
      return new RandomChoice(random)
    case 'ROUND_ROBIN':
      return new RoundRobin()
    case 'LEAST_REQUEST':
      return new LeastRequest(random)
    case 'CONSISTENT_HASH':
      return spec.ring.kind === 'maglev'
        ? new Maglev(spec.ring.tableSize, random)
        : new RingHash(spec.ring.minimumRingSize, random)
  }
}
