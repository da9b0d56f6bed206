// The share of each cluster that a manifest gives it, for requests that are repeated: of all routes the one that the measured counts fit.

import { fullHost } from '../../src/istio/names.ts'
import type { Manifests } from '../../src/istio/read-manifests.ts'
import type { Case, Verdict } from './case.ts'

type Shares = ReadonlyMap<string, number>

/** By cluster, '-' for answers that no cluster gave. */
export function sharesFor(of: Case, manifests: Manifests, verdict: Verdict): Shares {
  const measured = Object.entries(verdict.distribution ?? {})
  const total = measured.reduce((sum, [, count]) => sum + count, 0)
  let best: Shares | undefined
  let bestFit = -Infinity
  for (const shares of routesOf(of, manifests)) {
    const fit = likelihood(measured, shares)
    if (fit <= bestFit) continue
    best = shares
    bestFit = fit
  }
  return best ?? new Map(measured.map(([name, count]) => [name, count / total]))
}

/** Of the counts under these shares, as a logarithm; -Infinity when there is something that has no share. */
function likelihood(measured: readonly (readonly [name: string, count: number])[], shares: Shares): number {
  return measured.reduce((sum, [name, count]) => sum + count * Math.log(shares.get(name) ?? 0), 0)
}

function routesOf(of: Case, manifests: Manifests): readonly Shares[] {
  const services = manifests.resources.filter(({ kind }) => kind === 'VirtualService')
  return services.flatMap((service) => {
    const routes = (service.kind === 'VirtualService' && service.spec.http) || []
    return routes.map(({ route = [] }) => {
      const sum = route.reduce((total, { weight = 0 }) => total + weight, 0)
      const shares = new Map<string, number>()
      for (const { destination, weight = 0 } of route) {
        const host = fullHost(destination?.host ?? '', service.metadata.namespace)
        const name = clusterName(of, host, destination?.subset ?? '', destination?.port?.number)
        shares.set(name, (shares.get(name) ?? 0) + (route.length === 1 ? 1 : weight / sum))
      }
      return shares
    })
  })
}

/** Where no port is given any of that service will do: the corpus has services with one. */
function clusterName(of: Case, host: string, subset: string, port: number | undefined): string {
  const found = [...of.clusters.keys()].find((name) => {
    const [, ownPort, ownSubset, ownHost] = name.split('|')
    return ownHost === host && ownSubset === subset && (port === undefined || ownPort === String(port))
  })
  return found ?? '-'
}
