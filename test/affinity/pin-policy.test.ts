import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { RequestMarks } from '../../src/affinity/page-kind.ts'
import type { PinSpec } from '../../src/rules/release.ts'
import type { PinState } from '../../src/rules/types.ts'
import { pinOut, pinToWrite, seedFor, setCookieLine } from '../../src/affinity/pin-policy.ts'
import type { Decision, PageKind, Pin, PinReading, Reason } from '../../src/rules/types.ts'
import { pinSpec, releaseSpec } from './release-spec.ts'

const now = 1_800_000_000
const hour = 3600
const release = releaseSpec({ stable: 'v1', pin: { ttlSeconds: 8 * hour, epoch: 2 } })

interface Row {
  readonly says: string
  readonly kind?: PageKind
  /** The pin that came; undefined for none. */
  readonly pin?: Partial<Pin>
  readonly pinIn?: PinState
  readonly decided: string
  readonly reason: Reason
  readonly action?: Decision['action']
  readonly method?: string
  readonly fields?: Readonly<Record<string, string>>
  readonly contentType?: string | undefined
  readonly status?: number
  /** Further fields of the answer. */
  readonly answer?: Readonly<Record<string, string>>
  /** What is written; undefined for nothing. */
  readonly writes?: Partial<Pin>
}

const seed = 'seed-of-the-pin_'

function write(row: Row): Pin | undefined {
  const came: Pin = {
    version: 'v1',
    epoch: 2,
    issuedAt: now - 60,
    seed,
    history: [row.pin?.version ?? 'v1'],
    ...row.pin,
  }
  const pinIn = row.pinIn ?? (row.pin === undefined ? 'none' : 'held')
  const reading: PinReading = pinIn === 'held' || pinIn === 'stale' ? { state: pinIn, pin: came } : { state: 'none' }
  const fields = row.fields ?? {}
  const request: RequestMarks = { method: row.method ?? 'GET', get: (name) => fields[name] }
  return pinToWrite({
    release,
    visit: {
      kind: row.kind ?? 'document',
      reading,
      pageVersion: undefined,
      identity: undefined,
      seed: reading.state === 'none' ? 'a-new-seed-of-16' : reading.pin.seed,
      nowSeconds: now - 5,
      available: () => true,
      settling: undefined,
    },
    decision: { action: row.action ?? 'serve', version: row.decided, reason: row.reason, rule: undefined },
    pinIn,
    pinMoved: false,
    request,
    status: row.status ?? 200,
    head: { get: (name) => (name === 'content-type' ? row.contentType : row.answer?.[name]) },
    nowSeconds: now,
  })
}

const whole = (version: string, given: Partial<Pin> = {}): Pin => ({
  version,
  epoch: 2,
  issuedAt: now,
  seed,
  history: [version],
  ...given,
})
const first = (version: string): Pin => whole(version, { seed: 'a-new-seed-of-16' })

