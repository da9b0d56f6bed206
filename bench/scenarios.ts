// What is asked of every contender. A scenario is one kind of request, or one line-up that answers it.

import { encrypting, everyone, main, manyRules, twoWorkers } from './line-up.ts'

export interface Scenario {
  readonly name: string
  readonly title: string
  readonly method: 'GET' | 'POST'
  readonly path: string
  /** Bytes of the request's body. */
  readonly bodyBytes: number
  /** Each request opens a connection of its own. */
  readonly newConnections: boolean
  /** The fields differ from request to request. */
  readonly numbered: boolean
  /** Over TLS. */
  readonly secure: boolean
  /** Names of who takes part, and of the few who do with --quick. */
  readonly contenders: readonly string[]
  readonly quickly: readonly string[]
}

const core = ['graylane', 'nginx', 'envoy']

function scenario(name: string, title: string, path: string, further: Partial<Scenario> = {}): Scenario {
  return {
    name,
    title,
    method: 'GET',
    path,
    bodyBytes: 0,
    newConnections: false,
    numbered: false,
    secure: false,
    contenders: namesOf(main),
    quickly: core,
    ...further,
  }
}

const pairs = manyRules.flatMap(({ name }) => [name.slice(0, name.indexOf(',')), name])

/** Those that are set up for TLS as well. */
const secured = [encrypting.name, 'nginx']

export const scenarios: readonly Scenario[] = [
  scenario('small', 'small GET, browser headers', '/', {
    contenders: [...namesOf(main), encrypting.name],
    quickly: [...core, 'haproxy', '@fastify/http-proxy', 'direct'],
  }),
  scenario('numbered', 'small GET, other fields each time', '/', { numbered: true, contenders: core, quickly: [] }),
  scenario('1k', '1 KiB answer', '/1k', { quickly: [] }),
  scenario('64k', '64 KiB answer', '/64k'),
  scenario('1m', '1 MiB answer', '/1m'),
  scenario('post-1k', 'POST of 1 KiB', '/post', { method: 'POST', bodyBytes: 1024 }),
  scenario('post-1m', 'POST of 1 MiB', '/post', { method: 'POST', bodyBytes: 1024 * 1024, quickly: [] }),
  scenario('new-connection', 'new connection per request', '/', { newConnections: true }),
  scenario('https', 'small GET over TLS', '/', { secure: true, contenders: secured, quickly: [] }),
  scenario('https-64k', '64 KiB answer over TLS', '/64k', { secure: true, contenders: secured, quickly: [] }),
  scenario('https-1m', '1 MiB answer over TLS', '/1m', { secure: true, contenders: secured, quickly: [] }),
  scenario('https-new', 'new TLS connection per request', '/', {
    secure: true,
    newConnections: true,
    contenders: secured,
    quickly: [],
  }),
  scenario('rules', '1000 rules more', '/', { contenders: pairs, quickly: pairs.slice(0, 2) }),
  scenario('workers', 'two workers', '/', {
    contenders: ['graylane', twoWorkers.name],
    quickly: ['graylane', twoWorkers.name],
  }),
]

function namesOf(contenders: readonly { readonly name: string }[]): readonly string[] {
  return contenders.map(({ name }) => name)
}

/** What a browser sends for a page, about 650 bytes with the pin. `mallory` must not be taken for jason. */
export function browserHeaders(pin: string): readonly (readonly [name: string, value: string])[] {
  const agent =
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36'
  const accept = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8'
  const cookies = `_ga=GA1.2.1234567890.1700000000; session=4f6a1b2c3d4e5f60718293a4b5c6d7e8; ${pin}; theme=dark`
  return [
    ['Host', 'shop.example.com'],
    ['User-Agent', agent],
    ['Accept', accept],
    ['Accept-Language', 'en-US,en;q=0.9,de;q=0.8'],
    ['Accept-Encoding', 'gzip, deflate, br, zstd'],
    ['Referer', 'https://shop.example.com/catalog/items?page=2'],
    ['Sec-Fetch-Dest', 'document'],
    ['Sec-Fetch-Mode', 'navigate'],
    ['Sec-Fetch-Site', 'same-origin'],
    ['Upgrade-Insecure-Requests', '1'],
    ['X-User', 'mallory'],
    ['Cookie', cookies],
  ]
}

export function findScenario(name: string): Scenario | undefined {
  return scenarios.find((one) => one.name === name)
}

export const contenderNames: readonly string[] = namesOf(everyone)
