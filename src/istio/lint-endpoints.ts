// Destinations that nothing stands behind, as far as the files tell: Envoy and this edge answer 503 for them.

import { every, fqdnOf, isAtGateway, isInMesh, type LintProblem } from './analysis.ts'
import { Clusters } from './clusters.ts'
import { collectDestinationRules } from './destination-rules.ts'
import { gatewayNamespace } from './gateway-listeners.ts'
import type { SayLint } from './lint-release.ts'
import type { Destination } from './model-shared.ts'
import type { Manifests } from './read-manifests.ts'
import type { AnyResource, Resource } from './resource.ts'
import { collectServices } from './services.ts'

/** @param known what istioctl's analysis found: a subset without pods (IST0173) is not told twice */
export function lintEndpoints(manifests: Manifests, known: readonly LintProblem[], say: SayLint): void {
  const services = collectServices(manifests)
  // Manifests that tell of nothing that runs are meant for a cluster, which knows: that is no mistake.
  const saysWhatRuns = services.all.some(({ ports }) => ports.some(({ endpoints }) => endpoints.length > 0))
  const rules = collectDestinationRules(manifests)
  const seenBy = (namespace: string): Clusters =>
    new Clusters(services, rules, namespace, { pem: () => undefined, resolve: new Map(), known: new Map() })
  const told = new Set<string>()
  for (const resource of every(manifests, 'VirtualService')) {
    const { namespace } = resource.metadata
    const callers = seenBy(isAtGateway(resource.spec) && !isInMesh(resource.spec) ? gatewayNamespace : namespace)
    for (const destination of destinationsOf(resource)) {
      const cluster = callers.find(destination, namespace, 0)
      // What is not there at all, the analysis has said.
      if (cluster === undefined || cluster.pool.upstreams.length > 0 || told.has(cluster.pool.key)) continue
      told.add(cluster.pool.key)
      if (isSaid(destination, namespace, manifests, known)) continue
      const { host = '', subset = '' } = destination
      const what = subset === '' ? host : `subset ${subset} of ${host}`
      const place = manifests.origins.place(destination, subset === '' ? 'host' : 'subset')
      if (saysWhatRuns) {
        const message = `${what} has no endpoint: none of the pods, WorkloadEntries and endpoints in these files is behind it, so its requests get 503`
        say(resource as AnyResource, place, 'GL017', message)
      } else {
        const message = `nothing in these files says what runs behind ${what}, or behind any service: where they are all there is, requests get 503`
        return say(resource as AnyResource, place, 'GL018', message)
      }
    }
  }
}

/** Those that requests go to; what only gets copies or none is left out. */
function destinationsOf({ spec }: Resource<'VirtualService'>): readonly Destination[] {
  return (spec.http ?? []).flatMap(({ route = [] }) =>
    route.flatMap(({ destination, weight = 0 }) =>
      destination !== undefined && (weight > 0 || route.length === 1) ? [destination] : [],
    ),
  )
}

function isSaid(
  { host = '', subset = '' }: Destination,
  namespace: string,
  manifests: Manifests,
  known: readonly LintProblem[],
): boolean {
  const places = every(manifests, 'DestinationRule')
    .filter(({ spec, metadata }) => fqdnOf(spec.host ?? '', metadata.namespace) === fqdnOf(host, namespace))
    .flatMap(({ spec }) => (spec.subsets ?? []).filter(({ name }) => name === subset))
    .map((one) => manifests.origins.place(one, 'labels'))
  return known.some(
    ({ code, file, line, column }) =>
      code === 'IST0173' &&
      places.some((place) => place.file === file && place.line === line && place.column === column),
  )
}
