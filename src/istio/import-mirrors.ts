// Mirrors of a route as those of a service: where copies go is a service in a version here, which has to be among those that came along.

import type { Destination } from './model-shared.ts'
import type { HttpRoute } from './model-virtual-service.ts'

/** Service and version by the words that routes.yaml shares with Istio. */
export interface MirrorTarget {
  readonly host: string
  readonly subset: string
}

interface ImportedMirrors {
  readonly mirrors: readonly { readonly destination: MirrorTarget; readonly percentage: string }[]
  /** Hosts that are no service here, or say no version. */
  readonly lost: readonly string[]
}

/** `mirrors` of a service, whose routes lead to its versions. */
export function serviceMirrors(
  routes: readonly HttpRoute[],
  find: (destination: Destination) => MirrorTarget | undefined,
  say: (message: string) => void,
): { readonly mirrors?: ImportedMirrors['mirrors'] } {
  const forwarding = routes.filter(({ redirect, directResponse }) => (redirect ?? directResponse) === undefined)
  const all = forwarding.map((route) => importMirrors(route, find))
  for (const host of all.flatMap(({ lost }) => lost))
    say(`copies to ${host} are left out: it is no service in a version that came along`)
  const [first] = all
  if (first !== undefined && all.some(({ mirrors }) => JSON.stringify(mirrors) !== JSON.stringify(first.mirrors)))
    say('copies differ by version: those of the first route are taken')
  return first === undefined || first.mirrors.length === 0 ? {} : { mirrors: first.mirrors }
}

function importMirrors(
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
