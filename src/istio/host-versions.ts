// Services whose names tell versions of one service: `shop-primary` and `shop-canary`, `stable-svc` and `canary-svc`, as Flagger and Argo
// Rollouts write them where no DestinationRule has subsets. A name alone tells nothing; two of one stem that one VirtualService leads to do.

const versionWord = /^(?:primary|stable|canary|preview|active|baseline|experiment|blue|green|beta|v\d[a-z0-9]*)$/

export interface HostVersion {
  /** The host without its version. */
  readonly stem: string
  readonly version: string
}

/** @param hosts full names (`shop-canary.default.svc.cluster.local`); those that are no version are left out */
export function hostVersions(hosts: Iterable<string>): ReadonlyMap<string, HostVersion> {
  const found = [...new Set(hosts)].flatMap((host) => {
    const dot = host.indexOf('.')
    const [name, rest] = dot === -1 ? [host, ''] : [host.slice(0, dot), host.slice(dot)]
    const parts = name.split('-')
    const words = parts.filter((part) => versionWord.test(part))
    const [version] = words
    if (version === undefined || words.length > 1 || parts.length === 1) return []
    return [[host, { stem: `${parts.filter((part) => part !== version).join('-')}${rest}`, version }] as const]
  })
  const stems = Map.groupBy(found, ([, { stem }]) => stem)
  return new Map(found.filter(([, { stem }]) => (stems.get(stem) ?? []).length > 1))
}
