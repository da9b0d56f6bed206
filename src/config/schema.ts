// routes.yaml as one schema: the source of its TypeScript types, of what is accepted, of messages, and of routes.schema.json for editors.
// Says nothing of how parts hang together (does that version exist?): that is told by the files that read on.

import { type Static, Type } from 'typebox'
import { assetsSection, pageSection } from './schema-pages.ts'
import { overload } from './schema-overload.ts'
import {
  anyKeys,
  Cidr,
  CookieName,
  cookieKeys,
  Dictionary,
  Duration,
  fieldKeys,
  FieldName,
  FieldValue,
  FilePath,
  Name,
  nameKeys,
  Nothing,
  Percentage,
  poolKeys,
  Refused,
  Section,
  SectionWithEntries,
  Text,
  Whole,
} from './schema-parts.ts'
import { identity } from './schema-identity.ts'
import { addresses, matchItem, port, type stringMatch, texts } from './schema-matches.ts'
import { service } from './schema-services.ts'

// --- services and versions -------------------------------------------------------------------------------------------------------------

const upstream = Text('a URL such as http://10.0.0.1:8080', { title: 'Upstream' })

const version = SectionWithEntries(
  {
    base: Type.Optional(
      Name({
        description:
          'Lends its pools where this version lists none; default: stable. Its own name: nobody lends to it.',
      }),
    ),
  },
  poolKeys,
  Type.Union([upstream, Type.Array(upstream, { minItems: 1 })], { title: 'Pool' }),
  {
    title: 'Version',
    expects: 'a map of services and their pools',
    description: 'One pool for each service, released together.',
  },
)

// --- gray --------------------------------------------------------------------------------------------------------------------------------

const underMatch = (name: string) => Refused(`${name} stands under match, as in match: [{ ${name}: ... }]`)

const grayRule = Section(
  {
    name: Type.Optional(Name({ description: 'Shown as the reason of a decision.' })),
    version: Name({ description: 'Where the visitors of this rule go.' }),
    ip: Type.Optional(addresses),
    users: Type.Optional(texts),
    match: Type.Optional(Type.Array(matchItem, { minItems: 1, description: 'One item that holds is enough.' })),
    share: Type.Optional(Percentage({ title: 'Share', description: 'Of the visitors that reach this rule; sticky.' })),
    onUnavailable: Type.Enum(['stable', 'fail'], {
      default: 'stable',
      description: 'What a page load gets while a pool of that version is unavailable.',
    }),
    weight: Refused('a weight is written share: 5%'),
    clientIp: Refused('in a gray rule it is called ip'),
    headers: underMatch('headers'),
    withoutHeaders: underMatch('withoutHeaders'),
    cookies: underMatch('cookies'),
    uri: underMatch('uri'),
    method: underMatch('method'),
    authority: underMatch('authority'),
    queryParams: underMatch('queryParams'),
  },
  { title: 'GrayRule', description: 'Exactly one of ip, users, match and share.' },
)

// --- the rest -----------------------------------------------------------------------------------------------------------------------------

const pin = Section(
  {
    cookie: CookieName({ default: 'graylane', description: 'https adds the prefix __Host-.' }),
    header: FieldName({ default: 'x-version' }),
    ttl: Duration({ default: '8h', description: 'How long a page load keeps what no rule gives any more.' }),
    epoch: Whole(0, 999_999_999, { default: 1, description: 'Raising it makes all older pins stale.' }),
    repin: Type.Enum(['widen', 'keep'], { default: 'widen' }),
    sameSite: Type.Enum(['lax', 'none'], { default: 'lax' }),
    domain: Type.Optional(Text('a domain', { pattern: '^\\.?[A-Za-z0-9-]+(\\.[A-Za-z0-9-]+)+$' })),
    pageHeader: FieldName({ default: 'x-page-version', description: 'By which a page names its own version.' }),
    keys: Type.Array(
      Section(
        {
          env: Type.Optional(Text('the name of an environment variable', { pattern: '^[^=]+$' })),
          file: Type.Optional(FilePath()),
        },
        { title: 'PinKey' },
      ),
      { default: [], description: 'At least 32 bytes each. The first signs, all verify.' },
    ),
  },
  { default: {} },
)

