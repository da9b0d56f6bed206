// The table of docs/istio.md: each field of Istio's API that a manifest may hold, what becomes of it, and what routes.yaml calls it.
// Made from the shapes we read by, from what the reader says of samples, and from the schema of routes.yaml.

import { routesDocument } from '../../src/config/schema.ts'
import type { Shape as SchemaShape } from '../../src/config/schema-parts.ts'
import type { MessageShape, Shape } from '../../src/istio/message.ts'
import { lintCodes } from '../../src/istio/lint-codes.ts'
import { destinationRule } from '../../src/istio/model-destination-rule.ts'
import { gateway } from '../../src/istio/model-gateway.ts'
import { serviceEntry, workloadEntry } from '../../src/istio/model-service-entry.ts'
import { virtualService } from '../../src/istio/model-virtual-service.ts'
import { allProblems } from '../../src/istio/read-manifests.ts'
import { manifestsIn } from '../istio/manifests-at.ts'
import { carriedOut, notCarriedOut, oldNames, type Sample } from './samples.ts'

export interface Row {
  readonly field: string
  readonly inManifests: string
  readonly inRoutes: string
}

const roots: readonly (readonly [name: string, shape: MessageShape])[] = [
  ['Gateway', gateway],
  ['VirtualService', virtualService],
  ['DestinationRule', destinationRule],
  ['ServiceEntry', serviceEntry],
  ['WorkloadEntry', workloadEntry],
]

/** Routes of other protocols, which are told of as a whole; and what belongs to them. */
const asAWhole = new Set([
  'TLSRoute',
  'TCPRoute',
  'TLSMatchAttributes',
  'L4MatchAttributes',
  'RouteDestination',
  'RetryBudget',
])

/** Messages that are told of where they stand as a whole; what is left of their fields comes to nothing with them. */
const withOwner: ReadonlyMap<string, string> = new Map([
  ['ServerTLSSettings', 'not honoured, with the HTTPS server'],
  ['WorkloadSelector', 'not honoured, with DestinationRule.workloadSelector'],
])

/** Messages with all of their fields, each once. */
function messages(): ReadonlyMap<string, MessageShape> {
  const found = new Map<string, MessageShape>()
  const visit = (shape: Shape): void => {
    if (shape.kind === 'list' || shape.kind === 'map') visit(shape.of)
    if (shape.kind === 'message') add(shape.message())
  }
  const add = (shape: MessageShape): void => {
    if (found.has(shape.name) || asAWhole.has(shape.name)) return
    found.set(shape.name, shape)
    for (const field of Object.values(shape.fields)) visit(field)
  }
  for (const [, shape] of roots) add(shape)
  return found
}

export function fieldTable(): readonly Row[] {
  const used = usedFields()
  return [...messages().values()].flatMap(({ name, fields }) =>
    Object.keys(fields).flatMap((field) => {
      const path = `${name}.${field}`
      const odd = notCarriedOut.filter(([sample]) => sample === path || sample.startsWith(`${path} (`))
      const rows = odd.map((sample) => ({
        field: sample[0],
        inManifests: consequence(sample),
        inRoutes: inRoutes(name, field),
      }))
      const isUsed = used.has(path)
      const same = isUsed ? [{ field: path, inManifests: 'same', inRoutes: inRoutes(name, field) }] : []
      const silent =
        isUsed || odd.length > 0
          ? []
          : [{ field: path, inManifests: withOwner.get(name) ?? 'read over', inRoutes: inRoutes(name, field) }]
      return [...same, ...rows, ...silent]
    }),
  )
}

