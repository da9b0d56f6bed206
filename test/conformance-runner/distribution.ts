// Repeated requests: counts by cluster against the weights, and what has to be the same every time.

import type { Case, CaseRequest, Verdict } from './case.ts'
import { clusterOf, type Observed, separate } from './compare.ts'

/** @param weights share of each cluster by the manifest, 0 to 1; '-' for answers without one */
export function compareDistribution(
  of: Case,
  request: CaseRequest,
  verdict: Verdict,
  observed: readonly Observed[],
  withLateMirrors: readonly Observed[],
  weights: ReadonlyMap<string, number>,
): readonly string[] {
  const differences: string[] = []
  const count = request.repeat ?? observed.length
  const clusters = countBy(observed, ({ received }) => clusterOf(of, verdict, separate(received).main.at(-1)) ?? '-')
  differences.push(...outOfBounds('cluster', clusters, weights, count))
  const endpoints = countBy(observed, ({ received }) => separate(received).main.at(-1)?.endpoint ?? '')
  if (Object.keys(verdict.endpointDistribution ?? {}).length === 1 && clusters.size === 1 && count > 1) {
    // Consistent hashing, or one endpoint: equal requests go to one.
    const [name] = clusters.keys()
    if (endpoints.size !== 1) differences.push(`endpoints of ${name}: ${show(endpoints)}, Envoy sent all to one`)
  }
  const statuses = new Set(Object.keys(verdict.statusDistribution ?? {}))
  const ours = countBy(observed, ({ answer }) => String(answer.status))
  for (const status of ours.keys())
    if (!statuses.has(status)) differences.push(`status ${status}, Envoy ${[...statuses].join(', ')}`)
  differences.push(...mirrorDifferences(of, verdict, withLateMirrors, count))
  return differences
}

function outOfBounds(
  what: string,
  counts: ReadonlyMap<string, number>,
  shares: ReadonlyMap<string, number>,
  count: number,
): readonly string[] {
  const names = new Set([...counts.keys(), ...shares.keys()])
  return [...names].flatMap((name) => {
    const share = shares.get(name) ?? 0
    const ours = counts.get(name) ?? 0
    const tolerance = share === 0 || share === 1 ? 0 : 4 * Math.sqrt(count * share * (1 - share)) + 1
    return Math.abs(ours - count * share) <= tolerance ? [] : [`${what} ${name}: ${ours} of ${count}, weight ${share}`]
  })
}

/** Mirror percentages are those that were measured, which were 0 or 100 wherever a cluster got none or all. */
function mirrorDifferences(
  of: Case,
  verdict: Verdict,
  observed: readonly Observed[],
  count: number,
): readonly string[] {
  const theirs = new Map(Object.entries(verdict.mirrorDistribution ?? {}))
  const mirrors = observed.flatMap(({ received }) => separate(received).mirrors)
  const ours = countBy(mirrors, ({ endpoint }) => {
    return [...theirs.keys()].find((name) => of.clusters.get(name)?.includes(endpoint)) ?? endpoint
  })
  return [...new Set([...ours.keys(), ...theirs.keys()])].flatMap((name) => {
    const share = (theirs.get(name) ?? 0) / count
    const got = ours.get(name) ?? 0
    // Two samples of one share: their difference spreads wider than one of them.
    const tolerance = share === 0 || share === 1 ? 0 : 4 * Math.sqrt(2 * count * share * (1 - share)) + 1
    return Math.abs(got - count * share) <= tolerance
      ? []
      : [`mirrors to ${name}: ${got} of ${count}, Envoy ${count * share}`]
  })
}

function countBy<T>(list: readonly T[], key: (one: T) => string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>()
  for (const one of list) counts.set(key(one), (counts.get(key(one)) ?? 0) + 1)
  return counts
}

function show(counts: ReadonlyMap<string, number>): string {
  return [...counts].map(([name, count]) => `${name} ${count}`).join(', ')
}