const certificate = Section(
  {
    cert: Text('the path of a file', { description: 'PEM: the certificate, then those between it and the root.' }),
    key: Text('the path of a file', { description: 'PEM: its private key, without a passphrase.' }),
  },
  { title: 'Certificate', description: 'Relative to this file. Followed for changes.' },
)

export const listener = Section({
  port: port(0, '0: any free port.'),
  address: Type.Optional(Text('an IP address')),
  internal: Type.Boolean({ default: false, description: 'Service-to-service: the service is found by Host.' }),
  from: Type.Optional(Type.Array(Cidr(), { minItems: 1, description: 'Who may use an internal listener.' })),
  sourceLabels: Type.Optional(Dictionary(anyKeys, Text('a text'))),
  tls: Type.Optional(
    Type.Union([certificate, Type.Array(certificate, { minItems: 1 })], {
      description: 'HTTPS. Of several certificates the server name (SNI) picks one, else it is the first.',
    }),
  ),
})

const trust = Type.Union(
  [
    Type.Array(Cidr()),
    Section({
      proxies: Type.Optional(Type.Array(Cidr())),
      hops: Type.Optional(Whole(0, 64, { description: "Istio's numTrustedProxies." })),
      header: Type.Optional(FieldName({ description: "A CDN's header that holds the client's address." })),
    }),
  ],
  { description: 'Whose X-Forwarded-For and -Proto are believed. Default: nobody.' },
)

/** Names and defaults are those of the engine; a key that ends in Timeout is a duration. */
export const limits = Section(
  {
    headBytes: Whole(1024, 1_048_576, { default: 32_768, description: 'Of a whole message head. More: 431.' }),
    targetBytes: Whole(256, 1_048_576, { default: 8_192, description: 'Of a request target. More: 414.' }),
    fields: Whole(10, 10_000, { default: 100, description: 'Field lines of a head. More: 431.' }),
    headTimeout: Duration({ default: '10s', description: 'From the first byte of a head to its last.' }),
    idleTimeout: Duration({ default: '60s', description: 'Of a connection without a request.' }),
    bodyIdleTimeout: Duration({ default: '30s', description: 'Between two reads of a request body.' }),
    requestTimeout: Duration({
      default: '300s',
      description: 'From the end of a head to the end of its body. Then 408.',
    }),
    answerTimeout: Duration({
      default: '300s',
      description: 'From a request to the head of its answer, where its service has no timeout. Then 504.',
    }),
    writeStallTimeout: Duration({ default: '30s', description: 'Of a peer that takes nothing of what is sent.' }),
    requestsPerConnection: Whole(1, 1_000_000_000, { default: 10_000, description: 'Then the connection is closed.' }),
    connections: Whole(1, 10_000_000, {
      default: 20_000,
      description: 'Of clients, in each process. Its limit of descriptors holds too.',
    }),
    connectionsPerAddress: Whole(0, 10_000_000, {
      default: 0,
      description: 'Of one address; 0: no limit. A trusted proxy has none: it carries the connections of many clients.',
    }),
    requestsPerAddress: Whole(0, 10_000_000, {
      default: 0,
      description: 'Under way for one client at a time, by the address that rules see; 0: no limit.',
    }),
    connectTimeout: Duration({ default: '2s', description: 'To an endpoint, waiting for a free connection included.' }),
    upstreamIdleTimeout: Duration({ default: '50s', description: "Keep it below the upstream's own." }),
    upstreamConnections: Whole(1, 1_000_000, { default: 1_024, description: 'To one endpoint.' }),
    upstreamWaiting: Whole(0, 1_000_000, {
      default: 1_024,
      description: 'Requests that wait for one of them. More: 503.',
    }),
    interimResponses: Whole(0, 1_000, { default: 8, description: '1xx answers to one request.' }),
    drainBytes: Whole(0, 1_073_741_824, {
      default: 65_536,
      description: 'Of a body, read and thrown away after an early answer.',
    }),
  },
  { default: {} },
)

