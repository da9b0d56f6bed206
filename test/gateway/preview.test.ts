import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { rawRequest, type Answer } from '../admin/raw-request.ts'
import { graylane } from '../cli/graylane-process.ts'
import { loadConfiguration } from '../../src/config/load.ts'
import { createPreviewLink } from '../../src/preview-link.ts'
import { previewRedirect } from '../../src/proxy/edge-answers.ts'
import { type Echo, type EchoBackend, startEchoBackend } from '../support/echo-backend.ts'
import { type StartedGateway, startGateway } from '../support/started-gateway.ts'

const key = 'a key for previews, of 32 bytes and more'
const start = 1_800_000_000

let backends: EchoBackend[]
let edge: StartedGateway
let address: string
/** The clock of the gateway. */
let now = start

beforeAll(async () => {
  backends = await Promise.all(['v1', 'v2', 'v3'].map((version) => startEchoBackend('app', version)))
  edge = await startGateway(routes(), { nowSeconds: () => now }, { 'pin.key': key })
  address = `127.0.0.1:${edge.port}`
})
afterAll(async () => {
  await edge.close()
  await Promise.all(backends.map((backend) => backend.close()))
})

function routes(): string {
  const [v1, v2, v3] = backends.map(({ url }) => url)
  return `name: shop
listen: [{ port: 0, address: 127.0.0.1 }]
trust: [127.0.0.0/8]
services: { app: }
versions: { v1: { app: "${v1}" }, v2: { app: "${v2}" }, v3: { app: "${v3}" } }
stable: v1
gray: [{ version: v3, match: [{ cookies: { user: { exact: jason } } }] }]
pin: { epoch: 2, keys: [{ file: pin.key }] }
accessLog: off
`
}

async function linkTo(
  version: string,
  wish: { expiresAt?: number; release?: string; key?: string; epoch?: number } = {},
): Promise<URL> {
  const loaded = await loadConfiguration(edge.configPath)
  if (!('configuration' in loaded)) throw new Error('not loaded')
  const { configuration } = loaded
  const [release] = configuration.releases
  const made = createPreviewLink(
    {
      ...configuration,
      releases: [{ ...release!, name: wish.release ?? 'shop', pin: { ...release!.pin, epoch: wish.epoch ?? 2 } }],
      keys: new Map([
        [
          wish.release ?? 'shop',
          wish.key === undefined
            ? configuration.keys.get('shop')!
            : [{ id: 'ffffffff', secret: Buffer.from(wish.key) }],
        ],
      ]),
    },
    { version, url: 'http://shop.example/page?a=1', expiresAt: wish.expiresAt ?? start + 7200 },
  )
  if ('refused' in made) throw new Error(made.refused)
  return new URL(made.link)
}

const page = ['Accept: text/html', 'Sec-Fetch-Mode: navigate']
const script = ['Accept: */*', 'Sec-Fetch-Mode: no-cors', 'Sec-Fetch-Dest: script']

function get(target: string, cookies: readonly string[], fields: readonly string[], method = 'GET'): Promise<Answer> {
  const cookie = cookies.length === 0 ? [] : [`Cookie: ${cookies.join('; ')}`]
  return rawRequest(address, { method, target, fields: ['Host: shop.example', ...cookie, ...fields] })
}

const pairOf = (answer: Answer): string => (answer.fields.get('set-cookie') ?? '').split(';')[0] as string
const asked = (answer: Answer): string => answer.fields.get('x-version') ?? String(answer.status)

/** Opens a link; gives the preview cookie. */
async function open(version: string): Promise<string> {
  const { pathname, search } = await linkTo(version)
  return pairOf(await get(pathname + search, [], page))
}

async function pinned(): Promise<string> {
  return pairOf(await get('/', [], page))
}

