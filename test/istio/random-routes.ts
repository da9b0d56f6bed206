// Random routes.yaml files and requests that meet their rules often: few values, met again and again. The same seed gives the same file.

import { type Chance, chance } from './chance.ts'

export interface RandomRequest {
  readonly method: string
  readonly path: string
  readonly host: string
  /** A loopback address to connect from. */
  readonly from: string
  readonly headers: readonly (readonly [name: string, value: string])[]
}

export interface RandomRoutes {
  /** routes.yaml; JSON is YAML. */
  readonly text: string
  readonly requests: readonly RandomRequest[]
}

export interface Backends {
  /** URL of the backend that plays this service in this version. */
  url(service: number, version: number): string
}

export interface RandomOptions {
  readonly requests: number
  /** Things that no other proxy can do (shares, lists in files) come too. */
  readonly everything: boolean
  /** Services retry, allow origins, have faults and are copied to the service `shadow`; requests meet that. The port is any free one. */
  readonly actions?: boolean
}

const addresses = ['127.0.0.2', '127.0.0.3', '127.0.9.7', '127.1.2.3']
const claimed = ['9.9.9.9', '192.168.0.58', '10.8.0.1', '10.9.255.1', '2001:db8::7', 'unknown']
const words = ['jason', 'bob', 'a.b', 'Jason', '']
const regexes = ['ja.*', '(jason|bob)', '[a-z]+', '(?i)JASON', 'a\\.b', '.*', '[^j]*', '^bob$']
const paths = ['/', '/api/', '/api/v1', '/api/v1/users', '/assets/app.js', '/login', '/Login', '/a/b', '/apiary']
const pathRegexes = ['/api/.*', '/[a-z]+', '^/a.*$', '/(login|api)/?', '.*js']
const hosts = ['shop.example', 'a.example.com', 'b.c.example.com', 'example.com', 'other.test', 'Shop.Example:8080']
/** The last one gets copies alone. */
const serviceNames = ['api', 'assets', 'frontend', 'shadow']
const versionNames = ['v1', 'v2', '1.10']

export function randomRoutes(seed: number, backends: Backends, options: RandomOptions): RandomRoutes {
  const dice = chance(seed)
  const documents = dice.hit(0.15)
    ? [
        release(dice, backends, options, 'one', ['shop.example', '*.example.com'], true),
        release(dice, backends, options, 'two', ['*'], false),
      ]
    : [release(dice, backends, options, 'one', dice.hit(0.8) ? ['*'] : ['shop.example', '*.example.com'], true)]
  const requests = Array.from({ length: options.requests }, () => request(dice, options.actions === true))
  return { text: documents.map((document) => JSON.stringify(document, undefined, 1)).join('\n---\n'), requests }
}

// --- the file ------------------------------------------------------------------------------------------------------------------------------

function release(
  dice: Chance,
  backends: Backends,
  options: RandomOptions,
  name: string,
  of: string[],
  isFirst: boolean,
): object {
  const services = serviceNames.slice(dice.whole(0, 2), 3)
  const versions = versionNames.slice(0, dice.whole(1, 3))
  const stable = dice.pick(versions)
  const base = name === 'two' ? 10 : 0
  return {
    name,
    hosts: of,
    ...(isFirst && {
      listen: [{ port: options.actions === true ? 0 : 8080, address: '127.0.0.1' }],
      trust: trust(dice),
      path: dice.pick(['strict', 'BASE', 'MERGE_SLASHES']),
      ...(options.actions === true && { accessLog: 'off' }),
    }),
    services: {
      ...(options.actions === true && { shadow: { match: [{ uri: { exact: '/shadow/of/others' } }] } }),
      ...Object.fromEntries(
        services.map((service, index) => {
          const isLast = index === services.length - 1 && dice.hit(0.8)
          const body = serviceBody(dice, !isLast)
          return [service, options.actions === true ? withActions(dice, body, versions) : body]
        }),
      ),
    },
    versions: Object.fromEntries(
      versions.map((version, v) => [
        version,
        {
          ...versionBody(dice, backends, services, v + base, version === stable, versions, version),
          ...(options.actions === true && { shadow: backends.url(serviceNames.indexOf('shadow'), v + base) }),
        },
      ]),
    ),
    stable,
    ...(versions.length > 2 &&
      dice.hit(0.15) && { draining: versions.filter((version) => version !== stable).slice(0, 1) }),
    gray: Array.from({ length: dice.whole(0, 5) }, () => grayRule(dice, versions, options)),
    identity: dice.pick([
      ['clientIp'],
      ['cookies.user', 'clientIp'],
      ['cookies.user', 'headers.x-user', 'clientIp'],
      ['headers.x-user'],
    ]),
  }
}