/** Fields that the samples use which are carried out. */
function usedFields(): ReadonlySet<string> {
  const used = new Set<string>()
  const visit = (shape: Shape, value: unknown): void => {
    if (value === null || value === undefined) return
    if (shape.kind === 'list') for (const item of value as readonly unknown[]) visit(shape.of, item)
    if (shape.kind === 'map') for (const item of (value as ReadonlyMap<string, unknown>).values()) visit(shape.of, item)
    if (shape.kind === 'message') visitMessage(shape.message(), value)
  }
  const visitMessage = (shape: MessageShape, value: unknown): void => {
    for (const [field, of] of Object.entries(shape.fields)) {
      const held = (value as Record<string, unknown>)[field]
      if (held === undefined) continue
      used.add(`${shape.name}.${field}`)
      visit(of, held)
    }
  }
  for (const text of [...carriedOut, ...oldNames]) {
    for (const resource of manifestsIn(text).resources) {
      const shape = roots.find(([kind]) => kind === resource.kind)?.[1]
      if (shape !== undefined) visitMessage(shape, resource.spec)
    }
  }
  return used
}

/** What check and serve say of it. */
function consequence([, kind, spec]: Sample): string {
  const text = `apiVersion: networking.istio.io/v1\nkind: ${kind}\nmetadata: { name: a }\nspec: ${spec}\n`
  const problems = allProblems(manifestsIn(text)).filter(({ code }) => code !== 'IST0101')
  const [worst] = problems.toSorted((a, b) => Number(b.severity === 'error') - Number(a.severity === 'error'))
  if (worst === undefined) return 'read over'
  const word = worst.severity === 'error' ? 'refused' : worst.code === 'not-honoured' ? 'not honoured' : 'warned of'
  return `${word}: ${worst.message}`
}

// --- routes.yaml -----------------------------------------------------------------------------------------------------------------------------

/** Where the fields of a message stand in the schema, below a service; words where they are something else. */
const places: Readonly<Record<string, readonly string[] | string>> = {
  HTTPRoute: [],
  HTTPMatchRequest: ['match', '*'],
  StringMatch: ['match', '*', 'uri'],
  HTTPRedirect: ['redirect'],
  HTTPRewrite: ['rewrite'],
  RegexRewrite: ['rewrite', 'uriRegexRewrite'],
  HTTPDirectResponse: ['directResponse'],
  HTTPBody: ['directResponse', 'body'],
  HTTPRetry: ['retries'],
  Delay: ['fault', 'delay'],
  Abort: ['fault', 'abort'],
  HTTPFaultInjection: ['fault'],
  HTTPMirrorPolicy: ['mirrors', '*'],
  CorsPolicy: ['corsPolicy'],
  Headers: ['headers'],
  HeaderOperations: ['headers', 'request'],
  TrafficPolicy: ['trafficPolicy'],
  LoadBalancerSettings: ['trafficPolicy', 'loadBalancer'],
  ConsistentHashLB: ['trafficPolicy', 'loadBalancer', 'consistentHash'],
  HTTPCookie: ['trafficPolicy', 'loadBalancer', 'consistentHash', 'httpCookie'],
  Attribute: ['trafficPolicy', 'loadBalancer', 'consistentHash', 'httpCookie', 'attributes', '*'],
  RingHash: ['trafficPolicy', 'loadBalancer', 'consistentHash', 'ringHash'],
  MagLev: ['trafficPolicy', 'loadBalancer', 'consistentHash', 'maglev'],
  WarmupConfiguration: ['trafficPolicy', 'loadBalancer', 'warmup'],
  ConnectionPoolSettings: ['trafficPolicy', 'connectionPool'],
  TCPSettings: ['trafficPolicy', 'connectionPool', 'tcp'],
  TcpKeepalive: ['trafficPolicy', 'connectionPool', 'tcp', 'tcpKeepalive'],
  HTTPSettings: ['trafficPolicy', 'connectionPool', 'http'],
  OutlierDetection: ['trafficPolicy', 'outlierDetection'],
  ClientTLSSettings: ['trafficPolicy', 'tls'],
  Gateway: 'listen',
  Server: 'listen',
  Port: 'listen, URLs',
  ServerTLSSettings: 'listen[].tls',
  DestinationRule: 'versions',
  Subset: 'versions',
  PortTrafficPolicy: 'a service for each port',
  PortSelector: 'URLs',
  ServiceEntry: 'versions: URLs',
  WorkloadEntry: 'versions: URLs',
  WorkloadSelector: '-',
  Destination: 'versions',
  HTTPRouteDestination: 'versions, gray',
  Delegate: '-',
  Percent: '5%',
}