describe('a preview link', () => {
  it('sets a session cookie that scripts cannot read, and leads to the page without the token', async () => {
    const { pathname, search } = await linkTo('v2')
    const answer = await get(pathname + search, [], page)
    expect(answer.status).toBe(302)
    expect(answer.fields.get('location')).toBe('/page?a=1')
    expect(answer.fields.get('set-cookie')).toMatch(
      /^graylane-preview=1\.[0-9a-f]{8}\.v2\.2\.\d+\.[\w-]{22}; Path=\/; HttpOnly; SameSite=Lax$/,
    )
    expect([answer.fields.get('cache-control'), answer.fields.get('referrer-policy')]).toEqual([
      'no-store',
      'no-referrer',
    ])
  })

  it('never leads to another host', async () => {
    const { search } = await linkTo('v2')
    const answer = await get(`//evil.example/${search}`, [], page)
    expect(answer.fields.get('location')).toBe('/evil.example/?a=1')
  })

  // Where `path` leaves slashes as they are.
  it.each(['//evil.example/', '///evil.example/', '/\\evil.example/'])('nor does it from %s', (path) => {
    const { fields } = previewRedirect(path, { setCookie: '', query: '' }, false)
    expect(fields.find(([name]) => name === 'location')).toEqual(['location', '/evil.example/'])
  })

  it.each<[string, () => Promise<URL>]>([
    ['has ended', () => linkTo('v2', { expiresAt: start })],
    ['is of another release', () => linkTo('v2', { release: 'other' })],
    ['is signed with another key', () => linkTo('v2', { key: 'another key, of 32 bytes and more too' })],
    ['is of an older epoch', () => linkTo('v2', { epoch: 1 })],
    ['was changed to another version', async () => new URL(String(await linkTo('v2')).replace('.v2.', '.v3.'))],
    [
      'was made to last longer',
      async () => new URL(String(await linkTo('v2')).replace(String(start + 7200), String(start + 9999))),
    ],
    ['is no token at all', async () => new URL('http://shop.example/page?graylane-preview=x')],
    ['is a preview cookie', async () => new URL(`http://shop.example/page?${await open('v2')}`)],
  ])('is refused when it %s', async (_why, link) => {
    const { pathname, search } = await link()
    const answer = await get(pathname + search, [], page)
    expect([answer.status, answer.fields.get('set-cookie')]).toEqual([403, undefined])
    expect(answer.body).toContain('EDGE_PREVIEW_ENDED')
  })
})

