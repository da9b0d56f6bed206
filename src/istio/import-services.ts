// What a route does and where it leads, as a service of routes.yaml and its pools: actions word for word, endpoints as URLs.

import { withPort } from '../rules/authority.ts'
import type { Place } from '../rules/types.ts'
import { every, fqdnOf, ServiceLookUp, withoutNulls } from './analysis.ts'
import { importHeaders, levelsOf } from './import-headers.ts'
import { actionWords, policyWords } from './import-words.ts'
import type { Destination } from './model-shared.ts'
import { trafficPolicy } from './model-destination-rule.ts'
import { type HttpRoute, httpRoute } from './model-virtual-service.ts'
import { type Plain, plainMessage } from './plain-values.ts'
import type { Manifests } from './read-manifests.ts'
import { hasLabels } from './workloads.ts'

type Say = (place: Place, code: string, message: string) => void
type Body = Readonly<Record<string, Plain>>

/** The actions of a route as a service has them, for each version the same: values that name the version say %VERSION%. */
export function serviceBody(
  routes: readonly { readonly route: HttpRoute; readonly version: string }[],
  header: string,
): Body | undefined {
  const bodies = routes.map(({ route }) => actionsOf(route, header))
  const [first] = bodies
  if (first === undefined || bodies.every((body) => same(body, first))) return first
  const templates = bodies.map((body, index) => withTemplate(body, (routes[index] as { version: string }).version))
  return templates.every((body) => same(body, templates[0] as Body)) ? templates[0] : undefined
}

/** What routes of one service do each in its own way. */
export function differing(
  routes: readonly { readonly route: HttpRoute; readonly version: string }[],
  header: string,
): readonly string[] {
  const bodies = routes.map(({ route, version }) => withTemplate(actionsOf(route, header), version))
  const keys = new Set(bodies.flatMap((body) => Object.keys(body)))
  return [...keys].filter((key) => new Set(bodies.map((body) => JSON.stringify(body[key]))).size > 1)
}

/** Text that tells services of one host apart, without what differs by version. */
export function actionKey(route: HttpRoute, version: string, header: string): string {
  return JSON.stringify(withTemplate(actionsOf(route, header), version))
}

const answering = ['redirect', 'directResponse'] as const
const carried = ['rewrite', 'redirect', 'directResponse', 'timeout', 'retries', 'fault', 'corsPolicy'] as const

function actionsOf(route: HttpRoute, header: string): Body {
  const whole = plainMessage(httpRoute, route)
  const body: Record<string, Plain> = {}
  // What a root hands on to its delegates may stand beside an answer, where it does nothing.
  const isAnswer = whole['redirect'] !== undefined || whole['directResponse'] !== undefined
  for (const key of isAnswer ? answering : carried) if (whole[key] !== undefined) body[key] = whole[key] as Plain
  const { headers, authority } = importHeaders(levelsOf(route), header)
  if (headers !== undefined) body['headers'] = headers
  if (authority !== undefined && !isAnswer) body['rewrite'] = { authority, ...(body['rewrite'] as Body | undefined) }
  return actionWords(body)
}

function withTemplate(body: Body, version: string): Body {
  const { headers, ...rest } = body
  if (headers === undefined) return body
  const fill = (value: Plain): Plain => {
    if (typeof value === 'string') return replaceWord(value, version, '%VERSION%')
    if (Array.isArray(value) || typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([key, held]) => [key, fill(held)]))
  }
  return { ...rest, headers: fill(headers) }
}

/** Where the word stands alone: `v1` is no part of `v1.2` or `rev1`. */
function replaceWord(text: string, word: string, by: string): string {
  const parts = text.split(word)
  let result = parts[0] as string
  for (const part of parts.slice(1)) result += (/[\w.-]$/.test(result) || /^[\w.-]/.test(part) ? word : by) + part
  return result
}

function same(a: Body, b: Body): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

// --- pools -----------------------------------------------------------------------------------------------------------------------------------

/** By which a pod of the cluster reaches it; a subset has to have a Service of its own there. */
function serviceName(host: string, subset: string, namespace: string): string {
  const [name, ofHost] = /^([^.]+)\.([^.]+)\.svc\./.exec(host)?.slice(1) ?? [host, host.includes('.') ? '' : namespace]
  if (subset !== '') return `${name}-${subset}${ofHost === '' ? '' : `.${ofHost}`}`
  // A short name is one of the namespace it was written in; who reads routes.yaml may be in another.
  return host.includes('.') ? host : `${host}.${namespace}`
}

