// Manifests of a gray release as routes.yaml: VirtualServices at a gateway become services and gray rules, subsets become versions, and
// VirtualServices in the mesh become what a version is anyway. Says of everything it leaves out where it stands and why.

import type { Problem } from '../config/problem.ts'
import type { Place } from '../rules/types.ts'
import { every, fqdnOf, gatewayReference, isAtGateway, isInMesh } from './analysis.ts'
import { servicesAnnotation, settingsAnnotation } from './export-istio.ts'
import { type ImportNotes, matchText } from './import-match.ts'
import { type FlatRoute, type ImportedRoutes, type ImportedService, readItems, takeApart } from './import-routes.ts'
import { takeByName } from './import-named.ts'
import { actionKey, PoolReader, serviceBody } from './import-services.ts'
import { type Back, importVersions } from './import-versions.ts'
import type { HttpRoute } from './model-virtual-service.ts'
import { accepted, type Manifests } from './read-manifests.ts'
import type { Resource } from './resource.ts'
import { readRouteName } from './route-names.ts'
import { Commented, writeYaml } from './write-yaml.ts'

export interface Imported {
  /** routes.yaml; undefined when there is nothing to make one of. */
  readonly text: string | undefined
  readonly notes: readonly Problem[]
}

export function importManifests(manifests: Manifests): Imported {
  const importer = new Importer(manifests)
  const text = importer.text()
  return { text, notes: importer.notes }
}

type VirtualService = Resource<'VirtualService'>

const internalPort = 15_001

interface Settings {
  readonly trust?: { readonly proxies: readonly string[]; readonly hops?: number; readonly header?: string }
  readonly path?: string
  readonly header?: string
}

class Importer {
  readonly notes: Problem[] = []
  readonly #manifests: Manifests
  readonly #pools: PoolReader
  readonly #settings: Settings
  readonly #header: string
  readonly #proxies = new Set<string>()
  readonly #edges: readonly VirtualService[]
  /** In the mesh alone. */
  readonly #inner: readonly VirtualService[]
  /** Hosts that a gateway leads to. */
  readonly #reached: ReadonlySet<string>