const documents: readonly Row[] = [
  { says: 'a first visit on stable', decided: 'v1', reason: 'stable', writes: first('v1') },
  { says: 'a first visit by a rule', decided: 'v2', reason: 'rule', writes: first('v2') },
  { says: 'a first visit by a share', decided: 'v2', reason: 'share', writes: first('v2') },
  { says: 'a forged pin', pinIn: 'forged', decided: 'v1', reason: 'stable', writes: first('v1') },
  { says: 'two pins that differ', pinIn: 'two', decided: 'v1', reason: 'stable', writes: first('v1') },
  { says: 'a young pin that still holds', pin: { version: 'v2' }, decided: 'v2', reason: 'pin' },
  { says: 'a young pin that the rule repeats', pin: { version: 'v2' }, decided: 'v2', reason: 'rule' },
  { says: 'a young pin to stable', pin: { version: 'v1' }, decided: 'v1', reason: 'stable' },
  {
    says: 'a rule that moves from stable',
    pin: { version: 'v1' },
    decided: 'v2',
    reason: 'rule',
    writes: whole('v2', { history: ['v2', 'v1'] }),
  },
  {
    says: 'an expired pin that comes home',
    pin: { version: 'v2', issuedAt: now - 9 * hour },
    decided: 'v1',
    reason: 'stable',
    writes: whole('v1', { history: ['v1', 'v2'] }),
  },
  {
    says: 'a draining version that is left',
    pin: { version: 'v2', history: ['v2', 'v3'] },
    decided: 'v1',
    reason: 'stable',
    writes: whole('v1', { history: ['v1', 'v2', 'v3'] }),
  },
  {
    says: 'a fourth version, which drops the oldest',
    pin: { version: 'v4', history: ['v4', 'v3', 'v2'] },
    decided: 'v1',
    reason: 'rule',
    writes: whole('v1', { history: ['v1', 'v4', 'v3'] }),
  },
  {
    says: 'a version that was given before, which moves to the front',
    pin: { version: 'v1', history: ['v1', 'v2', 'v3'] },
    decided: 'v2',
    reason: 'rule',
    writes: whole('v2', { history: ['v2', 'v1', 'v3'] }),
  },
  {
    says: 'a fallback, so that the subresources follow the page to stable',
    pin: { version: 'v2' },
    decided: 'v1',
    reason: 'fallback',
    writes: whole('v1', { history: ['v1', 'v2'] }),
  },
  { says: 'a fallback of a first visit', decided: 'v1', reason: 'fallback', writes: first('v1') },
  { says: 'a fallback of one who was on stable', pin: { version: 'v1' }, decided: 'v1', reason: 'fallback' },
  {
    says: 'a version that is not listed any more',
    pin: { version: 'v0', history: ['v0', 'v1'] },
    pinIn: 'stale',
    decided: 'v1',
    reason: 'stable',
    writes: whole('v1', { history: ['v1', 'v0'] }),
  },
  {
    says: 'an old epoch, whose promises are void but whose draw stays',
    pin: { version: 'v2', epoch: 1, history: ['v2', 'v3'] },
    pinIn: 'stale',
    decided: 'v2',
    reason: 'rule',
    writes: whole('v2', { history: ['v2'] }),
  },
  { says: "another gateway's newer epoch", pin: { version: 'v1', epoch: 3 }, decided: 'v1', reason: 'stable' },
  {
    says: "another gateway's newer epoch, when renewed",
    pin: { version: 'v1', epoch: 3, issuedAt: now - 2 * hour },
    decided: 'v1',
    reason: 'stable',
    writes: whole('v1', { epoch: 3 }),
  },
  {
    says: "another gateway's newer epoch, when we decide anew",
    pin: { version: 'v1', epoch: 3 },
    decided: 'v2',
    reason: 'rule',
    writes: whole('v2', { history: ['v2', 'v1'] }),
  },
  { says: 'a pin of exactly ttl/8', pin: { version: 'v1', issuedAt: now - hour }, decided: 'v1', reason: 'stable' },
  {
    says: 'a pin older than ttl/8 that stable still gives',
    pin: { version: 'v1', issuedAt: now - hour - 1, history: ['v1', 'v2'] },
    decided: 'v1',
    reason: 'pin',
    writes: whole('v1', { history: ['v1', 'v2'] }),
  },
  {
    says: 'a pin older than ttl/8 that a rule still gives',
    pin: { version: 'v2', issuedAt: now - hour - 1 },
    decided: 'v2',
    reason: 'rule',
    writes: whole('v2'),
  },
  {
    says: 'a pin older than ttl/8 that a share still gives',
    pin: { version: 'v2', issuedAt: now - hour - 1 },
    decided: 'v2',
    reason: 'share',
    writes: whole('v2'),
  },
  {
    says: 'a pin older than ttl/8 that nothing else gives',
    pin: { version: 'v2', issuedAt: now - 2 * hour },
    decided: 'v2',
    reason: 'pin',
  },
  { says: 'a pin from the future', pin: { version: 'v1', issuedAt: now + hour }, decided: 'v1', reason: 'stable' },
  ...[
    { says: 'nothing (204)', status: 204 },
    { says: 'nothing, and the form emptied (205)', status: 205 },
    { says: 'a file to be saved', answer: { 'content-disposition': 'Attachment; filename="a.html"' } },
    { says: 'a type that browsers save', contentType: 'application/zip' },
    { says: 'a table that browsers save', contentType: 'text/csv; charset=utf-8' },
  ].map((row) => ({ ...row, pin: { version: 'v1' }, decided: 'v2', reason: 'rule' }) as const),
  ...[
    'text/html',
    'application/xhtml+xml',
    'application/pdf',
    'application/unknown',
    'image/svg+xml',
    'video/webm',
    'x',
    undefined,
  ].map((contentType) => ({
    says: `what browsers show: ${contentType}`,
    contentType,
    answer: { 'content-disposition': 'inline; filename="attachment"' },
    pin: { version: 'v1' },
    decided: 'v2',
    reason: 'rule' as const,
    writes: whole('v2', { history: ['v2', 'v1'] }),
  })),
  ...[
    ['what Chromium does not know', 'image/x-unknown'],
    ['a film of a kind that browsers save', 'video/x-msvideo'],
    ['bytes as S3 calls them', 'binary/octet-stream'],
  ].map(([says, contentType]) => ({
    says: says!,
    contentType,
    pin: { version: 'v1' },
    decided: 'v2',
    reason: 'rule' as const,
  })),
  {
    says: 'a redirect to a program beside the browser, by a rule too',
    status: 302,
    answer: { location: 'mailto:shop@example.com' },
    pin: { version: 'v1' },
    decided: 'v2',
    reason: 'rule',
  },
  {
    says: 'a redirect under a stale pin: it may lead to a file that leaves the old page open',
    status: 302,
    pin: { version: 'v0' },
    pinIn: 'stale',
    decided: 'v2',
    reason: 'stable',
  },
  ...[301, 302, 303, 307, 308].map((status) => ({
    says: `a redirect (${status}) that is decided like what it leads to`,
    status,
    pin: { version: 'v1' },
    decided: 'v2',
    reason: 'share' as const,
  })),
  {
    says: 'a page that the browser holds (304)',
    status: 304,
    pin: { version: 'v1' },
    decided: 'v2',
    reason: 'stable',
    writes: whole('v2', { history: ['v2', 'v1'] }),
  },
  {
    says: 'a redirect by a rule',
    status: 302,
    pin: { version: 'v1' },
    decided: 'v2',
    reason: 'rule',
    writes: whole('v2', { history: ['v2', 'v1'] }),
  },
  { says: 'HEAD of a first visit', method: 'HEAD', decided: 'v1', reason: 'stable' },
  { says: 'an answer that was 503 by decision', action: 'unavailable', decided: 'v2', reason: 'unavailable' },
  {
    says: 'a browser with fetch metadata, as any other',
    fields: { 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' },
    decided: 'v1',
    reason: 'stable',
    writes: first('v1'),
  },
]

const navigation = (dest: string, site: string): Record<string, string> => ({
  accept: 'text/html',
  'sec-fetch-mode': 'navigate',
  'sec-fetch-dest': dest,
  'sec-fetch-site': site,
})
const json = 'application/json'
const subresource = { kind: 'subresource', decided: 'v2', reason: 'rule', contentType: json } as const

const subresources: readonly Row[] = [
  { ...subresource, says: 'an API client without any pin', writes: first('v2') },
  { ...subresource, says: 'its POST', method: 'POST', writes: first('v2') },
  { ...subresource, says: 'its HTML answer', contentType: 'text/html', writes: first('v2') },
  { ...subresource, says: 'an API client whose pin is forged, which is no pin', pinIn: 'forged', writes: first('v2') },
  { ...subresource, says: 'a fallback of an API client', decided: 'v1', reason: 'fallback', writes: first('v1') },
  { ...subresource, says: 'a pinned client', pin: { version: 'v2' }, reason: 'pin' },
  {
    ...subresource,
    says: 'a pinned client whose page named another version',
    pin: { version: 'v1', history: ['v1', 'v2'] },
    reason: 'page',
  },
  {
    ...subresource,
    says: 'an expired pin, which binds subresources all the same',
    pin: { version: 'v2', issuedAt: 0 },
    reason: 'pin',
  },
  { ...subresource, says: 'two pins that differ', pinIn: 'two' },
  { ...subresource, says: 'a stale pin', pin: { version: 'v0' }, pinIn: 'stale', action: 'reload', reason: 'stale' },
  {
    ...subresource,
    says: 'a stale pin where onStale is stable',
    pin: { version: 'v0' },
    pinIn: 'stale',
    decided: 'v1',
    reason: 'stale',
  },
  {
    ...subresource,
    says: 'a client with fetch metadata',
    fields: { 'sec-fetch-mode': 'cors', 'sec-fetch-dest': 'empty' },
  },
  { ...subresource, says: 'a client with Sec-Fetch-Site only', fields: { 'sec-fetch-site': 'none' } },
  { ...subresource, says: 'a static answer', contentType: 'text/javascript' },
  { ...subresource, says: 'HEAD', method: 'HEAD' },
  { ...subresource, says: 'OPTIONS', method: 'OPTIONS' },
  { ...subresource, says: 'a prefetched API answer', fields: { 'sec-purpose': 'prefetch' } },
  ...[
    { says: 'a page that is prefetched', fields: { 'sec-purpose': 'prefetch', accept: 'text/html' } },
    { says: 'the answer to a form of another site', method: 'POST', fields: navigation('document', 'cross-site') },
    { says: 'a frame', fields: navigation('iframe', 'same-origin') },
    {
      says: 'a form of a browser with two pins that differ',
      pinIn: 'two' as const,
      method: 'POST',
      fields: navigation('document', 'none'),
    },
  ].flatMap((row) => {
    const shown = { ...subresource, ...row, contentType: 'text/html' } as const
    return [
      { ...shown, writes: first('v2') },
      { ...shown, says: `${row.says}, answered by a redirect`, status: 303 },
      {
        ...shown,
        says: `${row.says}, answered by a file to be saved`,
        answer: { 'content-disposition': 'attachment' },
      },
      { ...shown, says: `${row.says}, under a pin`, pinIn: 'held' as const, pin: { version: 'v1' } },
    ] as const
  }),
  { ...subresource, says: 'an upgrade', fields: { upgrade: 'websocket' } },
  { ...subresource, says: 'a preflight', kind: 'preflight', method: 'OPTIONS', decided: 'v1', reason: 'preflight' },
]

describe('documents are pinned, and only what is shown in the place of a page', () => {
  test.each(documents)('$says', (row) => {
    expect(write(row)).toEqual(row.writes)
  })
})

describe('subresources are pinned, of scripts and where they are shown as a page that has no pin', () => {
  test.each(subresources)('$says', (row) => {
    expect(write(row)).toEqual(row.writes)
  })

  test('an answer without a type counts as static', () => {
    expect(write({ says: '', kind: 'subresource', decided: 'v2', reason: 'rule' })).toBeUndefined()
  })
})

describe('what the log says of the pin', () => {
  const pin = whole('v1')
  test.each([
    { says: 'a pin that was written is set', reading: { state: 'none' }, written: pin, out: 'set' },
    { says: 'a renewed pin is set', reading: { state: 'held', pin }, written: pin, out: 'set' },
    { says: 'a pin that holds is kept', reading: { state: 'held', pin }, written: undefined, out: 'kept' },
    { says: 'a stale pin is not kept', reading: { state: 'stale', pin }, written: undefined, out: 'none' },
    { says: 'nothing is none', reading: { state: 'none' }, written: undefined, out: 'none' },
  ] as const)('$says', ({ reading, written, out }) => {
    expect(pinOut(reading, written)).toBe(out)
  })
})

const bytes = (size: number): Uint8Array => new Uint8Array(size).fill(0xff)

describe('the seed', () => {
  const none: PinReading = { state: 'none' }

  test("a pin's seed stays, held or stale, whoever logs in", () => {
    expect(seedFor('shop', { state: 'held', pin: whole('v1') }, 'jason', bytes)).toBe(seed)
    expect(seedFor('shop', { state: 'stale', pin: whole('v1') }, 'jason', bytes)).toBe(seed)
  })

  test('an identity draws the same each time, and anew in each release', () => {
    const digest = createHash('sha256').update('graylane seed\nshop\njason').digest().subarray(0, 12)
    expect(seedFor('shop', none, 'jason', bytes)).toBe(digest.toString('base64url'))
    expect(seedFor('shop2', none, 'jason', bytes)).not.toBe(digest.toString('base64url'))
    expect(seedFor('shop', none, 'anna', bytes)).not.toBe(digest.toString('base64url'))
  })

  test('without both it is random', () => {
    expect(seedFor('shop', none, undefined, bytes)).toBe('_'.repeat(16))
    expect(seedFor('shop', none, undefined, (size) => new Uint8Array(size))).toBe('A'.repeat(16))
  })
})

describe('Set-Cookie', () => {
  const maxAge = 8 * hour + 7 * 24 * hour
  interface Row {
    readonly says: string
    readonly spec: Partial<PinSpec>
    readonly encrypted: boolean
    readonly access?: string
    readonly line: string
  }
  test.each<Row>([
    {
      says: 'on plain http',
      spec: {},
      encrypted: false,
      line: `graylane=VALUE; Path=/; Max-Age=${maxAge}; HttpOnly; Priority=High; SameSite=Lax`,
    },
    {
      says: 'on https',
      spec: {},
      encrypted: true,
      line: `__Host-graylane=VALUE; Path=/; Max-Age=${maxAge}; HttpOnly; Priority=High; SameSite=Lax; Secure`,
    },
    {
      says: 'on https with a domain, which __Host- forbids',
      spec: { domain: 'shop.test' },
      encrypted: true,
      line: `graylane=VALUE; Path=/; Domain=shop.test; Max-Age=${maxAge}; HttpOnly; Priority=High; SameSite=Lax; Secure`,
    },
    {
      says: 'on plain http with a domain',
      spec: { domain: 'shop.test' },
      encrypted: false,
      line: `graylane=VALUE; Path=/; Domain=shop.test; Max-Age=${maxAge}; HttpOnly; Priority=High; SameSite=Lax`,
    },
    {
      says: 'SameSite=None on https',
      spec: { sameSite: 'none' },
      encrypted: true,
      line: `__Host-graylane=VALUE; Path=/; Max-Age=${maxAge}; HttpOnly; Priority=High; SameSite=None; Secure`,
    },
    {
      says: 'SameSite=None on plain http, where browsers would refuse it',
      spec: { sameSite: 'none' },
      encrypted: false,
      line: `graylane=VALUE; Path=/; Max-Age=${maxAge}; HttpOnly; Priority=High; SameSite=Lax`,
    },
    ...['none', 'inactive'].map((access): Row => ({
      says: `for the page around a frame alone, to which the browser gives no cookies of the site (${access})`,
      spec: { sameSite: 'none' },
      encrypted: true,
      access,
      line: `__Host-graylane=VALUE; Path=/; Max-Age=${maxAge}; HttpOnly; Priority=High; SameSite=None; Secure; Partitioned`,
    })),
    {
      says: 'for every page around a frame that has the cookies of the site',
      spec: { sameSite: 'none' },
      encrypted: true,
      access: 'active',
      line: `__Host-graylane=VALUE; Path=/; Max-Age=${maxAge}; HttpOnly; Priority=High; SameSite=None; Secure`,
    },
    {
      says: 'not for a page around alone where SameSite=Lax keeps it from frames anyway',
      spec: {},
      encrypted: true,
      access: 'none',
      line: `__Host-graylane=VALUE; Path=/; Max-Age=${maxAge}; HttpOnly; Priority=High; SameSite=Lax; Secure`,
    },
    {
      says: 'another name and ttl',
      spec: { cookie: 'lane', ttlSeconds: 60 },
      encrypted: false,
      line: `lane=VALUE; Path=/; Max-Age=604860; HttpOnly; Priority=High; SameSite=Lax`,
    },
  ])('$says', ({ spec, encrypted, access, line }) => {
    const request = new Map(access === undefined ? [] : [['sec-fetch-storage-access', access]])
    expect(setCookieLine(pinSpec(spec), 'VALUE', encrypted, request)).toBe(line)
  })
})
