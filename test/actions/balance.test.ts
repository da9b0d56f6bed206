// Balancers by what they promise: whom they choose, how even, and who moves when an endpoint leaves.

import { describe, expect, it } from 'vitest'
import type { Balancer } from '../../src/proxy/balance/balancer.ts'
import { createBalancer } from '../../src/proxy/balance/create-balancer.ts'
import { hash32 } from '../../src/proxy/balance/hash32.ts'
import type { LoadBalancerSpec } from '../../src/rules/traffic-policy.ts'

interface Peer {
  readonly label: string
  readonly weight: number
  inFlight: number
}

const peers = (count: number, weight: (at: number) => number = () => 1): Peer[] =>
  Array.from({ length: count }, (_, i) => ({ label: `10.0.0.${i + 1}:8080`, weight: weight(i), inFlight: 0 }))

const key = { kind: 'sourceIp' } as const
const specs = {
  leastRequest: { kind: 'LEAST_REQUEST' },
  roundRobin: { kind: 'ROUND_ROBIN' },
  random: { kind: 'RANDOM' },
  ringHash: { kind: 'CONSISTENT_HASH', key, ring: { kind: 'ringHash', minimumRingSize: 1024 } },
  maglev: { kind: 'CONSISTENT_HASH', key, ring: { kind: 'maglev', tableSize: 65_537 } },
} as const satisfies Record<string, LoadBalancerSpec>

/** A generator of its own for each test, so that a failure comes again. */
function chance(seed = 1): () => number {
  let state = seed
  return () => hash32(String(state++)) / 2 ** 32
}

function balancer(spec: LoadBalancerSpec, list: readonly Peer[]): Balancer<Peer> {
  const made = createBalancer<Peer>(spec, chance())
  made.replace(list)
  return made
}

const any = (_peer: Peer): boolean => true
const weightOf = ({ weight }: Peer): number => weight

function counts(made: Balancer<Peer>, times: number, hash?: (i: number) => number, accepts = any): Map<string, number> {
  const found = new Map<string, number>()
  for (let i = 0; i < times; i++) {
    const { label } = made.choose(accepts, hash?.(i), weightOf)!
    found.set(label, (found.get(label) ?? 0) + 1)
  }
  return found
}

const hashOf = (i: number): number => hash32(`visitor ${i}`)
const all = Object.entries(specs)
const hashing = all.filter(([, spec]) => spec.kind === 'CONSISTENT_HASH')

describe.each(all)('%s', (_name, spec) => {
  it('spreads by weight', () => {
    const list = peers(4, (at) => at + 1)
    const found = counts(balancer(spec, list), 20_000, hashOf)
    for (const { label, weight } of list) {
      const share = (found.get(label) ?? 0) / 20_000
      // Few places on a ring make it uneven: with 1024, a fifth more or less is usual.
      expect(Math.abs(share - weight / 10)).toBeLessThan(0.05)
    }
  })

  it('chooses none that is not accepted, and nobody when nobody is', () => {
    const list = peers(5)
    const accepts = ({ label }: Peer): boolean => label.endsWith('.3:8080')
    expect([...counts(balancer(spec, list), 200, hashOf, accepts).keys()]).toEqual(['10.0.0.3:8080'])
    expect(balancer(spec, list).choose(() => false, 7, weightOf)).toBeUndefined()
    expect(balancer(spec, []).choose(any, 7, weightOf)).toBeUndefined()
  })

  it('chooses among all where there is no hash', () => {
    expect(counts(balancer(spec, peers(4)), 400).size).toBe(4)
  })
})

describe.each(hashing)('%s', (name, spec) => {
  it('sends equal requests to one endpoint, whatever the order of the list', () => {
    const list = peers(7)
    const [one, other] = [balancer(spec, list), balancer(spec, list.toReversed())]
    for (let i = 0; i < 500; i++) {
      expect(one.choose(any, hashOf(i), weightOf)).toBe(other.choose(any, hashOf(i), weightOf))
    }
  })

  it.each([
    ['leaves', true],
    ['is out', false],
  ])('moves nobody else, or few, when an endpoint %s', (_what, leaves) => {
    const list = peers(10)
    const gone = list[3]!
    const before = balancer(spec, list)
    const after = leaves
      ? balancer(
          spec,
          list.filter((peer) => peer !== gone),
        )
      : before
    const accepts = (peer: Peer): boolean => peer !== gone
    let moved = 0
    let atHome = 0
    for (let i = 0; i < 5000; i++) {
      const home = before.choose(any, hashOf(i), weightOf)!
      const now = after.choose(accepts, hashOf(i), weightOf)!
      expect(now).not.toBe(gone)
      if (home === gone) atHome++
      else if (now !== home) moved++
    }
    expect(atHome).toBeGreaterThan(250)
    // A ring moves nobody but the visitors of the one that left; Maglev's table moves a few others.
    expect(moved).toBeLessThanOrEqual(name === 'maglev' && leaves ? 250 : 0)
  })

  it('spreads the visitors of an endpoint that is out over all the others', () => {
    const list = peers(5)
    const made = balancer(spec, list)
    const homeless = Array.from({ length: 5000 }, (_, i) => hashOf(i)).filter(
      (hash) => made.choose(any, hash, weightOf) === list[0],
    )
    const heirs = new Set(homeless.map((hash) => made.choose((peer) => peer !== list[0], hash, weightOf)))
    expect(heirs.size).toBe(4)
  })
})

describe('maglev', () => {
  it('is even: no endpoint has a hundredth more than another', () => {
    const found = counts(balancer(specs.maglev, peers(10)), 100_000, (i) => i)
    const sorted = [...found.values()].toSorted((a, b) => a - b)
    expect(sorted.at(-1)! / sorted[0]!).toBeLessThan(1.02)
  })
})

describe('roundRobin', () => {
  it('takes turns, those of more weight more often but not in runs', () => {
    const made = balancer(
      specs.roundRobin,
      peers(3, (at) => (at === 0 ? 2 : 1)),
    )
    const turns = Array.from({ length: 8 }, () => made.choose(any, undefined, weightOf)!.label.slice(7, 8)).join('')
    expect(turns).toBe('12311231')
  })

  it('goes on where it was when an endpoint comes', () => {
    const list = peers(3)
    const made = balancer(specs.roundRobin, list.slice(0, 2))
    expect(made.choose(any, undefined, weightOf)).toBe(list[0])
    made.replace(list)
    expect(made.choose(any, undefined, weightOf)).toBe(list[1])
  })
})

describe('leastRequest', () => {
  it('prefers the one with fewer requests in flight for its weight', () => {
    const [busy, idle] = peers(2, (at) => at + 1) as [Peer, Peer]
    busy.inFlight = 1
    const made = balancer(specs.leastRequest, [busy, idle])
    expect(counts(made, 100)).toEqual(new Map([[idle.label, 100]]))
    idle.inFlight = 5
    expect(counts(made, 100)).toEqual(new Map([[busy.label, 100]]))
  })
})
