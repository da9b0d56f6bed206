// routes.yaml as a static bootstrap of Envoy 1.40: a listener for each edge listener, the routes of each release in their order, a
// cluster for each pool. Says of everything it leaves out where it stands and why.

import type { Configuration, ListenSpec } from '../config/configuration.ts'
import type { Problem } from '../config/problem.ts'
import type { ReleaseSpec, ServiceSpec } from '../rules/release.ts'
import type { Place } from '../rules/types.ts'
import { compilePools } from '../rules/version-pools.ts'
import { type Condition, type EdgeRoute, planEdgeRoutes, type Target } from './edge-routes.ts'
import { actionFilters, filterSettings, retriesAndMirrors } from './envoy-actions.ts'
import { envoyCluster } from './envoy-clusters.ts'
import { envoyMatch } from './envoy-match.ts'
import { inWordsOfEnvoy } from './export-actions.ts'
import { protobufDuration } from './export-names.ts'
import { type Exported, ofEveryFile } from './export-istio.ts'
import { Commented, writeYaml } from './write-yaml.ts'

export function exportEnvoy(configuration: Configuration): Exported {
  const omissions: Problem[] = [...generalOmissions(configuration)]
  const hosts = configuration.releases.map((release) => virtualHost(release, configuration, omissions))
  const edges = configuration.listen.filter((listener) => !listener.internal)
  for (const listener of configuration.listen) if (listener.internal) omissions.push(internalOmission(listener.place))
  const bootstrap = {
    node: { id: 'graylane', cluster: 'graylane' },
    // Istio's own setting: by default Envoy refuses a regex of more than 100 instructions.
    layered_runtime: { layers: [{ name: 'graylane', static_layer: { 're2.max_program_size.error_level': 32_768 } }] },
    static_resources: {
      listeners: edges.map((listener, index) => envoyListener(listener, index, configuration, hosts, omissions)),
      clusters: configuration.releases.flatMap((release) => clusters(release, omissions)),
    },
  }
  const comment = [
    `Made by graylane export envoy from ${configuration.file}, for Envoy 1.40. Not expressed:`,
    ...omissions.map(({ line, message }) => `- line ${line}: ${message}`),
  ]
  return { text: writeYaml([new Commented(comment, bootstrap)]), omissions }
}

function generalOmissions({ releases, file, trust }: Configuration): readonly Problem[] {
  const place = releases[0]?.place ?? { file, line: 1, column: 1 }
  const say = (code: string, message: string): Problem => ({
    ...place,
    severity: ofEveryFile.has(code) ? 'info' : 'warning',
    code: `export-${code}`,
    message,
  })
  return [
    say('pin', 'pins are not expressed: Envoy keeps nobody on a version, each request is decided by the rules anew'),
    say(
      'document',
      'documents and subresources are not told apart: a page that is open follows the rules of the moment',
    ),
    say('unavailable', 'a version with an unavailable pool answers 503: no visit moves to stable as a whole'),
    ...(trust.header === undefined
      ? []
      : [say('trust', `trust.header: ${trust.header} is matched as it comes, from anybody`)]),
  ]
}

function internalOmission(place: Place): Problem {
  const message = 'an internal listener is not expressed: a plain Envoy knows no caller; export istio does'
  return { ...place, severity: 'warning', code: 'export-internal', message }
}

// --- listeners ---------------------------------------------------------------------------------------------------------------------------

const connectionManager =
  'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'

function envoyListener(
  listener: ListenSpec,
  index: number,
  { trust, path, releases }: Configuration,
  hosts: readonly object[],
  omissions: Problem[],
): object {
  const filters = [
    {
      name: 'envoy.filters.network.http_connection_manager',
      typed_config: {
        '@type': connectionManager,
        stat_prefix: `edge_${index}`,
        // The client: the peer, or the hop before the trusted ones; X-Forwarded-For gets the peer before anything is matched.
        use_remote_address: true,
        xff_num_trusted_hops: trust.hops,
        server_header_transformation: 'PASS_THROUGH',
        generate_request_id: false,
        ...pathOptions(path),
        upgrade_configs: [{ upgrade_type: 'websocket' }],
        http_filters: [
          ...actionFilters(releases.flatMap((release) => release.services)),
          {
            name: 'envoy.filters.http.router',
            typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
          },
        ],
        route_config: {
          name: `edge_${index}`,
          virtual_hosts: onPort(hosts, listener),
          ignore_port_in_host_matching: true,
        },
      },
    },
  ]
  return {
    name: `edge-${index}`,
    address: {
      socket_address: {
        address: listener.address,
        port_value: listener.port,
        // :: takes IPv4 too, as graylane binds it.
        ipv4_compat: listener.address === '::' ? true : undefined,
      },
    },
    filter_chains: [{ filters, transport_socket: transportSocket(listener, omissions) }],
  }
}