  constructor(manifests: Manifests) {
    this.#manifests = manifests
    this.#pools = new PoolReader(manifests, this.#say)
    this.#settings = settingsOf(manifests)
    this.#header = this.#settings.header ?? 'x-version'
    const all = accepted(manifests, 'VirtualService')
    this.#edges = all.filter(({ spec }) => isAtGateway(spec))
    this.#inner = all.filter(({ spec }) => isInMesh(spec) && !isAtGateway(spec))
    this.#reached = new Set(
      this.#edges.flatMap(({ spec, metadata }) =>
        (spec.http ?? []).flatMap(({ route = [] }) =>
          route.map(({ destination }) => fqdnOf(destination?.host ?? '', metadata.namespace)),
        ),
      ),
    )
  }

  text(): string | undefined {
    if (this.#edges.length === 0) {
      const place = this.#inner[0]?.place ?? { file: 'manifests', line: 1, column: 1 }
      this.#say(
        place,
        'import-nothing',
        'no VirtualService is bound to a gateway: there is nothing to decide at an edge',
        'error',
      )
      return undefined
    }
    const documents = this.#edges.flatMap((resource, index) => this.#release(resource, index === 0 ? this.#inner : []))
    if (documents.length === 0) return undefined
    const [first, ...rest] = documents as [Record<string, unknown>, ...Record<string, unknown>[]]
    const { name, hosts, ...body } = first
    const whole = { name, hosts, ...this.#listen(), ...body }
    const comment = [
      'Made by graylane import. To be looked at:',
      ...this.notes.map(({ file, line, message }) => `- ${file}:${line}: ${message}`),
    ]
    return writeYaml([new Commented(this.notes.length > 0 ? comment : ['Made by graylane import.'], whole), ...rest])
  }

  readonly #say = (place: Place, code: string, message: string, severity: Problem['severity'] = 'warning'): void => {
    const { file, line, column } = place
    if (this.notes.some((other) => other.message === message && other.line === line && other.file === file)) return
    this.notes.push({ file, line, column, severity, code, message })
  }

  // --- the whole file ----------------------------------------------------------------------------------------------------------------------

  #listen(): Record<string, unknown> {
    const ports = new Set<number>()
    for (const gateway of this.#gateways()) {
      for (const server of gateway.spec.servers ?? []) {
        const { number = 80, protocol = 'HTTP' } = server.port ?? {}
        if (protocol.toUpperCase() === 'HTTP') ports.add(number)
        else
          this.#say(
            gateway.place,
            'import-tls',
            `port ${number} speaks ${protocol}: add { port: ${number}, tls: { cert: ..., key: ... } } to listen yourself`,
          )
      }
    }
    const listen: Record<string, unknown>[] = [...ports].map((port) => ({ port }))
    if (listen.length === 0) listen.push({ port: 8080 })
    if (this.#inner.length > 0) listen.push({ port: internalPort, internal: true })
    return { listen, trust: this.#trust(), path: this.#path() }
  }

  #gateways(): readonly Resource<'Gateway'>[] {
    const names = new Set(
      this.#edges.flatMap(({ spec, metadata }) =>
        (spec.gateways ?? []).map((reference) =>
          Object.values(gatewayReference(reference, metadata.namespace)).join('/'),
        ),
      ),
    )
    return every(this.#manifests, 'Gateway').filter(({ metadata }) =>
      names.has(`${metadata.namespace}/${metadata.name}`),
    )
  }

  #trust(): unknown {
    const { trust } = this.#settings
    const hops = trust?.hops ?? this.#manifests.meshConfig.defaultConfig?.gatewayTopology?.numTrustedProxies
    if (trust !== undefined && (trust.header !== undefined || trust.proxies.length > 0)) {
      const proxies = trust.proxies.length > 0 ? [...trust.proxies] : undefined
      return trust.header === undefined ? proxies : { proxies, hops, header: trust.header }
    }
    if (hops !== undefined && hops > 0) return { hops }
    return this.#proxies.size > 0 ? [...this.#proxies] : undefined
  }

  #path(): string {
    const written = this.#manifests.meshConfig.pathNormalization?.normalization
    return this.#settings.path ?? (written === undefined || written === 'DEFAULT' ? 'BASE' : written)
  }

  // --- one release -------------------------------------------------------------------------------------------------------------------------

  #release(resource: VirtualService, inner: readonly VirtualService[]): readonly Record<string, unknown>[] {
    const flat = (resource.spec.http ?? []).flatMap((route, index) => this.#flat(resource, route, index))
    const notes: ImportNotes = { say: this.#say, proxies: this.#proxies, addressHeader: this.#settings.trust?.header }
    const routes = flat.map(({ flat: one }) => one)
    const taken = this.#byName(resource, routes) ?? takeApart(routes, notes)
    if (taken === undefined) {
      this.#say(
        resource.place,
        'import-shape',
        `${resource.metadata.name} has no route for everybody: nothing would be stable`,
        'error',
      )
      return []
    }
    const routeOf = new Map(flat.map((one) => [one.flat, one.route]))
    const backs = inner.flatMap((back) => this.#back(back, taken))
    const versions = importVersions({ edge: resource, taken, routeOf, inner: this.#inner, backs, pools: this.#pools })
    const name = resource.metadata.name.replace(/-edge$/, '')
    return [
      {
        name,
        hosts: [...(resource.spec.hosts ?? ['*'])],
        services: onLines(this.#services(resource, taken, routeOf, backs)),
        versions: onLines(versions),
        stable: taken.stable,
        gray: taken.rules.length === 0 ? undefined : onLines(this.#rules(taken)),
        pin: this.#header === 'x-version' ? undefined : { header: this.#header },
      },
    ]
  }

  /** Undefined for manifests that export has not written, and for those that are no longer what it wrote. */
  #byName({ place, metadata }: VirtualService, routes: readonly FlatRoute[]): ImportedRoutes | undefined {
    const order = metadata.annotations.get(servicesAnnotation)?.split(/,\s*/)
    const taken = order && takeByName(routes, order)
    if (order !== undefined && taken === undefined) {
      const message = `${metadata.name} was written by export and is no longer what it wrote: its routes are taken apart by what they ask for, not by their names`
      this.#say(place, 'import-names', message)
    }
    return taken
  }

  #flat(resource: VirtualService, route: HttpRoute, index: number): readonly { flat: FlatRoute; route: HttpRoute }[] {
    const { origins } = this.#manifests
    const place = origins.place(resource.spec.http as object, index)
    const targets = (route.route ?? []).filter(({ weight = 0 }, _, list) => list.length === 1 || weight > 0)
    if (route.delegate !== undefined) {
      this.#say(place, 'import-delegate', 'a delegate is not followed: this route is left out')
      return []
    }
    const target = targets.toSorted((a, b) => (b.weight ?? 0) - (a.weight ?? 0))[0]
    if (targets.length > 1) {
      const message = `weights: the most of it, ${target?.destination?.host}/${target?.destination?.subset ?? ''}, is taken for everybody; write a gray rule with share for the others`
      this.#say(place, 'import-weights', message)
    }
    const { namespace } = resource.metadata
    const version =
      this.#versionOf(route) ?? (target?.destination && this.#pools.versionOf(target.destination, namespace)) ?? 'v1'
    const host = target?.destination?.host === undefined ? '' : fqdnOf(target.destination.host, namespace)
    const matches = route.match ?? []
    const notes: ImportNotes = { say: this.#say, proxies: this.#proxies, addressHeader: this.#settings.trust?.header }
    const flat: FlatRoute = {
      name: route.name,
      place,
      items: readItems(matches, (at) => origins.place(matches, at), notes),
      matchNames: matches.map(({ name }) => name),
      version,
      service: `${host} ${actionKey(route, version, this.#header)}`,
      label: (host.split('.')[0] ?? '') || (route.redirect === undefined ? 'answer' : 'redirect'),
      isNone: route.directResponse?.status === 404 && route.directResponse.body === undefined && this.#isNone(route),
    }
    return [{ flat, route: target === undefined ? route : { ...route, route: [target] } }]
  }

  /** A 404 that only says who asks: no service of their version takes them. For a path or the like it is an answer of its own. */
  #isNone(route: HttpRoute): boolean {
    const named = readRouteName(route.name)
    if (named !== undefined) return named.service === undefined
    const { match = [] } = route
    const asks = match.some(
      ({ uri, method, authority, scheme }) => (uri ?? method ?? authority ?? scheme) !== undefined,
    )
    return match.length > 0 && !asks && this.#versionOf(route) !== undefined
  }

  #versionOf({ headers }: HttpRoute): string | undefined {
    const set = headers?.request?.set?.get(this.#header) ?? headers?.response?.set?.get(this.#header)
    return set ?? undefined
  }

  #services(
    resource: VirtualService,
    taken: ImportedRoutes,
    routeOf: ReadonlyMap<FlatRoute, HttpRoute>,
    backs: readonly Back[],
  ): Record<string, unknown> {
    const services: Record<string, unknown> = {}
    for (const service of taken.services) {
      const routes = [...taken.routeOf]
        .filter(([key]) => key.startsWith(`${service.name} `))
        .map(([, flat]) => ({ route: routeOf.get(flat) as HttpRoute, version: flat.version }))
      const actions = serviceBody(routes, this.#header)
      if (actions === undefined) {
        const place = [...taken.routeOf.values()].find(({ label }) => label === service.name)?.place ?? resource.place
        this.#say(
          place,
          'import-actions',
          `${service.name} does different things in different versions: those of ${taken.stable} are taken`,
        )
      }
      const destination = routes[0]?.route.route?.[0]?.destination
      const policy = destination && this.#pools.policy(destination, resource.metadata.namespace)
      services[service.name] = serviceText(service, {
        ...(actions ?? serviceBody(routes.slice(0, 1), this.#header)),
        ...(policy !== undefined && { trafficPolicy: policy }),
      })
    }
    for (const { name, body } of backs)
      services[name] = new Commented(['called by other services, by its name; no request of a browser comes here'], {
        match: [{ port: internalPort }],
        ...body,
      })
    return services
  }

  #rules({ rules }: ImportedRoutes): readonly unknown[] {
    const names = new Set<string>()
    return rules.map(({ name, version, items, place }) => {
      const isNew = name !== undefined && /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/.test(name) && !names.has(name)
      if (isNew) names.add(name)
      const label = isNew ? { name } : {}
      const texts = items.map(matchText)
      const [only] = texts
      if (texts.length === 0 || texts.some((text) => Object.keys(text).length === 0)) {
        this.#say(
          place,
          'import-everybody',
          `a rule takes everybody to ${version}: in routes.yaml that is what stable says`,
        )
        return { ...label, version, match: [{ uri: { prefix: '/' } }] }
      }
      const isAddresses = texts.length === 1 && Object.keys(only as object).join() === 'clientIp'
      return isAddresses ? { ...label, version, ip: only?.['clientIp'] } : { ...label, version, match: texts }
    })
  }

  // --- services behind -----------------------------------------------------------------------------------------------------------------------

  /** A VirtualService of the mesh: what it says of callers is what a version is; where it says otherwise, it is told. */
  #back(resource: VirtualService, taken: ImportedRoutes): readonly Back[] {
    const { namespace } = resource.metadata
    for (const [index, route] of (resource.spec.http ?? []).entries()) {
      const place = this.#manifests.origins.place(resource.spec.http as object, index)
      for (const { destination } of route.route ?? []) {
        const to = destination && this.#pools.versionOf(destination, namespace)
        for (const { sourceLabels } of route.match ?? []) {
          const from = sourceLabels?.get('version')
          if (typeof from !== 'string' || to === from || to === undefined || this.#versionOf(route) === from) continue
          this.#say(
            place,
            'import-crossing',
            `callers of ${from} went to ${to}: here each version is answered by itself`,
          )
        }
      }
    }
    return (resource.spec.hosts ?? []).flatMap((host) => {
      const name = host.split('.')[0] as string
      const known = taken.services.some((service) => service.name === name)
      const elsewhere = this.#reached.has(fqdnOf(host, namespace))
      return known || elsewhere || this.#pools.subsets(host, namespace).length === 0
        ? []
        : [{ name, host, namespace, place: resource.place, body: this.#backBody(resource, host, taken.stable) }]
    })
  }

  /** What is done with calls, whoever calls; a 404 for callers of a version says only that it has no such service. */
  #backBody(resource: VirtualService, host: string, stable: string): Readonly<Record<string, unknown>> {
    const { namespace } = resource.metadata
    const routes = (resource.spec.http ?? [])
      .filter(({ directResponse }) => directResponse?.status !== 404)
      .map((route) => {
        const to = route.route?.[0]?.destination
        const version = this.#versionOf(route) ?? (to && this.#pools.versionOf(to, namespace)) ?? stable
        return { route, version }
      })
    const body = serviceBody(routes, this.#header)
    if (body === undefined && routes.length > 0) {
      const message = `${host} does different things for different callers: what it does for ${routes.at(-1)?.version} is taken`
      this.#say(resource.place, 'import-actions', message)
    }
    const policy = this.#pools.policy({ host }, namespace)
    return {
      ...(body ?? serviceBody(routes.slice(-1), this.#header)),
      ...(policy !== undefined && { trafficPolicy: policy }),
    }
  }
}

function settingsOf(manifests: Manifests): Settings {
  for (const { metadata } of every(manifests, 'Gateway')) {
    const text = metadata.annotations.get(settingsAnnotation)
    if (text === undefined) continue
    try {
      return JSON.parse(text) as Settings
    } catch {
      // Somebody edited it: as if it were not there.
    }
  }
  return {}
}

/** Never in braces: this is what people will edit. */
function onLines(value: unknown): Commented {
  return new Commented([], value)
}

/** The short form where a service is nothing but a prefix. */
function serviceText({ match }: ImportedService, body: Record<string, unknown>): unknown {
  const items = match.map(matchText)
  const [only] = items
  const uri = only?.['uri'] as Record<string, string> | undefined
  const isPrefix =
    items.length === 1 && Object.keys(only as object).join() === 'uri' && Object.keys(uri as object).join() === 'prefix'
  if (isPrefix && Object.keys(body).length === 0 && uri?.['prefix']?.startsWith('/') === true) return uri['prefix']
  return items.length === 0 ? body : { match: items, ...body }
}
