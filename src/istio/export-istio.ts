// routes.yaml as manifests of Istio: a Gateway, for each release a VirtualService at it, for each service a ServiceEntry, a
// DestinationRule and a VirtualService in the mesh that keeps its callers on their own version. Never drops a thing without saying so.

import type { Configuration } from '../config/configuration.ts'
import type { Problem } from '../config/problem.ts'
import type { ReleaseSpec, ServiceSpec } from '../rules/release.ts'
import { compilePools } from '../rules/version-pools.ts'
import { type EdgeRoute, planEdgeRoutes, type Target } from './edge-routes.ts'
import { istioActions } from './export-actions.ts'
import { istioMatch } from './export-match.ts'
import { DnsNames, labelValue } from './export-names.ts'
import { covers } from './names.ts'
import { destinationRule, serviceEntry, servicePort } from './export-services.ts'
import { Commented, writeYaml } from './write-yaml.ts'

export interface Exported {
  readonly text: string
  /** What could not be expressed, or means less than it did; each with its place. */
  readonly omissions: readonly Problem[]
}

export interface IstioExportOptions {
  /** Of all manifests. */
  readonly namespace: string
}

const apiVersion = 'networking.istio.io/v1'

/** On the Gateway: `trust` and `path` of routes.yaml, and the header of its pins, as JSON. */
export const settingsAnnotation = 'graylane/settings'

/** On the VirtualService at the gateway: names of the services in their order, which no route that leaves some out can tell. */
export const servicesAnnotation = 'graylane/services'

export function exportIstio(configuration: Configuration, { namespace }: IstioExportOptions): Exported {
  const omissions: Problem[] = [...generalOmissions(configuration)]
  const name = new DnsNames().of(`${configuration.releases[0]?.name ?? 'graylane'}-gateway`)
  const gateway = gatewayDocument(name, namespace, configuration, omissions)
  const first = new Commented(headLines(configuration, omissions), gateway)
  const names = new DnsNames()
  const releases = configuration.releases.flatMap((release) => {
    const exporter = new ReleaseExport(configuration, release, namespace, names)
    const documents = exporter.documents(name)
    omissions.push(...exporter.omissions)
    return documents
  })
  return { text: writeYaml([first, ...releases]), omissions }
}

// --- the whole file ----------------------------------------------------------------------------------------------------------------------

/** Said of every file: nothing that its author could change. */
export const ofEveryFile: ReadonlySet<string> = new Set(['pin', 'document', 'unavailable'])

/** What no manifest can say, whatever the rules are. */
function generalOmissions({ releases, listen, trust, file }: Configuration): readonly Problem[] {
  const found: Problem[] = []
  const place = releases[0]?.place ?? { file, line: 1, column: 1 }
  const say = (code: string, message: string, at = place): void => {
    const severity = ofEveryFile.has(code) ? 'info' : 'warning'
    found.push({ ...at, severity, code: `export-${code}`, message })
  }
  say('pin', 'pins are not expressed: the mesh keeps nobody on a version, each request is decided by the rules anew')
  say(
    'document',
    'documents, subresources and preflights are not told apart: a page that is open follows the rules of the moment, not its own version, and so does a preflight, which is stable here',
  )
  say('unavailable', 'a version with an unavailable pool answers 503: the mesh moves no visit to stable as a whole')
  if (trust.header !== undefined)
    say('trust', `trust.header: ${trust.header} is matched as it comes: only your CDN may reach the gateway`)
  for (const listener of listen) {
    if (listener.internal && listener.from.length > 0)
      say('from', 'from of an internal listener is not expressed: write an AuthorizationPolicy', listener.place)
  }
  return found
}

/** What applies to the whole file, as a comment above it. */
function headLines({ trust, path, file }: Configuration, omissions: readonly Problem[]): readonly string[] {
  return [
    `Made by graylane export istio from ${file}. The mesh needs in its MeshConfig:`,
    'meshConfig:',
    ...(trust.hops === undefined ? [] : [`  defaultConfig: { gatewayTopology: { numTrustedProxies: ${trust.hops} } }`]),
    `  pathNormalization: { normalization: ${path === 'strict' ? 'MERGE_SLASHES' : path} }`,
    'Not expressed:',
    ...omissions.map(({ message }) => `- ${message}`),
    'What is left out of single rules stands beside them.',
  ]
}