describe('a preview', () => {
  it('outranks the pin and the rules, for pages and what belongs to them', async () => {
    const [preview, pin] = [await open('v2'), await pinned()]
    expect(asked(await get('/', [preview, pin], page))).toBe('v2')
    expect(asked(await get('/app.js', [preview, pin], script))).toBe('v2')
    expect(asked(await get('/api', [preview, pin], [], 'POST'))).toBe('v2')
    expect(asked(await get('/', [preview, 'user=jason'], page))).toBe('v2')
    expect(edge.records.at(-1)).toMatchObject({ reason: 'preview', version: 'v2' })
  })

  it('writes no pin and lets nothing be stored', async () => {
    const preview = await open('v2')
    for (const fields of [page, script]) {
      const answer = await get(
        '/a.abcdef0123.js',
        [preview],
        [...fields, 'x-echo-cache-control: public, max-age=31536000'],
      )
      expect([answer.fields.get('cache-control'), answer.fields.get('set-cookie')]).toEqual(['no-store', undefined])
    }
  })

  it('is not shown to the backend, nor is the pin beside it', async () => {
    const { fields } = JSON.parse((await get('/', [await open('v2'), await pinned(), 'a=b'], page)).body) as Echo
    expect(fields.filter(([name]) => name.toLowerCase() === 'cookie')).toEqual([['cookie', 'a=b']])
  })

  it('leaves a page alone that says it is of a version it was given before', async () => {
    const [preview, pin] = [await open('v2'), await pinned()]
    expect(asked(await get('/app.js', [preview, pin], [...script, 'x-page-version: v1']))).toBe('v1')
    expect(asked(await get('/app.js', [preview, pin], [...script, 'x-page-version: v2']))).toBe('v2')
    // Of a third version, which the pin does not hold: neither the preview's answer nor the pin's would be its own.
    expect((await get('/app.js', [preview, pin], [...script, 'x-page-version: v3'])).status).toBe(409)
    // The preview is over, and its tab still open.
    expect((await get('/app.js', [pin], [...script, 'x-page-version: v2'])).status).toBe(409)
  })

  it.each([
    ['forged', (value: string) => value.replace('.v2.', '.v3.')],
    ['cut short', (value: string) => value.slice(0, -1)],
    ['empty', () => 'graylane-preview='],
  ])('that is %s is none', async (_how, change) => {
    const answer = await get('/', [change(await open('v2'))], page)
    expect(asked(answer)).toBe('v1')
  })

  it('does not take a link for a cookie, nor a pin', async () => {
    const token = (await linkTo('v2')).searchParams.get('graylane-preview')
    expect(asked(await get('/', [`graylane-preview=${token}`], page))).toBe('v1')
    expect(asked(await get('/', [`graylane=${token}`], page))).toBe('v1')
    const [, value] = (await pinned()).split('=')
    expect(asked(await get('/', [`graylane-preview=${value}`], page))).toBe('v1')
  })

  it('ends by itself: the next page takes the cookie away and follows the pin, an open page is told to reload', async () => {
    const [preview, pin] = [await open('v2'), await pinned()]
    now = start + 7200
    try {
      const stale = await get('/app.js', [preview, pin], script)
      expect([stale.status, JSON.parse(stale.body)]).toEqual([
        409,
        expect.objectContaining({ pinned: 'v2', current: 'v1', reload: true }),
      ])
      expect(asked(await get('/app.js', [preview, pin], [...script, 'x-page-version: v1']))).toBe('v1')
      const next = await get('/', [preview, pin], page)
      expect(asked(next)).toBe('v1')
      expect(next.fields.get('set-cookie')).toMatch(/^graylane-preview=; .*Max-Age=0$/)
    } finally {
      now = start
    }
  })

  it('ends for a frame with the page around it, which for a page of another host is the frame itself', async () => {
    const [preview, pin] = [await open('v2'), await pinned()]
    const frame = (site: string) =>
      get('/', [preview, pin], [...page, 'Sec-Fetch-Dest: iframe', `Sec-Fetch-Site: ${site}`])
    expect(asked(await frame('same-site'))).toBe('v2')
    now = start + 7200
    try {
      expect((await frame('same-origin')).status).toBe(409)
      const visit = await frame('same-site')
      expect(asked(visit)).toBe('v1')
      expect(visit.fields.get('set-cookie')).toMatch(/^graylane-preview=; .*Max-Age=0$/)
    } finally {
      now = start
    }
  })

  it('has browsers forget what they loaded ahead of the other version, at its begin and at its end', async () => {
    const { pathname, search } = await linkTo('v2')
    const opened = await get(pathname + search, [], [...page, 'X-Forwarded-Proto: https'])
    expect(opened.fields.get('clear-site-data')).toBe('"prefetchCache", "prerenderCache"')
    now = start + 7200
    try {
      const next = await get('/', [pairOf(opened)], [...page, 'X-Forwarded-Proto: https'])
      expect(next.fields.get('clear-site-data')).toBe('"prefetchCache", "prerenderCache"')
    } finally {
      now = start
    }
  })

  it('ends with the epoch, and with its version', async () => {
    const preview = await open('v2')
    for (const change of [
      (yaml: string) => yaml.replace('epoch: 2', 'epoch: 3'),
      (yaml: string) => yaml.replace(/ v2: \{ app: "[^"]*" \},/, ''),
    ]) {
      await edge.reload(change(routes()))
      expect(asked(await get('/', [preview], page))).toBe('v1')
      expect((await get('/app.js', [preview], script)).status).toBe(409)
      await edge.reload(routes())
    }
  })
})

describe('graylane preview', () => {
  const run = (...args: string[]) => graylane(['preview', ...args, '--config', edge.configPath])

  it('prints a link that the gateway opens', async () => {
    now = Math.floor(Date.now() / 1000)
    try {
      const { code, out } = await run('v2', '--url', 'http://shop.example/page?a=1', '--ttl', '10m')
      expect(code).toBe(0)
      const { pathname, search } = new URL(out.trim())
      const answer = await get(pathname + search, [], page)
      expect([answer.status, answer.fields.get('location')]).toEqual([302, '/page?a=1'])
      expect(asked(await get('/page', [pairOf(answer)], page))).toBe('v2')
    } finally {
      now = start
    }
  })

  it.each([
    [['v9'], 1, /version v9 is not listed/],
    [['v2'], 1, /answers for any host: say which page/],
    [['v2', '--url', 'ftp://x/'], 1, /no http or https address/],
    [['v2', '--ttl', 'soon'], 2, /--ttl wants a duration/],
    [[], 2, /which VERSION\?/],
  ] as const)('refuses %j', async (args, code, message) => {
    const { code: ended, err } = await run(...args)
    expect([ended, err]).toEqual([code, expect.stringMatching(message)])
  })

  describe('of several releases', () => {
    const wish = { version: 'v2', release: 'shop', expiresAt: start }
    const linkFor = async (url: string | undefined): Promise<string> => {
      const loaded = await loadConfiguration(edge.configPath)
      if (!('configuration' in loaded)) throw new Error('not loaded')
      const { configuration } = loaded
      const [shop] = configuration.releases
      const releases = [
        { ...shop!, hosts: ['shop.example', '*.shop.example'] },
        { ...shop!, name: 'help', hosts: ['help.shop.example'] },
      ]
      const made = createPreviewLink({ ...configuration, releases }, { ...wish, url })
      return 'refused' in made ? made.refused : made.link.replace(/=.*/, '')
    }

    it.each([undefined, 'http://SHOP.example./', 'http://shop.example:8080/', 'https://a.shop.example/'])(
      'opens a page where its own answers: %s',
      async (url) => {
        expect(await linkFor(url)).toContain('?graylane-preview')
      },
    )

    it.each([
      ['http://help.shop.example/', 'release help answers for help.shop.example'],
      ['https://example.com:8443/', 'no release answers for example.com:8443'],
    ])('refuses a page where it would be taken for none of ours: %s', async (url, why) => {
      expect(await linkFor(url)).toBe(`${why}: shop answers for shop.example, *.shop.example`)
    })
  })
})