/** Routes that ask for another port are not there, as Istio does it. */
function onPort(hosts: readonly object[], listener: ListenSpec): readonly object[] {
  return (hosts as readonly VirtualHost[]).map(({ routes, ...host }) => ({
    ...host,
    routes: routes.filter(({ port }) => port === undefined || port === listener.port).map(({ route }) => route),
  }))
}

function transportSocket(listener: ListenSpec, omissions: Problem[]): object | undefined {
  if (listener.tls.length === 0) return undefined
  const files = listener.tls.map(({ file }) => file).join(', ')
  const message = `the private keys of ${files} are not written out: name their files in the transport socket`
  omissions.push({ ...listener.place, severity: 'warning', code: 'export-tls', message })
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext',
      common_tls_context: {
        alpn_protocols: ['http/1.1'],
        tls_certificates: listener.tls.map(({ file }) => ({
          certificate_chain: { filename: file },
          private_key: { filename: `${file}.key` },
        })),
      },
    },
  }
}

function pathOptions(path: Configuration['path']): object {
  const merge = path !== 'NONE' && path !== 'BASE'
  return {
    normalize_path: path !== 'NONE',
    merge_slashes: merge ? true : undefined,
    path_with_escaped_slashes_action: path === 'DECODE_AND_MERGE_SLASHES' ? 'UNESCAPE_AND_FORWARD' : 'KEEP_UNCHANGED',
  }
}

// --- routes ------------------------------------------------------------------------------------------------------------------------------

interface VirtualHost {
  readonly name: string
  readonly domains: readonly string[]
  readonly routes: readonly { readonly port: number | undefined; readonly route: Commented }[]
}

function virtualHost(release: ReleaseSpec, { trust }: Configuration, omissions: Problem[]): VirtualHost {
  const plan = planEdgeRoutes(release, trust)
  omissions.push(...plan.omissions, ...release.services.filter(derivesPort).map(derivePortOmission))
  const routes = [...plan.preflights, ...plan.routes].flatMap((route) => {
    const ports = [...route.own, ...route.visitor].flatMap((condition) =>
      condition.kind === 'port' ? [condition.port] : [],
    )
    // Two ports at once: no request has them.
    if (new Set(ports).size > 1) return []
    return [{ port: ports[0], route: new Commented([route.title], envoyRoute(route, release)) }]
  })
  return { name: release.name, domains: [...release.hosts], routes }
}

function envoyRoute(route: EdgeRoute, release: ReleaseSpec): object {
  const { target } = route
  const rewrites = target?.service.rewrite?.uri !== undefined
  const match = envoyMatch(route.own, route.visitor, rewrites)
  if (target === undefined) return { name: route.name, match, direct_response: { status: 404 } }
  const { service, version } = target
  return {
    name: route.name,
    match,
    ...envoyAction(target, release, route.own),
    typed_per_filter_config: filterSettings(service),
    ...operations('request', service, release.pin.header, version),
    ...operations('response', service, release.pin.header, version),
  }
}