function gatewayDocument(
  name: string,
  namespace: string,
  { listen, releases, trust, path }: Configuration,
  omissions: Problem[],
): object {
  const edges = listen.filter((listener) => !listener.internal)
  const hosts = widest(releases.flatMap((release) => release.hosts))
  const settings = { trust, path, header: releases[0]?.pin.header }
  const servers = edges.map((listener, index) => {
    const port = listener.port === 0 ? 80 : listener.port
    if (listener.tls.length === 0)
      return { port: { number: port, name: `http-${index}`, protocol: 'HTTP' }, hosts: [...hosts] }
    const credential = `${name}-${port}`
    const message = `the certificates of port ${port} become the Secret ${credential} (kubectl create secret tls) in the gateway's namespace`
    omissions.push({ ...listener.place, severity: 'warning', code: 'export-tls', message })
    return {
      port: { number: port, name: `https-${index}`, protocol: 'HTTPS' },
      hosts: [...hosts],
      tls: { mode: 'SIMPLE', credentialName: credential },
    }
  })
  return {
    apiVersion,
    kind: 'Gateway',
    // For the way back: what stands in the MeshConfig is not in these files.
    metadata: { name, namespace, annotations: { [settingsAnnotation]: JSON.stringify(settings) } },
    spec: { selector: { istio: 'ingressgateway' }, servers },
  }
}

/**
 * Hosts that no other covers. A Gateway's host and a VirtualService's meet in the narrower of the two: with `shop.test` beside `*` the
 * routes of a VirtualService for `*` would be put behind those of `shop.test`.
 */
function widest(hosts: readonly string[]): readonly string[] {
  return [...new Set(hosts)].filter(
    (host) => !hosts.some((wide) => wide !== host && wide.startsWith('*') && host.endsWith(wide.slice(1))),
  )
}

// --- one release -------------------------------------------------------------------------------------------------------------------------

class ReleaseExport {
  readonly omissions: Problem[] = []
  readonly #configuration: Configuration
  readonly #release: ReleaseSpec
  readonly #namespace: string
  /** Service names, shared by all releases of the file. */
  readonly #services: DnsNames
  readonly #subsets = new DnsNames()

  constructor(configuration: Configuration, release: ReleaseSpec, namespace: string, services: DnsNames) {
    this.#configuration = configuration
    this.#release = release
    this.#namespace = namespace
    this.#services = services
  }

  documents(gateway: string): readonly unknown[] {
    for (const { name, healthCheck, place } of this.#release.services) {
      if (healthCheck === undefined) continue
      const message = `${name}: healthCheck is not expressed: Kubernetes asks pods itself; write a readinessProbe`
      this.omissions.push({ ...place, severity: 'warning', code: 'export-health', message })
    }
    const served = this.#release.services.filter((service) => this.#owners(service).length > 0)
    return [this.#edge(gateway), ...served.flatMap((service) => [this.#mesh(service), ...this.#pools(service)])]
  }

  #host(service: string): string {
    // The first release of a file has its services by their own names, as the internal listener does.
    const isFirst =
      this.#configuration.releases.find((release) => release.services.some(({ name }) => name === service)) ===
      this.#release
    return this.#services.of(isFirst ? service : `${this.#release.name}-${service}`)
  }

