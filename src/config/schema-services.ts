// A service of routes.yaml: Istio's HTTPRoute without `route`, under the names it has there.

import { type Static, Type } from 'typebox'
import { healthCheck } from './schema-health-check.ts'
import { match, port, stringMatch } from './schema-matches.ts'
import {
  Dictionary,
  Duration,
  fieldKeys,
  FieldName,
  FieldValue,
  Name,
  percentNumber,
  Refused,
  Section,
  Text,
  Whole,
} from './schema-parts.ts'
import { trafficPolicy } from './schema-traffic-policy.ts'

const percentage = Type.Union(
  [
    Text('a percentage such as 5% or 0.01%', { pattern: `^${percentNumber}%$` }),
    Section({ value: Text('a number from 0 to 100', { pattern: `^${percentNumber}$` }) }),
  ],
  { title: 'Percent', description: "5%, or Istio's { value: 5 }." },
)

const retries = Section(
  {
    attempts: Whole(0, 1_000, { description: 'Retries beside the first attempt; 0 for none.' }),
    perTryTimeout: Type.Optional(Duration({ description: 'For the head of each answer.' })),
    retryOn: Type.Optional(
      Text('words such as 5xx,connect-failure,503', {
        pattern: '^[a-z0-9-]+(,[a-z0-9-]+)*$',
        description:
          'connect-failure, reset, reset-before-request, 5xx, gateway-error, retriable-4xx, status codes. Default: connect-failure.',
      }),
    ),
    backoff: Type.Optional(Duration({ description: 'Base of the random wait between attempts. Default 25ms.' })),
    retryIgnorePreviousHosts: Type.Optional(
      Type.Boolean({ description: 'Prefer endpoints that were not tried. Default true, but not with consistentHash.' }),
    ),
    retryRemoteLocalities: Refused(
      'retryRemoteLocalities does nothing here: the endpoints of a pool have no localities',
    ),
  },
  { title: 'HTTPRetry', description: 'Only endpoints of the decided version are tried.' },
)

const corsPolicy = Section(
  {
    allowOrigins: Type.Array(stringMatch, { default: [], description: 'exact: "*" allows every origin.' }),
    allowMethods: Type.Array(
      Type.Enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', '*']),
      { default: [] },
    ),
    allowHeaders: Type.Array(FieldName(), { default: [] }),
    exposeHeaders: Type.Array(FieldName(), { default: [] }),
    maxAge: Type.Optional(Duration({ description: 'Whole seconds.' })),
    allowCredentials: Type.Optional(Type.Boolean()),
    unmatchedPreflights: Type.Enum(['FORWARD', 'IGNORE'], {
      default: 'FORWARD',
      description: 'A preflight of another origin goes to the upstream, or is answered without allowing anything.',
    }),
    allowOrigin: Refused('allowOrigin is the old name: write allowOrigins: [{ exact: https://app.example.com }]'),
  },
  { title: 'CorsPolicy' },
)

const fault = Section(
  {
    delay: Type.Optional(
      Section({
        fixedDelay: Duration(),
        percentage: Type.Optional(percentage),
        percent: Refused('percent is the old name: write percentage: 5%'),
        exponentialDelay: Refused('exponentialDelay was never honoured by Istio either: write fixedDelay'),
      }),
    ),
    abort: Type.Optional(
      Section({
        httpStatus: Type.Optional(Whole(200, 599)),
        grpcStatus: Type.Optional(Text('a status of gRPC such as UNAVAILABLE', { pattern: '^[A-Z_]+$' })),
        percentage: Type.Optional(percentage),
        percent: Refused('percent is the old name: write percentage: 5%'),
        http2Error: Refused('http2Error was never honoured by Istio either: write httpStatus'),
      }),
    ),
  },
  { title: 'HTTPFaultInjection', description: 'Without a percentage nothing happens (Istio).' },
)