const otherWords: Readonly<Record<string, string>> = {
  'VirtualService.hosts': 'hosts',
  'VirtualService.gateways': 'listen',
  'VirtualService.http': 'services, gray',
  'HTTPRoute.match': 'match of a service, match of a gray rule',
  'HTTPRoute.route': 'versions',
  'HTTPRoute.name': 'name of a gray rule',
  'HTTPRouteDestination.weight': 'share of a gray rule, sticky',
}

function inRoutes(message: string, field: string): string {
  const word = otherWords[`${message}.${field}`]
  if (word !== undefined) return word
  const place = places[message]
  if (typeof place === 'string') return place
  const shape = place && schemaAt(place)
  const property = shape?.properties?.[field]
  if (property === undefined) return '-'
  if (property.not === undefined) return 'same'
  return property.refusal ?? '-'
}

/** `*` steps into a list; of alternatives the map is meant. */
function schemaAt(path: readonly string[]): SchemaShape | undefined {
  const services = (routesDocument as unknown as SchemaShape).properties?.['services']
  let shape = withProperties(Object.values(services?.patternProperties ?? {})[0])
  for (const key of path) shape = withProperties(key === '*' ? shape?.items : shape?.properties?.[key])
  return shape
}

function withProperties(shape: SchemaShape | undefined): SchemaShape | undefined {
  return shape?.anyOf?.find((one) => one.properties !== undefined) ?? shape
}

// --- text --------------------------------------------------------------------------------------------------------------------------------------

/** Fields of one message with the same fate share a line. */
function tableText(rows: readonly Row[]): string {
  const groups = new Map<string, { message: string; fields: string[]; row: Row }>()
  for (const row of rows) {
    const dot = row.field.indexOf('.')
    const message = row.field.slice(0, dot)
    const key = JSON.stringify([message, row.inManifests, row.inRoutes])
    const group = groups.get(key) ?? { message, fields: [], row }
    group.fields.push(row.field.slice(dot + 1))
    groups.set(key, group)
  }
  const cell = (text: string): string => text.replaceAll('|', '\\|')
  const lines = [...groups.values()].map(
    ({ message, fields, row }) =>
      `| ${message} | ${cell(fields.join(', '))} | ${cell(row.inManifests)} | ${cell(row.inRoutes)} |`,
  )
  return ['| message | fields | in manifests | in routes.yaml |', '| --- | --- | --- | --- |', ...lines].join('\n')
}

/** Our codes, and those of istioctl that check knows. */
function codeText(): string {
  const lines = Object.entries(lintCodes).map(([code, { severity, finds }]) => `| ${code} | ${severity} | ${finds} |`)
  return ['| code | level | finds |', '| --- | --- | --- |', ...lines].join('\n')
}

/** The page with a table between its markers. */
function withTable(page: string, name: 'fields' | 'codes', table: string): string {
  const begin = `<!-- ${name}: made by test/istio-fields/write.ts -->`
  const [from, to] = [page.indexOf(begin), page.indexOf(`<!-- /${name} -->`)]
  if (from === -1 || to < from) throw new Error(`the markers of the table ${name} are missing`)
  return `${page.slice(0, from + begin.length)}\n\n${table}\n\n${page.slice(to)}`
}

/** docs/istio.md as it should be. */
export function withTables(page: string): string {
  return withTable(withTable(page, 'fields', tableText(fieldTable())), 'codes', codeText())
}
