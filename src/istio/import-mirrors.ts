// Mirrors of a route as those of a service: where copies go is a service in a version here, which has to be among those that came along.

import type { Destination } from './model-shared.ts'
import type { HttpRoute } from './model-virtual-service.ts'

/** Service and version by the words that routes.yaml shares with Istio. */
export interface MirrorTarget {
  readonly host: string
  readonly subset: string
}

export interface ImportedMirrors {
  readonly mirrors: readonly { readonly destination: MirrorTarget; readonly percentage: string }[]
  /** Hosts that are no service here, or say no version. */
  readonly lost: readonly string[]
}

export function importMirrors(
  { mirror, mirrorPercentage, mirrorPercent, mirrors = [] }: HttpRoute,
  find: (destination: Destination) => MirrorTarget | undefined,
): ImportedMirrors {
  const single = { destination: mirror, percentage: mirrorPercentage ?? { value: mirrorPercent ?? 100 } }
  // Istio looks at `mirrors` only where there is no `mirror`.
  const found = (mirror === undefined ? mirrors : [single]).map(
    ({ destination = {}, percentage = { value: 100 } }) => ({
      host: destination.host ?? '',
      target: find(destination),
      percentage: `${percentage.value ?? 0}%`,
    }),
  )
  return {
    mirrors: found.flatMap(({ target, percentage }) =>
      target === undefined ? [] : [{ destination: target, percentage }],
    ),
    lost: found.flatMap(({ host, target }) => (target === undefined ? [host] : [])),
  }
}