const mirrorTarget = Type.Union(
  [
    Text('service@version', { pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}@[A-Za-z0-9][A-Za-z0-9._-]{0,62}$' }),
    Section({
      host: Name({ description: 'The service.' }),
      subset: Name({ description: 'The version.' }),
      port: Refused('the URLs of a pool name their ports'),
    }),
  ],
  { title: 'MirrorTarget', description: "frontend@v2, or Istio's { host: frontend, subset: v2 }." },
)

const fieldValues = Dictionary(fieldKeys, FieldValue(), {
  description: "Values know Envoy's format words and %VERSION%; %% is a percent sign.",
})

export const headerOperations = Section(
  {
    set: Type.Optional(fieldValues),
    add: Type.Optional(fieldValues),
    remove: Type.Optional(Type.Array(FieldName())),
  },
  { title: 'HeaderOperations', description: 'remove is done first, then set, then add.' },
)

const underMessage = (name: string) => Refused(`${name} stands under request or response`)

export const service = Section(
  {
    match: Type.Optional(match),
    url: Type.Optional(
      Text('a URL such as http://frontend-{version}:80', {
        description: 'The pool of every version that lists none; {version} is its name.',
      }),
    ),
    timeout: Duration({ default: '0s', description: 'For the whole answer; 0s for none.' }),
    rewrite: Type.Optional(
      Section({
        uri: Type.Optional(Text('a path', { pattern: '^/' })),
        authority: Type.Optional(Text('a host', { pattern: '^[^\\s/]+$' })),
        uriRegexRewrite: Type.Optional(
          Section(
            { match: Text('a regex', { pattern: '.' }), rewrite: Text('a text') },
            { description: 'RE2. Every match in the path is replaced; \\1 to \\9 are its groups.' },
          ),
        ),
      }),
    ),
    redirect: Type.Optional(
      Section({
        uri: Type.Optional(Text('a path', { pattern: '^/' })),
        authority: Type.Optional(Text('a host', { pattern: '^[^\\s/]+$' })),
        scheme: Type.Optional(Type.Enum(['http', 'https'])),
        port: Type.Optional(port(1, 'Port of the new place.')),
        redirectCode: Type.Enum([301, 302, 303, 307, 308], { default: 301 }),
        derivePort: Type.Optional(
          Type.Enum(['FROM_PROTOCOL_DEFAULT', 'FROM_REQUEST_PORT'], {
            description: "FROM_REQUEST_PORT: the listener's port. Instead of port.",
          }),
        ),
        prefixRewrite: Type.Optional(
          Text('a path', { pattern: '^/', description: 'Takes the place of the matched prefix. Instead of uri.' }),
        ),
      }),
    ),
    directResponse: Type.Optional(
      Section({
        status: Whole(200, 599),
        body: Type.Optional(
          Section({
            string: Type.Optional(Text('a text')),
            bytes: Type.Optional(Text('bytes in base64', { pattern: '^[A-Za-z0-9+/]*={0,2}$' })),
          }),
        ),
      }),
    ),
    headers: Type.Optional(
      Section({
        request: Type.Optional(headerOperations),
        response: Type.Optional(headerOperations),
        set: underMessage('set'),
        add: underMessage('add'),
        remove: underMessage('remove'),
      }),
    ),
    healthCheck: Type.Optional(healthCheck),
    health: Refused('it is called healthCheck'),
    onStale: Type.Enum(['reload', 'stable'], {
      default: 'reload',
      description: 'For a subresource whose pinned version is gone: 409 with reload, or stable (a chosen crossing).',
    }),
    retries: Type.Optional(retries),
    corsPolicy: Type.Optional(corsPolicy),
    fault: Type.Optional(fault),
    mirror: Type.Optional(mirrorTarget),
    mirrorPercentage: Type.Optional(percentage),
    mirrors: Type.Optional(
      Type.Array(
        Section({ destination: mirrorTarget, percentage: Type.Optional(percentage) }, { title: 'HTTPMirrorPolicy' }),
        { minItems: 1, description: 'Each draws its own percentage. Either mirror or mirrors.' },
      ),
    ),
    mirrorPercent: Refused('mirrorPercent is the old name: write mirrorPercentage: 10%'),
    trafficPolicy: Type.Optional(trafficPolicy),
    cache: Type.Optional(
      Type.Enum(['trust'], {
        description:
          "trust: the app's Cache-Control stays, less what shared caches may hold. Default: while several versions are listed, pages are not stored and what is not hashed is revalidated.",
      }),
    ),
    onSwitch: Type.Union(
      [
        Type.Enum(['keep']),
        Section({
          closeWithin: Duration({
            description: 'Each ends at a random moment of so long: clients come back one by one.',
          }),
        }),
      ],
      {
        default: 'keep',
        description:
          'What becomes of open WebSockets and event streams when their version draws nobody any more: kept, or ended (1012; a stream as if it were whole).',
      },
    ),
    assets: Refused('assets stands at the top level, not under a service'),
    route: Refused('a service has no route of its own: versions list its pools, and gray picks a version'),
    uri: Refused('uri stands under match, as in match: [{ uri: { prefix: /api/ } }]'),
    prefix: Refused('prefix stands under match, as in match: [{ uri: { prefix: /api/ } }]'),
  },
  { title: 'Service' },
)

export type ServiceText = Static<typeof service>
export type HeaderOperationsText = Static<typeof headerOperations>
export type RetriesText = Static<typeof retries>
export type CorsPolicyText = Static<typeof corsPolicy>
export type FaultText = Static<typeof fault>
export type PercentageText = Static<typeof percentage>
export type MirrorTargetText = Static<typeof mirrorTarget>
