// What runs and under which names: images that are one for all versions, placeholders that were never filled in, Services that let
// traffic in past the gateway.

import { every, ServiceLookUp, withoutNulls } from './analysis.ts'
import type { SayLint } from './lint-release.ts'
import type { Manifests } from './read-manifests.ts'
import type { AnyResource } from './resource.ts'
import { type Workload, workloadsOf } from './workloads.ts'

export function lintWorkloads(manifests: Manifests, say: SayLint): void {
  lintImages(workloadsOf(manifests), say)
  lintHosts(manifests, say)
  lintServiceTypes(manifests, say)
}

// --- images ----------------------------------------------------------------------------------------------------------------------------------

function lintImages(workloads: readonly Workload[], say: SayLint): void {
  const first = new Map<string, Workload>()
  for (const workload of workloads) {
    for (const { image, place } of workload.images) {
      if (isPlaceholder(image))
        say(workload.resource, place, 'GL006', `image ${image} is a placeholder: write the name of the image`)
      const app = workload.labels.get('app') ?? workload.labels.get('app.kubernetes.io/name')
      const version = workload.labels.get('version')
      if (app === undefined || version === undefined) continue
      const key = `${workload.namespace}/${app} ${image}`
      const before = first.get(key)
      const other = before?.labels.get('version')
      if (other !== undefined && other !== version) {
        const latest = /^[^:]+$|:latest$/.test(image.slice(image.lastIndexOf('/') + 1))
        const why = latest ? 'whatever the tag points to when a pod starts' : 'the same build'
        const message = `${app} ${version} runs the image of ${other}, ${image}: ${why}; give each version a tag of its own (${imageName(image)}:${version})`
        say(workload.resource, place, 'GL004', message)
      }
      if (before === undefined) first.set(key, workload)
    }
  }
}

function imageName(image: string): string {
  return image.replace(/:[^:/]*$/, '')
}

// --- hosts -----------------------------------------------------------------------------------------------------------------------------------

function lintHosts(manifests: Manifests, say: SayLint): void {
  for (const resource of every(manifests, 'VirtualService')) {
    const { hosts = [] } = resource.spec
    for (const [index, host] of hosts.entries()) {
      if (!isPlaceholder(host)) continue
      const message = `host ${JSON.stringify(host)} is a placeholder: write the domain that browsers ask for, as in shop.example.com`
      say(resource as AnyResource, manifests.origins.place(hosts, index), 'GL005', message)
    }
  }
}

/** Letters that no host and no image has, and words that stand for something else. */
function isPlaceholder(text: string): boolean {
  return /[^\x20-\x7e]|[<>{}$]|\b(?:your|my)[-_.]?(?:domain|host|company|image|registry)|change-?me|placeholder|\btodo\b|xxx/i.test(
    text,
  )
}

// --- ways past the gateway -----------------------------------------------------------------------------------------------------------------------

function lintServiceTypes(manifests: Manifests, say: SayLint): void {
  const services = new ServiceLookUp(manifests)
  const routed = new Set<unknown>()
  for (const { metadata, spec } of every(manifests, 'VirtualService')) {
    for (const { destination } of (spec.http ?? []).flatMap((route) => route.route ?? [])) {
      routed.add(services.find(destination?.host ?? '', metadata.namespace)?.resource)
    }
  }
  for (const { metadata, spec } of every(manifests, 'DestinationRule')) {
    routed.add(services.find(spec.host ?? '', metadata.namespace)?.resource)
  }
  for (const service of every(manifests, 'Service')) {
    const { type, selector } = service.spec
    const isGateway = withoutNulls(selector).has('istio')
    if (!routed.has(service) || isGateway || (type !== 'NodePort' && type !== 'LoadBalancer')) continue
    const message = `type ${type} lets traffic in past the gateway, where no rule is asked: ${service.metadata.name} is routed by version, so write type: ClusterIP`
    say(service as AnyResource, manifests.origins.place(service.spec, 'type'), 'GL012', message)
  }
}
