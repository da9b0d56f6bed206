// VirtualServices whose rules hand on to others, made into one: each delegate's rule under the conditions of the root's, or not at all
// where the two contradict each other (Istio's mergeVirtualServicesIfNeeded).

import type { HttpMatchRequest, HttpRoute, StringMatch } from './model-virtual-service.ts'
import { fullGatewayName, isVisible } from './names.ts'
import type { Resource } from './resource.ts'

/** A rule with the namespace in which its names were written. */
export interface OwnedRoute {
  readonly route: HttpRoute
  readonly namespace: string
  /** `VirtualService namespace/name`. */
  readonly origin: string
}

/** The rules of a VirtualService in order, those of its delegates in their places. */
export function withDelegates(
  root: Resource<'VirtualService'>,
  all: readonly Resource<'VirtualService'>[],
): readonly OwnedRoute[] {
  const { namespace } = root.metadata
  return rulesOf(root).flatMap((rule) => {
    const { delegate } = rule.route
    if (delegate === undefined) return [rule]
    const wanted = delegate.namespace === undefined || delegate.namespace === '' ? namespace : delegate.namespace
    const found = all.find(
      ({ metadata, spec }) =>
        metadata.name === delegate.name &&
        metadata.namespace === wanted &&
        (spec.hosts ?? []).length === 0 &&
        isVisible(spec.exportTo, metadata.namespace, namespace),
    )
    if (found === undefined) return []
    return rulesOf(found).flatMap((inner) => {
      const route = mergeRoutes(rule.route, inner.route)
      return route === undefined ? [] : [{ ...inner, route }]
    })
  })
}

function rulesOf(resource: Resource<'VirtualService'>): readonly OwnedRoute[] {
  const { namespace, name } = resource.metadata
  return (resource.spec.http ?? []).map((route) => ({
    route: withFullGatewayNames(route, namespace),
    namespace,
    origin: `VirtualService ${namespace}/${name}`,
  }))
}

/** Where a name was written says what it means. Keeps objects as they are where nothing has to change: they know their place. */
function withFullGatewayNames(route: HttpRoute, namespace: string): HttpRoute {
  const { match = [] } = route
  if (!match.some(({ gateways = [] }) => gateways.length > 0)) return route
  const full = match.map((item) => {
    const { gateways = [] } = item
    return gateways.length === 0
      ? item
      : derived(item, { gateways: gateways.map((name) => fullGatewayName(name, namespace)) })
  })
  return derived(route, { match: full })
}

/** What was made of a value that was read, with the value it stands for in messages. */
const sources = new WeakMap<object, object>()

/** The value as it was read: the one whose place is known. */
export function asRead(value: object): object {
  const source = sources.get(value)
  return source === undefined ? value : asRead(source)
}

function derived<T extends object>(value: T, changes: Partial<T>): T {
  const changed = { ...value, ...changes }
  sources.set(changed, value)
  return changed
}

// --- one route under another -----------------------------------------------------------------------------------------------------------

/** Fields of the root's that hold where the delegate's rule says nothing; each as a whole. */
const inherited = [
  'rewrite',
  'directResponse',
  'timeout',
  'retries',
  'fault',
  'mirror',
  'mirrors',
  'mirrorPercent',
  'mirrorPercentage',
  'corsPolicy',
  'headers',
] as const

function mergeRoutes(root: HttpRoute, delegate: HttpRoute): HttpRoute | undefined {
  const match = mergeMatches(root.match ?? [], delegate.match ?? [])
  if (match === undefined) return undefined
  const changes: Record<string, unknown> = { match, name: joined(root.name, delegate.name) }
  for (const key of inherited) changes[key] = delegate[key] ?? root[key]
  return derived(delegate, changes as Partial<HttpRoute>)
}

function joined(root: string | undefined, delegate: string | undefined): string | undefined {
  if (delegate === undefined || delegate === '') return root
  return root === undefined || root === '' ? delegate : `${root}-${delegate}`
}

/** Every pair that agrees; undefined when one of the delegate's agrees with none. */
function mergeMatches(
  roots: readonly HttpMatchRequest[],
  delegates: readonly HttpMatchRequest[],
): readonly HttpMatchRequest[] | undefined {
  if (roots.length === 0) return delegates
  if (delegates.length === 0) return roots
  const merged: HttpMatchRequest[] = []
  for (const delegate of delegates) {
    const fitting = roots.filter((root) => !contradict(root, delegate))
    if (fitting.length === 0) return undefined
    merged.push(...fitting.map((root) => mergeMatch(root, delegate)))
  }
  return merged
}

function mergeMatch(root: HttpMatchRequest, delegate: HttpMatchRequest): HttpMatchRequest {
  const { gateways = [] } = delegate
  return derived(delegate, {
    name: joined(root.name, delegate.name),
    uri: delegate.uri ?? root.uri,
    scheme: delegate.scheme ?? root.scheme,
    method: delegate.method ?? root.method,
    authority: delegate.authority ?? root.authority,
    headers: mergeMaps(root.headers, delegate.headers),
    withoutHeaders: mergeMaps(root.withoutHeaders, delegate.withoutHeaders),
    queryParams: mergeMaps(root.queryParams, delegate.queryParams),
    sourceLabels: mergeMaps(root.sourceLabels, delegate.sourceLabels),
    port: delegate.port || root.port,
    gateways: gateways.length === 0 ? root.gateways : gateways,
    ignoreUriCase: delegate.ignoreUriCase,
    sourceNamespace: delegate.sourceNamespace || root.sourceNamespace,
  })
}

function mergeMaps<T>(
  root: ReadonlyMap<string, T> | undefined,
  delegate: ReadonlyMap<string, T> | undefined,
): ReadonlyMap<string, T> | undefined {
  if (root === undefined || delegate === undefined) return delegate ?? root
  return new Map([...root, ...delegate])
}

function contradict(root: HttpMatchRequest, leaf: HttpMatchRequest): boolean {
  for (const key of ['uri', 'scheme', 'method', 'authority'] as const) {
    if (stringsContradict(root[key], leaf[key])) return true
  }
  for (const key of ['headers', 'withoutHeaders', 'queryParams'] as const) {
    for (const [name, match] of leaf[key] ?? []) {
      if (stringsContradict(root[key]?.get(name) ?? undefined, match ?? undefined)) return true
    }
  }
  if ((root.ignoreUriCase ?? false) !== (leaf.ignoreUriCase ?? false)) return true
  if (root.port && leaf.port && root.port !== leaf.port) return true
  if (root.sourceNamespace && leaf.sourceNamespace !== root.sourceNamespace) return true
  for (const [name, value] of leaf.sourceLabels ?? []) {
    if (root.sourceLabels?.has(name) === true && root.sourceLabels.get(name) !== value) return true
  }
  const { gateways = [] } = root
  return gateways.length > 0 && (leaf.gateways ?? []).some((name) => !gateways.includes(name))
}

/** A leaf has to be at least as narrow as its root; what regular expressions have in common nobody can say. */
function stringsContradict(root: StringMatch | undefined, leaf: StringMatch | undefined): boolean {
  if (root === undefined || leaf === undefined) return false
  if (root.regex || leaf.regex) return says(root) && says(leaf)
  if (root.exact) return Boolean(leaf.prefix) || leaf.exact !== root.exact
  const text = leaf.prefix || leaf.exact
  return Boolean(root.prefix && text && !text.startsWith(root.prefix))
}

function says({ regex, prefix, exact }: StringMatch): boolean {
  return Boolean(regex || prefix || exact)
}