  /** Istio takes no VirtualService of which one host stands for another: the widest say it all, but where another release is in between. */
  #hosts(): readonly string[] {
    const { hosts, place } = this.#release
    const kept = widest(hosts)
    const others = this.#configuration.releases.filter((release) => release !== this.#release)
    for (const host of hosts.filter((one) => !kept.includes(one))) {
      const wide = kept.find((one) => covers(one, host)) as string
      const between = (one: string): boolean => covers(one, host) && covers(wide, one)
      const other = others.find((release) => release.hosts.some(between))
      if (other === undefined) continue
      const message = `host ${host} is left out: one VirtualService cannot have it beside ${wide}, and without it it is that of ${other.name}`
      this.omissions.push({ ...place, severity: 'warning', code: 'export-hosts', message })
    }
    return kept
  }

  #owners(service: ServiceSpec): readonly string[] {
    return [...this.#release.versions.values()]
      .filter((version) => version.pools.has(service.name))
      .map(({ name }) => name)
  }

  #destination(service: string, owner: string): object {
    return { host: this.#host(service), subset: this.#subsets.of(owner), port: { number: servicePort } }
  }

  #mirror(service: string, version: string): object | undefined {
    const pool = compilePools(this.#release).poolFor(version, service)
    return pool && this.#destination(service, pool.owner)
  }

  // --- browsers --------------------------------------------------------------------------------------------------------------------------

  #edge(gateway: string): object {
    const plan = planEdgeRoutes(this.#release, this.#configuration.trust)
    const http: unknown[] = []
    const omitted = [...plan.omissions]
    for (const route of plan.routes) {
      const said = this.#route(route)
      if (typeof said === 'string') {
        const message = `${route.title}: ${said} cannot be said in one HTTPMatchRequest: left out`
        omitted.push({ ...route.place, severity: 'warning', code: 'export-match', message })
      } else if (said !== undefined) http.push(said)
    }
    this.omissions.push(...omitted)
    const name = `${this.#release.name}-edge`
    const annotations = { [servicesAnnotation]: this.#release.services.map((service) => service.name).join(', ') }
    return new Commented(
      omitted.map(({ line, message }) => `Line ${line}: ${message}`),
      {
        apiVersion,
        kind: 'VirtualService',
        metadata: { name: this.#services.of(name), namespace: this.#namespace, annotations },
        spec: { hosts: [...this.#hosts()], gateways: [gateway], http: mergeRoutes(http) },
      },
    )
  }

  /** The route, undefined when it can never fire, or what cannot be said of it. */
  #route(route: EdgeRoute): object | string | undefined {
    const rewrites = route.target?.service.rewrite !== undefined
    const matched = istioMatch(route.own, route.visitor, rewrites)
    if (matched === 'never') return undefined
    if ('problem' in matched) return matched.problem
    const { target } = route
    const match = Object.keys(matched.match).length === 0 ? undefined : [{ name: route.matchName, ...matched.match }]
    const { name } = route
    if (target === undefined) {
      const headers = { response: { set: { [this.#release.pin.header]: route.version } } }
      return new Commented([route.title, ...matched.comment], { name, match, directResponse: { status: 404 }, headers })
    }
    const { service, version, pool } = target
    const actions = istioActions(service, version, this.#release.pin.header, (other, of) => this.#mirror(other, of))
    const lent = pool !== undefined && pool.owner !== version ? ` (pool of ${pool.owner})` : ''
    return new Commented([`${route.title}${lent}`, ...matched.comment], {
      name,
      match,
      route: this.#forwards(service, pool),
      ...actions,
    })
  }

  /** Undefined where the service answers by itself: Istio refuses a route that does both. */
  #forwards({ name, redirect, directResponse }: ServiceSpec, pool: Target['pool']): readonly object[] | undefined {
    if (redirect !== undefined || directResponse !== undefined || pool === undefined) return undefined
    return [{ destination: this.#destination(name, pool.owner) }]
  }

  // --- services among themselves ---------------------------------------------------------------------------------------------------------

  /** Callers stay on their version: by the label of their pods, else by the header that they pass on, else stable. */
  #mesh(service: ServiceSpec): object {
    const { versions, pin, stable } = this.#release
    const pools = compilePools(this.#release)
    const host = this.#host(service.name)
    const rule = (version: string, name: string, match?: object): object[] => {
      const pool = pools.poolFor(version, service.name)
      if (pool === undefined) return [{ name, match: match && [match], directResponse: { status: 404 } }]
      const actions = istioActions(service, version, pin.header, (other, of) => this.#mirror(other, of))
      return [{ name, match: match && [match], route: this.#forwards(service, pool), ...actions }]
    }
    const names = [...versions.keys()]
    const http = [
      ...names.flatMap((version) =>
        rule(version, `from-${version}`, { sourceLabels: { version: labelValue(version) } }),
      ),
      ...names.flatMap((version) =>
        rule(version, `asked-${version}`, { headers: { [pin.header]: { exact: version } } }),
      ),
      ...rule(stable, 'stable'),
    ]
    return new Commented([`Callers of ${service.name} in the mesh: whoever runs in a version is answered by it.`], {
      apiVersion,
      kind: 'VirtualService',
      metadata: { name: this.#services.of(`${host}-mesh`), namespace: this.#namespace },
      spec: { hosts: [host], gateways: ['mesh'], http },
    })
  }

  #pools(service: ServiceSpec): readonly unknown[] {
    const owners = this.#owners(service).map((owner) => ({
      subset: this.#subsets.of(owner),
      label: labelValue(owner),
      upstreams: this.#release.versions.get(owner)?.pools.get(service.name) ?? [],
    }))
    const around = { host: this.#host(service.name), namespace: this.#namespace, apiVersion, service, owners }
    return [serviceEntry(around), destinationRule(around, (problem) => this.omissions.push(problem))]
  }
}

/** Routes that differ in nothing but their one match are one route with several: a list of addresses stays one rule. */
function mergeRoutes(routes: readonly unknown[]): readonly unknown[] {
  const merged: Commented[] = []
  for (const route of routes as readonly Commented[]) {
    const before = merged.at(-1)
    const [a, b] = [before?.value, route.value] as { match?: unknown[] }[]
    if (before === undefined || a?.match === undefined || b?.match === undefined || !sameBesidesMatch(a, b))
      merged.push(route)
    else {
      const comment = [...new Set([...before.comment, ...route.comment])]
      merged[merged.length - 1] = new Commented(comment, { ...a, match: [...a.match, ...b.match] })
    }
  }
  return merged
}

function sameBesidesMatch(a: object, b: object): boolean {
  return JSON.stringify({ ...a, match: 0 }) === JSON.stringify({ ...b, match: 0 })
}