function trust(dice: Chance): unknown {
  return dice.pick<unknown>([[], [], { hops: 1 }, { hops: 2 }, ['127.0.0.0/16'], ['127.0.0.0/8', '10.0.0.0/8']])
}

function serviceBody(dice: Chance, wantsMatch: boolean): unknown {
  if (wantsMatch && dice.hit(0.4)) return dice.pick(['/api/', '/assets', '/a'])
  const body: Record<string, unknown> = {}
  if (wantsMatch) body['match'] = some(dice, 1, 2, () => matchItem(dice, 0.7))
  const action = dice.whole(0, 9)
  if (action === 0)
    body['redirect'] = dice.pick<object>([
      { uri: '/new' },
      { scheme: 'https', redirectCode: 302 },
      { authority: 'to.example' },
    ])
  else if (action === 1) body['directResponse'] = { status: dice.pick([200, 503]), body: { string: 'here' } }
  else if (action === 2)
    body['rewrite'] = dice.pick<object>([
      { uri: '/' },
      { uri: '/v2', authority: 'in.example' },
      { authority: 'in.example' },
    ])
  if (dice.hit(0.2))
    body['headers'] = {
      request: { set: { 'x-gray': 'is %VERSION%, 100%%' }, remove: ['x-group'] },
      response: { add: { user: '%VERSION%' } },
    }
  return body
}

/** Only what happens always or never: a chance is drawn anew by each proxy. */
function withActions(dice: Chance, body: unknown, versions: readonly string[]): unknown {
  const whole: Record<string, unknown> =
    typeof body === 'string' ? { match: [{ uri: { prefix: body } }] } : { ...(body as object) }
  if (whole['redirect'] !== undefined || whole['directResponse'] !== undefined) return whole
  const always = dice.pick(['100%', '0%'])
  if (dice.hit(0.5))
    whole['retries'] = {
      attempts: dice.whole(1, 3),
      retryOn: dice.pick(['5xx', 'gateway-error', '503,connect-failure', 'retriable-4xx', '418', 'reset']),
      backoff: '1ms',
      ...(dice.hit(0.3) && { perTryTimeout: '5s' }),
      ...(dice.hit(0.3) && { retryIgnorePreviousHosts: false }),
    }
  if (dice.hit(0.5))
    whole['corsPolicy'] = {
      allowOrigins: some(dice, 1, 2, () =>
        dice.pick([
          { exact: 'https://a.test' },
          { prefix: 'https://' },
          { regex: 'https?://[a-z]+\\.test' },
          { exact: '*' },
        ]),
      ),
      ...(dice.hit(0.6) && { allowMethods: dice.pick([['GET', 'POST'], ['*']]) }),
      ...(dice.hit(0.6) && { allowHeaders: dice.pick([['x-a', 'x-b'], ['*']]) }),
      ...(dice.hit(0.4) && { exposeHeaders: ['x-c'] }),
      ...(dice.hit(0.4) && { maxAge: '600s' }),
      ...(dice.hit(0.4) && { allowCredentials: dice.hit(0.5) }),
      ...(dice.hit(0.4) && { unmatchedPreflights: dice.pick(['IGNORE', 'FORWARD']) }),
    }
  if (dice.hit(0.25))
    whole['fault'] = dice.pick<object>([
      { abort: { httpStatus: dice.pick([418, 503]), percentage: always } },
      { delay: { fixedDelay: '2ms', percentage: always } },
      { delay: { fixedDelay: '2ms', percentage: '100%' }, abort: { grpcStatus: 'UNAVAILABLE', percentage: always } },
    ])
  if (dice.hit(0.3))
    whole['mirrors'] = [{ destination: { host: 'shadow', subset: dice.pick(versions) }, percentage: always }]
  return whole
}

