// What runs behind a service, as far as the manifests tell: endpoints with labels, pods, and the pods that a workload makes.

import type { Place } from '../rules/types.ts'
import { every, type KnownService, withoutNulls } from './analysis.ts'
import type { Manifests } from './read-manifests.ts'
import type { AnyResource } from './resource.ts'

export interface Workload {
  readonly resource: AnyResource
  readonly namespace: string
  readonly labels: ReadonlyMap<string, string>
  readonly images: readonly { readonly image: string; readonly place: Place }[]
  /** Given inside a ServiceEntry: it belongs to that one alone. */
  readonly entry: AnyResource | undefined
}

const templates = ['Deployment', 'StatefulSet', 'ReplicaSet', 'DaemonSet'] as const

export function workloadsOf(manifests: Manifests): readonly Workload[] {
  const found: Workload[] = []
  const add = (
    resource: AnyResource,
    labels: ReadonlyMap<string, string | null> | undefined,
    more: Partial<Workload> = {},
  ): void => {
    const { namespace } = resource.metadata
    found.push({ resource, namespace, labels: withoutNulls(labels), images: [], entry: undefined, ...more })
  }
  for (const kind of templates) {
    for (const workload of every(manifests, kind)) {
      const template = workload.spec.template
      add(workload as AnyResource, template?.metadata?.labels, {
        images: imagesOf(template?.spec?.containers, manifests),
      })
    }
  }
  for (const pod of every(manifests, 'Pod')) {
    add(pod as AnyResource, pod.metadata.labels, { images: imagesOf(pod.spec.containers, manifests) })
  }
  for (const entry of every(manifests, 'WorkloadEntry')) add(entry as AnyResource, entry.spec.labels)
  for (const entry of every(manifests, 'ServiceEntry')) {
    for (const endpoint of entry.spec.endpoints ?? [])
      add(entry as AnyResource, endpoint.labels, { entry: entry as AnyResource })
  }
  return found
}

/** The workloads of one service; none when the manifests do not say what is behind it. */
export function workloadsBehind(service: KnownService, workloads: readonly Workload[]): readonly Workload[] {
  const { selector, resource } = service
  if (resource.kind === 'ServiceEntry' && (resource.spec.endpoints ?? []).length > 0) {
    return workloads.filter(({ entry }) => entry === resource)
  }
  if (selector === undefined || selector.size === 0) return []
  return workloads.filter(
    (workload) =>
      workload.entry === undefined && workload.namespace === service.namespace && hasLabels(workload.labels, selector),
  )
}

export function hasLabels(labels: ReadonlyMap<string, string>, wanted: ReadonlyMap<string, string>): boolean {
  return [...wanted].every(([key, value]) => labels.get(key) === value)
}

type Containers = readonly { readonly image?: string | undefined }[] | undefined

function imagesOf(containers: Containers, { origins }: Manifests): Workload['images'] {
  return (containers ?? []).flatMap((container) =>
    container.image === undefined ? [] : [{ image: container.image, place: origins.place(container, 'image') }],
  )
}
