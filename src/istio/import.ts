// Manifests of a gray release as routes.yaml: VirtualServices at a gateway become services and gray rules, subsets become versions, and
// VirtualServices in the mesh become what a version is anyway. Says of everything it leaves out where it stands and why.

import type { Problem } from '../config/problem.ts'
import type { Place } from '../rules/types.ts'
import { every, fqdnOf, isAtGateway, isInMesh } from './analysis.ts'
import { asRead } from './delegates.ts'
import { servicesAnnotation } from './export-istio.ts'
import { type HostVersion, hostVersions } from './host-versions.ts'
import { type Edge, type EdgeRoute, edgesOf } from './import-edges.ts'
import { clashingHeaders, levelsOf } from './import-headers.ts'
import { type ImportNotes, serviceText } from './import-match.ts'
import { type FlatRoute, type ImportedRoutes, readItems, takeApart } from './import-routes.ts'
import { rulesText } from './import-rules.ts'
import { type MirrorTarget, serviceMirrors } from './import-mirrors.ts'
import { takeByName } from './import-named.ts'
import { actionKey, differing, PoolReader, serviceBody } from './import-services.ts'
import {
  httpsRedirectPorts,
  importSurroundings,
  internalPort,
  type Settings,
  settingsOf,
} from './import-surroundings.ts'
import { type Back, type Copied, importVersions } from './import-versions.ts'
import type { Destination } from './model-shared.ts'
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

class Importer {
  readonly notes: Problem[] = []
  readonly #manifests: Manifests
  readonly #pools: PoolReader
  readonly #settings: Settings
  readonly #header: string
  readonly #proxies = new Set<string>()
  readonly #names = new Set<string>()
  readonly #edges: readonly VirtualService[]
  readonly #all: readonly VirtualService[]
  /** In the mesh alone. */
  readonly #inner: readonly VirtualService[]
  /** Hosts that a gateway leads to. */
  readonly #reached: ReadonlySet<string>
  /** Hosts whose names tell versions of one service. */
  readonly #hostVersions: ReadonlyMap<string, HostVersion>

  constructor(manifests: Manifests) {
    this.#manifests = manifests
    this.#pools = new PoolReader(manifests, this.#say)
    this.#settings = settingsOf(manifests)
    this.#header = this.#settings.header ?? 'x-version'
    const all = accepted(manifests, 'VirtualService')
    this.#all = all
    this.#edges = all.filter(({ spec }) => isAtGateway(spec) && (spec.hosts ?? []).length > 0)
    this.#inner = all.filter(({ spec }) => isInMesh(spec) && !isAtGateway(spec) && (spec.hosts ?? []).length > 0)
    this.#reached = new Set(
      all
        .filter((one) => !this.#inner.includes(one))
        .flatMap(({ spec, metadata }) =>
          (spec.http ?? []).flatMap(({ route = [] }) =>
            route.map(({ destination }) => fqdnOf(destination?.host ?? '', metadata.namespace)),
          ),
        ),
    )
    this.#hostVersions = hostVersions(this.#reached)
  }