export class PoolReader {
  readonly #manifests: Manifests
  readonly #services: ServiceLookUp
  readonly #say: Say

  constructor(manifests: Manifests, say: Say) {
    this.#manifests = manifests
    this.#services = new ServiceLookUp(manifests)
    this.#say = say
  }

  /** The version that a subset stands for: its label, else its name. */
  versionOf(destination: Destination, namespace: string): string | undefined {
    const { subset = '' } = destination
    return subset === '' ? undefined : (this.#subset(destination, namespace)?.labels?.get('version') ?? subset)
  }

  /** URLs of the endpoints. */
  urls(destination: Destination, namespace: string, place: Place): readonly string[] {
    const { host = '', subset = '', port } = destination
    const service = this.#services.find(host, namespace)
    const labels = withoutNulls(this.#subset(destination, namespace)?.labels)
    const number = port?.number ?? service?.ports[0] ?? 80
    const scheme = this.#isSecure(destination, namespace) ? 'https' : 'http'
    if (service === undefined || service.resource.kind === 'Service') {
      const name = serviceName(host, subset, service?.namespace ?? namespace)
      if (service === undefined) {
        const message = `host ${host} is no service among these files: ${scheme}://${name}:${number} is what its name and the route say`
        this.#say(place, 'import-pool', message)
      } else if (subset !== '') {
        const message = `pods have no address that a file could name: ${scheme}://${name}:${number} needs a Service ${name} that selects ${[...labels].map(([key, value]) => `${key}: ${value}`).join(', ')}`
        this.#say(place, 'import-pool', message)
      }
      return [`${scheme}://${name}:${number}`]
    }
    const { ports = [], endpoints = [], hosts = [] } = service.resource.spec
    const own = ports.find((one) => one.number === number)
    const chosen = endpoints.filter((endpoint) => hasLabels(withoutNulls(endpoint.labels), labels))
    if (endpoints.length === 0) return [`${scheme}://${hosts[0]}:${number}`]
    return chosen.map((endpoint) => {
      const address = endpoint.address ?? ''
      const at = endpoint.ports?.get(own?.name ?? '') ?? own?.targetPort ?? number
      return `${scheme}://${withPort(address, at)}`
    })
  }

  /** trafficPolicy of the rule, as a service has it. */
  policy(destination: Destination, namespace: string): Plain | undefined {
    const { trafficPolicy: policy, subsets = [] } = this.#rule(destination.host ?? '', namespace)?.spec ?? {}
    for (const subset of subsets) {
      const { tls: _, ...own } = subset.trafficPolicy ?? {}
      if (Object.values(own).every((value) => value === undefined)) continue
      const message = `trafficPolicy of subset ${subset.name} is left out: a service has one policy for all versions`
      this.#say(this.#manifests.origins.place(subset, 'trafficPolicy'), 'import-policy', message)
    }
    if (policy === undefined) return undefined
    const { tls, portLevelSettings, ...rest } = plainMessage(trafficPolicy, policy) as Record<string, Plain>
    const place = this.#manifests.origins.place(policy)
    if (portLevelSettings !== undefined)
      this.#say(place, 'import-policy', 'portLevelSettings are left out: a pool has one port')
    if (tls !== undefined)
      this.#say(
        place,
        'import-policy',
        'tls of the trafficPolicy: https URLs are written; name certificates under trafficPolicy.tls yourself',
      )
    return policyWords(rest)
  }

  /** Versions that a host has subsets for. */
  subsets(host: string, namespace: string): readonly { readonly version: string; readonly subset: string }[] {
    const rule = this.#rule(host, namespace)
    return (rule?.spec.subsets ?? []).map(({ name = '', labels }) => ({
      version: labels?.get('version') ?? name,
      subset: name,
    }))
  }

  #isSecure(destination: Destination, namespace: string): boolean {
    const mode =
      this.#subset(destination, namespace)?.trafficPolicy?.tls?.mode ??
      this.#rule(destination.host ?? '', namespace)?.spec.trafficPolicy?.tls?.mode
    return mode === 'SIMPLE' || mode === 'MUTUAL'
  }

  #subset(destination: Destination, namespace: string) {
    return this.#rule(destination.host ?? '', namespace)?.spec.subsets?.find(({ name }) => name === destination.subset)
  }

  #rule(host: string, namespace: string) {
    const fqdn = fqdnOf(host, namespace)
    return every(this.#manifests, 'DestinationRule').find(
      ({ spec, metadata }) => fqdnOf(spec.host ?? '', metadata.namespace) === fqdn,
    )
  }
}