const drainingVersion = Type.Union(
  [
    Name(),
    Section({
      version: Name(),
      since: Type.Optional(
        Text('a time such as 2026-01-31T08:00:00Z', {
          pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ$',
          description: 'When it was written here. `graylane retire` waits for pin.ttl from then on.',
        }),
      ),
    }),
  ],
  { title: 'Draining' },
)

const routeTest = Section({
  request: Section({
    ip: Text('an IP address', { default: '127.0.0.1' }),
    path: Text('a path', { pattern: '^/', default: '/' }),
    method: Text('a method', { pattern: '^[A-Z-]+$', default: 'GET' }),
    headers: Dictionary(fieldKeys, FieldValue(), { default: {} }),
    cookies: Dictionary(cookieKeys, Text('a cookie value', { pattern: '^[!-:<-~]*$' }), { default: {} }),
  }),
  expect: Section({
    version: Name(),
    service: Type.Optional(Name()),
    reason: Type.Optional(Type.Enum(['rule', 'share', 'pin', 'page', 'stable', 'preflight', 'stale'])),
  }),
})

export const routesDocument = Section(
  {
    name: Type.Optional(Name({ description: 'Salts shares, scopes pins, labels metrics.' })),
    hosts: Type.Array(Text('a host'), { default: ['*'], description: "Istio's wildcard hosts." }),
    listen: Type.Optional(Type.Array(listener, { minItems: 1, description: 'Ports to serve.' })),
    trust: Type.Optional(trust),
    path: Type.Optional(
      Type.Enum(['strict', 'NONE', 'BASE', 'MERGE_SLASHES', 'DECODE_AND_MERGE_SLASHES'], {
        description: "What a request target may hold: strict (the default), or one of Istio's normalizations.",
      }),
    ),
    limits: Type.Optional(limits),
    overload: Type.Optional(overload),
    accessLog: Type.Optional(
      Type.Union(
        [
          FilePath(),
          Section({
            path: Type.Optional(FilePath()),
            format: Type.Enum(['json', 'istio', 'istio-json'], {
              default: 'json',
              description:
                "json: one object a line; istio: Istio's text format; istio-json: Istio's JSON keys, ours behind them.",
            }),
          }),
        ],
        { description: 'stdout (the default), off, or a file.' },
      ),
    ),
    services: Dictionary(
      nameKeys,
      Type.Union([Text('a path such as /api/', { pattern: '^/' }), service, Nothing()], { title: 'ServiceOrPrefix' }),
      { description: 'Which request belongs to whom; the first match wins. A path is short for that prefix of uri.' },
    ),
    versions: Dictionary(nameKeys, Type.Union([version, Nothing()])),
    stable: Name({ description: 'The version that everyone else gets.' }),
    draining: Type.Array(drainingVersion, {
      default: [],
      description: 'Versions that draw nobody and serve their open pages.',
    }),
    gray: Type.Array(grayRule, { default: [], description: 'Top to bottom, the first hit decides.' }),
    identity,
    pin,
    rollout: Type.Optional(
      Section({
        settle: Duration({
          default: '0s',
          description: 'So long a new version draws nobody: other gateways learn it.',
        }),
      }),
    ),
    page: pageSection,
    tests: Type.Array(routeTest, { default: [], description: 'Run by `graylane check`.' }),
    assets: assetsSection,
    istio: Refused("Istio's manifests stand in place of releases: this file has none, or istio: does not begin a line"),
    tls: Refused('tls stands under a listener, as in listen: [{ port: 8443, tls: { cert: site.pem, key: site.key } }]'),
  },
  { title: 'graylane routes.yaml' },
)

export type RoutesDocument = Static<typeof routesDocument>
export type GrayRuleText = RoutesDocument['gray'][number]
export type MatchItemText = Static<typeof matchItem>
export type StringMatchText = Static<typeof stringMatch>
export type CertificateText = Static<typeof certificate>
export type { HeaderOperationsText, ServiceText } from './schema-services.ts'
export type VersionText = Static<typeof version>
export type ListText = Static<typeof texts>