  text(): string | undefined {
    if (this.#edges.length === 0) {
      const [first] = this.#inner.length > 0 ? this.#inner : every(this.#manifests, 'VirtualService')
      const place = first?.place ?? { file: 'manifests', line: 1, column: 1 }
      this.#say(
        place,
        'import-nothing',
        'no VirtualService that can be used is bound to a gateway: there is nothing to decide at an edge',
        'error',
      )
      return undefined
    }
    const edges = edgesOf(this.#edges, this.#all, this.#manifests, this.#say)
    const documents = edges.flatMap((edge, index) => this.#release(edge, index === 0 ? this.#inner : []))
    if (documents.length === 0) return undefined
    const [first, ...rest] = documents as [Record<string, unknown>, ...Record<string, unknown>[]]
    const { name, hosts, ...body } = first
    const whole = { name, hosts, ...this.#surroundings(), ...body }
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

  #surroundings(): Record<string, unknown> {
    return importSurroundings({
      manifests: this.#manifests,
      edges: this.#edges,
      isCalledInside: this.#inner.length > 0,
      settings: this.#settings,
      proxies: this.#proxies,
      say: this.#say,
    })
  }

  // --- one release -------------------------------------------------------------------------------------------------------------------------

  #release(edge: Edge, inner: readonly VirtualService[]): readonly Record<string, unknown>[] {
    const { resource, hosts } = edge
    if (hosts.length === 0) return []
    const flat = edge.routes.map((route) => this.#flat(resource, route))
    const notes: ImportNotes = { say: this.#say, proxies: this.#proxies, addressHeader: this.#settings.trust?.header }
    const routes = flat.map(({ flat: one }) => one)
    const taken = (edge.isJoined ? undefined : this.#byName(resource, routes)) ?? takeApart(routes, notes)
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
    const copied: Copied[] = []
    const services = this.#services(resource, taken, routeOf, backs, copied)
    const around = { edge: resource, taken, routeOf, inner: this.#inner, backs, copied, pools: this.#pools }
    const versions = importVersions(around)
    const name = this.#nameOf(resource)
    return [
      {
        name,
        hosts: [...hosts],
        services: onLines(services),
        versions: onLines(versions),
        stable: taken.stable,
        gray: taken.rules.length === 0 ? undefined : onLines(rulesText(taken, this.#say)),
        pin: this.#header === 'x-version' ? undefined : { header: this.#header },
      },
    ]
  }

  /** Of a release, which no other has. */
  #nameOf({ metadata: { name, namespace } }: VirtualService): string {
    const short = name.replace(/-edge$/, '')
    let free = this.#names.has(short) ? `${short}-${namespace}` : short
    for (let number = 2; this.#names.has(free); number += 1) free = `${short}-${namespace}-${number}`
    this.#names.add(free)
    return free
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

  #flat(resource: VirtualService, { route, read }: EdgeRoute): { flat: FlatRoute; route: HttpRoute } {
    const { origins } = this.#manifests
    const place = origins.place(read)
    const targets = (route.route ?? []).filter(({ weight = 0 }, _, list) => list.length === 1 || weight > 0)
    const target = targets.toSorted((a, b) => (b.weight ?? 0) - (a.weight ?? 0))[0]
    if (targets.length > 1) {
      const { namespace } = resource.metadata
      const others = targets.filter((one) => one !== target)
      const total = targets.reduce((sum, { weight = 0 }) => sum + weight, 0)
      const shares = others.map(({ destination, weight = 0 }) => {
        return `{ version: ${this.#versionAt(destination, namespace) ?? 'v2'}, share: ${Number(((100 * weight) / total).toFixed(2))}% }`
      })
      const message = `weights: the most of it, ${target?.destination?.host}/${target?.destination?.subset ?? ''}, is taken for everybody; write a gray rule with share for the others, as in ${shares.join(', ')}`
      this.#say(place, 'import-weights', message)
    }
    const { namespace } = resource.metadata
    const known = this.#versionOf(route) ?? this.#versionAt(target?.destination, namespace)
    const version = known ?? 'v1'
    const to = target?.destination?.host === undefined ? '' : fqdnOf(target.destination.host, namespace)
    const pair = this.#hostVersions.get(to)
    if (pair !== undefined) {
      const message = `${to.split('.')[0]} is taken for version ${pair.version} of ${pair.stem.split('.')[0]}, by its name`
      this.#say(place, 'import-hosts', message)
    }
    const host = pair?.stem ?? to
    const matches = route.match ?? []
    const led = target === undefined ? route : leadingTo(route, target)
    for (const name of clashingHeaders(levelsOf(led))) {
      const message = `${name} is changed by the route and by its destination in a way that one list cannot say: that of the last counts here`
      this.#say(place, 'import-headers', message)
    }
    const notes: ImportNotes = { say: this.#say, proxies: this.#proxies, addressHeader: this.#settings.trust?.header }
    const flat: FlatRoute = {
      name: route.name,
      place,
      items: readItems(matches, (match) => origins.place(asRead(match)), notes),
      matchNames: matches.map(({ name }) => name),
      version,
      isAnswer: known === undefined && target === undefined,
      namesVersion: known !== undefined,
      host,
      service: `${host} ${actionKey(led, version, this.#header)}`,
      label: (host.split('.')[0] ?? '') || (route.redirect === undefined ? 'answer' : 'redirect'),
      isNone: route.directResponse?.status === 404 && route.directResponse.body === undefined && this.#isNone(route),
    }
    return { flat, route: led }
  }

  /** That of its subset, or of the name of its host. */
  #versionAt(destination: Destination | undefined, namespace: string): string | undefined {
    if (destination === undefined) return undefined
    const host = fqdnOf(destination.host ?? '', namespace)
    return this.#pools.versionOf(destination, namespace) ?? this.#hostVersions.get(host)?.version
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
    copied: Copied[],
  ): Record<string, unknown> {
    const { namespace } = resource.metadata
    const services: Record<string, unknown> = {}
    const redirected = httpsRedirectPorts(this.#manifests, resource)
    if (redirected.length > 0) {
      const match = redirected.map((port) => ({ port, scheme: { exact: 'http' } }))
      services['to-https'] = new Commented(['httpsRedirect of the Gateway'], { match, redirect: { scheme: 'https' } })
    }
    const hosts = new Map(backs.map(({ name, host, namespace: own }) => [fqdnOf(host, own), name]))
    for (const [key, flat] of taken.routeOf) {
      const host = routeOf.get(flat)?.route?.[0]?.destination?.host
      if (host !== undefined) hosts.set(fqdnOf(host, namespace), key.slice(0, key.indexOf(' ')))
    }
    for (const service of taken.services) {
      const flats = [...taken.routeOf].filter(([key]) => key.startsWith(`${service.name} `)).map(([, flat]) => flat)
      const first = flats.find(({ version }) => version === taken.stable) ?? flats[0]
      const routes = flats.map((flat) => ({ route: routeOf.get(flat) as HttpRoute, version: flat.version }))
      const actions = serviceBody(routes, this.#header)
      const place = first?.place ?? resource.place
      if (actions === undefined) {
        const keys = differing(routes, this.#header).join(', ')
        const message = `${service.name} does different things in different versions (${keys}): those of ${first?.version} are taken`
        this.#say(place, 'import-actions', message)
      }
      const shown = routes.filter(({ version }) => version === first?.version)
      const destination = shown[0]?.route.route?.[0]?.destination
      const policy = destination && this.#pools.policy(destination, namespace)
      services[service.name] = serviceText(service.match, {
        ...(actions ?? serviceBody(shown.slice(0, 1), this.#header)),
        ...serviceMirrors(
          routes.map(({ route }) => route),
          (to) => {
            const target = this.#mirrorTarget(to, namespace, hosts)
            if (target !== undefined) copied.push({ ...target, to, place })
            return target
          },
          (message) => this.#say(place, 'import-mirror', message),
        ),
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

  /** Where copies go, if that is a service in a version here. */
  #mirrorTarget(to: Destination, namespace: string, hosts: ReadonlyMap<string, string>): MirrorTarget | undefined {
    const host = hosts.get(fqdnOf(to.host ?? '', namespace))
    const subset = this.#versionAt(to, namespace)
    return host === undefined || subset === undefined ? undefined : { host, subset }
  }

  // --- services behind -----------------------------------------------------------------------------------------------------------------------

  /** A VirtualService of the mesh: what it says of callers is what a version is; where it says otherwise, it is told. */
  #back(resource: VirtualService, taken: ImportedRoutes): readonly Back[] {
    const { namespace } = resource.metadata
    for (const [index, route] of (resource.spec.http ?? []).entries()) {
      const place = this.#manifests.origins.place(resource.spec.http as object, index)
      const asked = (route.match ?? []).flatMap((match) => {
        const isPin = match.headers?.size === 1 && match.headers.has(this.#header)
        return Object.keys(match).filter((key) => !callerKeys.has(key) && !(key === 'headers' && isPin))
      })
      if (asked.length > 0) {
        const message = `what calls inside ask for (${[...new Set(asked)].join(', ')}) is left out: here a call goes to the version of its caller`
        this.#say(place, 'import-inside', message)
      }
      if ((route.route ?? []).filter(({ weight = 0 }) => weight > 0).length > 1) {
        const message = 'weights of calls inside are left out: here a call goes to the version of its caller'
        this.#say(place, 'import-weights', message)
      }
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
    if (routes.some(({ route }) => route.mirror !== undefined || (route.mirrors ?? []).length > 0))
      this.#say(resource.place, 'import-mirror', `copies of calls to ${host} are left out: write mirrors yourself`)
    const policy = this.#pools.policy({ host }, namespace)
    return {
      ...(body ?? serviceBody(routes.slice(-1), this.#header)),
      ...(policy !== undefined && { trafficPolicy: policy }),
    }
  }
}

/** The route with this destination alone. Beside others Envoy does a destination's header operations first, then the route's. */
function leadingTo(route: HttpRoute, target: NonNullable<HttpRoute['route']>[number]): HttpRoute {
  if (route.route?.length === 1) return { ...route, route: [target] }
  return { ...route, headers: target.headers, route: [{ ...target, headers: route.headers }] }
}

/** Of a match in the mesh: what says who calls, or nothing. */
const callerKeys = new Set(['name', 'sourceLabels', 'gateways', 'statPrefix'])

/** Never in braces: this is what people will edit. */
function onLines(value: unknown): Commented {
  return new Commented([], value)
}