function envoyAction({ service, pool }: Target, release: ReleaseSpec, own: readonly Condition[]): object {
  const { redirect, directResponse, rewrite, timeoutMs } = service
  if (redirect !== undefined) {
    return {
      redirect: {
        path_redirect: redirect.uri,
        prefix_rewrite: redirect.prefixRewrite,
        host_redirect: redirect.authority,
        scheme_redirect: redirect.scheme,
        port_redirect: redirect.port,
        response_code: redirectCodes[redirect.redirectCode],
      },
    }
  }
  if (directResponse !== undefined) {
    const { body } = directResponse
    const held =
      typeof body === 'string' ? { inline_string: body } : { inline_bytes: Buffer.from(body).toString('base64') }
    return { direct_response: { status: directResponse.status, body: body.length === 0 ? undefined : held } }
  }
  return {
    route: {
      cluster: clusterName(release, service.name, pool?.owner ?? release.stable),
      timeout: protobufDuration(timeoutMs),
      ...rewriteText(rewrite, own),
      ...retriesAndMirrors(service, (other, version) => clusterOf(release, other, version), release.pin.header),
    },
  }
}

const redirectCodes: Readonly<Record<number, string>> = {
  301: 'MOVED_PERMANENTLY',
  302: 'FOUND',
  303: 'SEE_OTHER',
  307: 'TEMPORARY_REDIRECT',
  308: 'PERMANENT_REDIRECT',
}

/** A matched prefix is replaced as a string; with an exact or regex match the whole path is (as istiod writes it). */
function rewriteText(rewrite: ServiceSpec['rewrite'], own: readonly Condition[]): object {
  if (rewrite === undefined) return {}
  const { uri, authority, uriRegexRewrite } = rewrite
  const matched = own.find((condition) => condition.kind === 'uri')?.match.kind ?? 'prefix'
  const whole = matched === 'exact' || matched === 'regex'
  return {
    host_rewrite_literal: authority,
    prefix_rewrite: uri !== undefined && !whole ? uri : undefined,
    regex_rewrite:
      uriRegexRewrite !== undefined
        ? { pattern: { regex: uriRegexRewrite.match }, substitution: uriRegexRewrite.rewrite }
        : uri !== undefined && whole
          ? { pattern: { regex: '(?s).*' }, substitution: uri.replaceAll('\\', '\\\\') }
          : undefined,
  }
}

function operations(side: 'request' | 'response', service: ServiceSpec, header: string, version: string): object {
  const spec = service[`${side}Headers`]
  const entry = (name: string, value: string, action: string): object => ({
    header: { key: name, value: inWordsOfEnvoy(value, service, version) },
    append_action: action,
  })
  const set = [...(spec?.set ?? [])].filter(([name]) => name !== header)
  const add = [...(spec?.add ?? [])].filter(([name]) => name !== header)
  return {
    [`${side}_headers_to_add`]: [
      ...set.map(([name, value]) => entry(name, value, 'OVERWRITE_IF_EXISTS_OR_ADD')),
      ...add.map(([name, value]) => entry(name, value, 'APPEND_IF_EXISTS_OR_ADD')),
      entry(header, version, 'OVERWRITE_IF_EXISTS_OR_ADD'),
    ],
    [`${side}_headers_to_remove`]: spec === undefined || spec.remove.length === 0 ? undefined : [...spec.remove],
  }
}

function derivesPort({ redirect }: ServiceSpec): boolean {
  return redirect?.derivePort === 'FROM_REQUEST_PORT'
}

function derivePortOmission({ name, place }: ServiceSpec): Problem {
  const message = `${name}: derivePort: FROM_REQUEST_PORT is not expressed: routes of Envoy know no port of their listener; write redirect.port`
  return { ...place, severity: 'warning', code: 'export-redirect', message }
}

// --- clusters ----------------------------------------------------------------------------------------------------------------------------

function clusterName(release: ReleaseSpec, service: string, owner: string): string {
  return `${release.name}/${service}@${owner}`
}

function clusterOf(release: ReleaseSpec, service: string, version: string): string | undefined {
  const pool = compilePools(release).poolFor(version, service)
  return pool && clusterName(release, service, pool.owner)
}

function clusters(release: ReleaseSpec, omissions: Problem[]): readonly object[] {
  const pools = compilePools(release)
  const found = new Map<string, object>()
  for (const service of release.services) {
    for (const version of release.versions.keys()) {
      const pool = pools.poolFor(version, service.name)
      if (pool === undefined) continue
      const name = clusterName(release, service.name, pool.owner)
      if (!found.has(name)) found.set(name, envoyCluster(name, service, pool.upstreams, omissions))
    }
  }
  return [...found.values()]
}