function versionBody(
  dice: Chance,
  backends: Backends,
  services: readonly string[],
  index: number,
  isStable: boolean,
  all: readonly string[],
  name: string,
): object {
  const own = services.filter(() => isStable || dice.hit(0.75))
  const kept = own.length > 0 ? own : services.slice(0, 1)
  const others = all.filter((version) => version < name)
  return {
    ...Object.fromEntries(kept.map((service) => [service, backends.url(serviceNames.indexOf(service), index)])),
    ...(!isStable &&
      others.length > 0 &&
      kept.length < services.length &&
      dice.hit(0.3) && { base: dice.pick(others) }),
  }
}

function grayRule(dice: Chance, versions: readonly string[], { everything }: RandomOptions): object {
  const version = dice.pick(versions)
  const kind = dice.whole(0, everything ? 5 : 4)
  if (kind <= 1) {
    const blocks = [
      '192.168.0.58',
      '10.8.0.0/15',
      '127.0.0.2',
      '127.0.8.0/21',
      '127.1.0.0/16',
      '9.9.9.9',
      '2001:db8::/32',
      '10.0.0.0/8',
    ]
    return { version, ip: some(dice, 1, 2, () => dice.pick(everything ? [...blocks, '2001:db8::/29'] : blocks)) }
  }
  if (kind === 2) return { version, users: some(dice, 1, 3, () => dice.pick(['jason', 'bob', 'a.b', '127.0.0.3'])) }
  if (kind === 5) return { version, share: dice.pick(['5%', '50%']) }
  return { version, match: some(dice, 1, 2, () => matchItem(dice, 0.3)) }
}

function matchItem(dice: Chance, uriShare: number): object {
  const item: Record<string, unknown> = {}
  if (dice.hit(uriShare)) {
    item['uri'] = dice.pick<() => object>([
      () => ({ prefix: dice.pick(paths) }),
      () => ({ exact: dice.pick(paths) }),
      () => ({ regex: dice.pick(pathRegexes) }),
    ])()
    if (dice.hit(0.2)) item['ignoreUriCase'] = true
  }
  if (dice.hit(0.1)) item['method'] = dice.pick<object>([{ exact: 'POST' }, { in: ['GET', 'HEAD'] }, { regex: 'P.*' }])
  if (dice.hit(0.1))
    item['authority'] = dice.pick<object>([
      { prefix: 'shop' },
      { regex: '.*example.*' },
      { exact: 'Shop.Example:8080' },
    ])
  if (dice.hit(0.05)) item['scheme'] = { exact: dice.pick(['http', 'https']) }
  if (dice.hit(0.05)) item['port'] = dice.pick([8080, 8081])
  if (dice.hit(0.35)) item['headers'] = { [dice.pick(['x-user', 'x-group', 'X-Kind'])]: stringMatch(dice) }
  if (dice.hit(0.2)) item['withoutHeaders'] = { [dice.pick(['x-user', 'x-group', 'x-kind'])]: stringMatch(dice) }
  if (dice.hit(0.25)) item['queryParams'] = { [dice.pick(['k', 'env'])]: stringMatch(dice) }
  if (dice.hit(0.3))
    item['cookies'] = Object.fromEntries(some(dice, 1, 2, () => [dice.pick(['user', 'group']), stringMatch(dice)]))
  if (dice.hit(0.1)) item['clientIp'] = ['127.0.0.0/24', '10.8.0.0/15']
  return Object.keys(item).length === 0 ? { headers: { 'x-user': { exact: 'jason' } } } : item
}

function stringMatch(dice: Chance): object {
  switch (dice.whole(0, 4)) {
    case 0:
      return {}
    case 1:
      return { prefix: dice.pick(['j', 'bo', 'a']) }
    case 2:
      return { regex: dice.pick(regexes) }
    case 3:
      return { in: ['bob', 'a.b'] }
    default:
      return { exact: dice.pick(words) }
  }
}

// --- requests ------------------------------------------------------------------------------------------------------------------------------

function request(dice: Chance, actions: boolean): RandomRequest {
  const headers: [string, string][] = actions ? forActions(dice) : []
  if (dice.hit(0.5)) headers.push([dice.pick(['x-user', 'X-User']), dice.pick(words)])
  // Lines of one name are tested one by one. An identity is the first line alone, which no other proxy can say: x-user comes once.
  for (let lines = dice.hit(0.3) ? dice.whole(1, 2) : 0; lines > 0; lines -= 1)
    headers.push(['x-group', dice.pick(words)])
  if (dice.hit(0.2)) headers.push(['x-kind', dice.pick(words)])
  if (dice.hit(0.4)) headers.push(['cookie', cookies(dice)])
  if (dice.hit(0.4))
    headers.push([
      'x-forwarded-for',
      some(dice, 1, 3, () => dice.pick([...claimed, ...addresses])).join(dice.pick([',', ', '])),
    ])
  if (dice.hit(0.1)) headers.push(['x-envoy-external-address', '192.168.0.58'])
  if (dice.hit(0.1)) headers.push(['x-version', dice.pick(versionNames)])
  if (dice.hit(0.3)) headers.push(['accept', 'text/html'])
  const query = dice.hit(0.4)
    ? `?${some(dice, 1, 2, () => `${dice.pick(['k', 'env', 'K'])}=${dice.pick(['jason', 'bob', 'a.b', 'J%61son', ''])}`).join('&')}`
    : ''
  const path = dice.hit(0.1)
    ? dice.pick(['//api/x', '/api/./v1', '/a/../login', '/%61pi/'])
    : dice.pick([...paths, '/api/x', '/zzz'])
  return {
    method: headers.some(([name]) => name === 'access-control-request-method')
      ? 'OPTIONS'
      : dice.pick(['GET', 'GET', 'GET', 'POST', 'HEAD', 'PUT']),
    path: path + query,
    host: dice.pick(hosts),
    from: dice.pick(addresses),
    headers,
  }
}

/** An origin, perhaps a preflight of it; and what the backend is to do (see decisions.ts). */
function forActions(dice: Chance): [string, string][] {
  const headers: [string, string][] = []
  if (dice.hit(0.5)) headers.push(['origin', dice.pick(['https://a.test', 'http://b.test', 'https://B.test', 'null'])])
  if (headers.length > 0 && dice.hit(0.5)) {
    headers.push(['access-control-request-method', dice.pick(['PUT', 'GET'])])
    if (dice.hit(0.5)) headers.push(['access-control-request-headers', 'x-b,x-d'])
  }
  if (dice.hit(0.4))
    headers.push(['x-fail', `${dice.pick(['503', '500', '502', '409', '418', '404'])} ${dice.whole(1, 4)}`])
  return headers
}

/** Each name once: "the first of that name" is more than a regex can say. */
function cookies(dice: Chance): string {
  const pairs = [`user=${dice.pick(words)}`, `group=${dice.pick(words)}`, 'a=b'].filter(() => dice.hit(0.7))
  if (dice.hit(0.5)) pairs.reverse()
  return pairs.length === 0 ? 'a=b' : pairs.join(dice.pick(['; ', ';']))
}

function some<T>(dice: Chance, least: number, most: number, make: () => T): T[] {
  return Array.from({ length: dice.whole(least, most) }, make)
}
