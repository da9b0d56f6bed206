// The table of decide.test.ts: one row a sentence of steps 5, 6, 7 and 11 of docs/affinity.md.

import { draw } from '../../src/rules/share.ts'
import {
  held,
  matches,
  now,
  type PlainRequest,
  rule,
  share,
  type ShortRelease,
  stale,
  ttl,
  users,
  visit,
} from './specs.ts'

/** Seeds found by trying, so that no row rests on a number that somebody wrote down. */
function seedWhere(test: (seed: string) => boolean): string {
  for (let i = 0; i < 100_000; i += 1) if (test(`s${i}`)) return `s${i}`
  throw new Error('no such seed')
}
const drawn = (to: string, seed: string, percent: number): boolean => draw('shop', to, seed) < percent * 100
export const inV2 = seedWhere((seed) => drawn('v2', seed, 10) && !drawn('v3', seed, 10))
const inV3 = seedWhere((seed) => drawn('v3', seed, 10) && !drawn('v2', seed, 10))
const inBoth = seedWhere((seed) => drawn('v2', seed, 10) && drawn('v3', seed, 10))
const inNone = seedWhere((seed) => !drawn('v2', seed, 90) && !drawn('v3', seed, 90))

export const office = rule('office', 'v2', matches({ clientIp: ['192.168.0.0/16'] }))
const inOffice = { ip: '192.168.0.58' }
const testers = rule('testers', 'v3', users('jason'))
export const someV2 = rule('some', 'v2', share(10))
const someV3 = rule('few', 'v3', share(10))

export interface Row {
  readonly says: string
  readonly release?: ShortRelease
  readonly request?: Partial<PlainRequest>
  readonly visit?: Parameters<typeof visit>[0]
  /** version, reason, and the rule's label; with an action other than serve in front. */
  readonly is: string
}

export const documents: readonly Row[] = [
  { says: 'no rule and no pin: stable', is: 'v1 stable' },
  { says: 'an explicit rule that hits', release: { gray: [office] }, request: inOffice, is: 'v2 rule office' },
  { says: 'an explicit rule that misses', release: { gray: [office] }, is: 'v1 stable' },
  {
    says: 'a list of users asks for the identity',
    release: { gray: [testers] },
    visit: { identity: 'jason' },
    is: 'v3 rule testers',
  },
  {
    says: 'rules from top to bottom: the first hit decides',
    release: { gray: [office, testers] },
    request: inOffice,
    visit: { identity: 'jason' },
    is: 'v2 rule office',
  },
  {
    says: 'an explicit rule wins over a pin',
    release: { gray: [office] },
    request: inOffice,
    visit: { reading: held('v3') },
    is: 'v2 rule office',
  },
  {
    says: 'a rule may point to stable',
    release: { gray: [rule('home', 'v1', matches({ clientIp: ['192.168.0.0/16'] })), someV2] },
    request: inOffice,
    visit: { reading: held('v2'), seed: inV2 },
    is: 'v1 rule home',
  },
  { says: 'a share draws the unpinned', release: { gray: [someV2] }, visit: { seed: inV2 }, is: 'v2 share some' },
  {
    says: 'a share leaves those whom it does not draw',
    release: { gray: [someV2] },
    visit: { seed: inNone },
    is: 'v1 stable',
  },
  {
    says: 'a share moves those on stable',
    release: { gray: [someV2] },
    visit: { seed: inV2, reading: held('v1') },
    is: 'v2 share some',
  },
  {
    says: 'a share moves nobody off another version',
    release: { gray: [someV2] },
    visit: { seed: inV2, reading: held('v3') },
    is: 'v3 pin',
  },
  {
    says: 'a share takes nobody back when it falls to 0',
    release: { gray: [rule('some', 'v2', share(0))] },
    visit: { seed: inV2, reading: held('v2') },
    is: 'v2 pin',
  },
  {
    says: 'a share goes on giving its version to those it drew, so that their pins are renewed',
    release: { gray: [someV2] },
    visit: { seed: inV2, reading: held('v2') },
    is: 'v2 share some',
  },
  {
    says: 'a share keeps those it drew from the rules below it, at every load',
    release: { gray: [someV2, testers] },
    visit: { seed: inV2, identity: 'jason', reading: held('v2') },
    is: 'v2 share some',
  },
  {
    says: 'an explicit rule above a share comes first',
    release: { gray: [testers, someV2] },
    visit: { seed: inV2, identity: 'jason' },
    is: 'v3 rule testers',
  },
  {
    says: 'a share above an explicit rule comes first',
    release: { gray: [someV2, testers] },
    visit: { seed: inV2, identity: 'jason' },
    is: 'v2 share some',
  },
  {
    says: 'a visitor whom a share does not draw reaches the rules below it',
    release: { gray: [someV2, testers] },
    visit: { seed: inNone, identity: 'jason' },
    is: 'v3 rule testers',
  },
  {
    says: 'each version draws its own people',
    release: { gray: [someV2, someV3] },
    visit: { seed: inV3 },
    is: 'v3 share few',
  },
  {
    says: 'the first of two shares that draw decides',
    release: { gray: [someV2, someV3] },
    visit: { seed: inBoth },
    is: 'v2 share some',
  },
  {
    says: 'someone whom the second share has drawn stays there when the first one grows',
    release: { gray: [someV2, someV3] },
    visit: { seed: inBoth, reading: held('v3') },
    is: 'v3 share few',
  },
  { says: 'no hit keeps a young pin', visit: { reading: held('v2') }, is: 'v2 pin' },
  {
    says: 'a pin one second below ttl binds',
    visit: { reading: held('v2', { issuedAt: now - ttl + 1 }) },
    is: 'v2 pin',
  },
  {
    says: 'a pin as old as ttl binds no document',
    visit: { reading: held('v2', { issuedAt: now - ttl }) },
    is: 'v1 stable',
  },
  {
    says: 'a pin from a clock that runs ahead binds',
    visit: { reading: held('v2', { issuedAt: now + 60 }) },
    is: 'v2 pin',
  },
  {
    says: 'a visitor whose pin has aged can be drawn again',
    release: { gray: [someV3] },
    visit: { seed: inV3, reading: held('v2', { issuedAt: now - ttl }) },
    is: 'v3 share few',
  },
  {
    says: 'a draining version loses its documents',
    release: { draining: ['v2'] },
    visit: { reading: held('v2') },
    is: 'v1 stable',
  },
  {
    says: 'a draining version draws nobody by an explicit rule',
    release: { draining: ['v2'], gray: [office, testers] },
    request: inOffice,
    visit: { identity: 'jason' },
    is: 'v3 rule testers',
  },
  {
    says: 'a draining version draws nobody by a share',
    release: { draining: ['v2'], gray: [someV2] },
    visit: { seed: inV2 },
    is: 'v1 stable',
  },
  {
    says: 'a stale pin is decided anew, with its seed',
    release: { gray: [someV2] },
    visit: { seed: inV2, reading: stale('gone', { seed: inV2 }) },
    is: 'v2 share some',
  },
  { says: 'a pin of an old epoch binds no document', visit: { reading: stale('v2', { epoch: 0 }) }, is: 'v1 stable' },
  {
    says: 'repin keep: not even an explicit rule moves the pinned',
    release: { pin: { repin: 'keep' }, gray: [office] },
    request: inOffice,
    visit: { reading: held('v3') },
    is: 'v3 pin',
  },
  {
    says: 'repin keep: a share does not move those on stable',
    release: { pin: { repin: 'keep' }, gray: [someV2] },
    visit: { seed: inV2, reading: held('v1') },
    is: 'v1 pin',
  },
  {
    says: 'repin keep: the unpinned are decided',
    release: { pin: { repin: 'keep' }, gray: [someV2] },
    visit: { seed: inV2 },
    is: 'v2 share some',
  },
  {
    says: 'repin keep: whoever is no longer bound is decided',
    release: { pin: { repin: 'keep' }, gray: [office] },
    request: inOffice,
    visit: { reading: held('v3', { issuedAt: now - ttl }) },
    is: 'v2 rule office',
  },
  {
    says: 'a document ignores what a page says of itself',
    visit: { reading: held('v2', { history: ['v2', 'v3'] }), pageVersion: 'v3' },
    is: 'v2 pin',
  },
  {
    says: 'a document of a version with an unavailable pool goes to stable: by a rule',
    release: { gray: [office] },
    request: inOffice,
    visit: { down: ['v2'] },
    is: 'v1 fallback office',
  },
  {
    says: 'a document of a version with an unavailable pool goes to stable: by a share',
    release: { gray: [someV2] },
    visit: { seed: inV2, down: ['v2'] },
    is: 'v1 fallback some',
  },
  {
    says: 'a document of a version with an unavailable pool goes to stable: by a pin',
    visit: { reading: held('v2'), down: ['v2'] },
    is: 'v1 fallback',
  },
  {
    says: 'onUnavailable fail: the document fails',
    release: { gray: [{ ...office, onUnavailable: 'fail' }] },
    request: inOffice,
    visit: { down: ['v2'] },
    is: 'unavailable v2 unavailable office',
  },
  {
    says: 'onUnavailable fail does nothing while the version is well',
    release: { gray: [{ ...office, onUnavailable: 'fail' }] },
    request: inOffice,
    visit: { down: ['v3'] },
    is: 'v2 rule office',
  },
  { says: 'stable serves even when it is unavailable', visit: { down: ['v1'] }, is: 'v1 stable' },
  {
    says: 'a pin to stable holds even when it is unavailable',
    visit: { reading: held('v1'), down: ['v1'] },
    is: 'v1 pin',
  },
  {
    says: 'a rule to stable that says fail has nothing to choose',
    release: { gray: [rule('home', 'v1', matches({}), { onUnavailable: 'fail' })] },
    visit: { down: ['v1'] },
    is: 'v1 rule home',
  },
  { says: 'all are unavailable: stable', visit: { reading: held('v2'), down: ['v1', 'v2'] }, is: 'v1 fallback' },
]

export const subresources: readonly Row[] = [
  { says: 'a pin is followed', visit: { reading: held('v2') }, is: 'v2 pin' },
  {
    says: 'a pin is followed whatever the rules say now',
    release: { gray: [testers, office] },
    request: inOffice,
    visit: { reading: held('v1'), identity: 'jason' },
    is: 'v1 pin',
  },
  { says: 'a pin of any age is followed', visit: { reading: held('v2', { issuedAt: 0 }) }, is: 'v2 pin' },
  {
    says: 'a pin to a draining version is followed',
    release: { draining: ['v2'] },
    visit: { reading: held('v2') },
    is: 'v2 pin',
  },
  {
    says: 'the page that names its version comes first',
    visit: { reading: held('v2', { history: ['v2', 'v3'] }), pageVersion: 'v3' },
    is: 'v3 page',
  },
  {
    says: 'the page that names a draining version comes first',
    release: { draining: ['v3'] },
    visit: { reading: held('v2', { history: ['v2', 'v3'] }), pageVersion: 'v3' },
    is: 'v3 page',
  },
  {
    says: 'a page version that this browser was never given is not believed, and its page is told to reload',
    visit: { reading: held('v2'), pageVersion: 'v3' },
    is: 'reload v1 stale',
  },
  {
    says: 'a page version without a pin is not believed, and its page told so',
    visit: { pageVersion: 'v3' },
    is: 'reload v1 stale',
  },
  {
    says: 'a page version without a pin that would be given anyway is served',
    visit: { pageVersion: 'v1' },
    is: 'v1 stable',
  },
  {
    says: 'a page whose version has gone is told to reload, though the pin holds',
    visit: { reading: held('v2', { history: ['v2', 'gone'] }), pageVersion: 'gone' },
    is: 'reload v1 stale',
  },
  {
    says: 'a page of a listed version goes on, though the pin has gone stale since',
    visit: { reading: stale('gone', { history: ['gone', 'v2'] }), pageVersion: 'v2' },
    is: 'v2 page',
  },
  {
    says: 'a page of an older epoch is told to reload, whatever it names',
    release: { pin: { epoch: 2 } },
    visit: { reading: stale('v2', { epoch: 1 }), pageVersion: 'v2' },
    is: 'reload v1 stale',
  },
  {
    says: 'and is told so too when another tab has brought the browser a new pin since',
    release: { pin: { epoch: 2 } },
    visit: { reading: held('v1', { epoch: 2, history: ['v1'] }), pageVersion: 'v2' },
    is: 'reload v1 stale',
  },
  {
    says: 'a page of that name which was given anew goes on',
    release: { pin: { epoch: 2 } },
    visit: { reading: held('v1', { epoch: 2, history: ['v1', 'v2'] }), pageVersion: 'v2' },
    is: 'v2 page',
  },
  {
    says: 'a page of a newer epoch goes on: another gateway knew the new configuration first',
    visit: { reading: held('v2', { epoch: 2, history: ['v2', 'v3'] }), pageVersion: 'v3' },
    is: 'v3 page',
  },
  { says: 'a stale pin is told to reload', visit: { reading: stale('gone') }, is: 'reload v1 stale' },
  {
    says: 'a stale pin is told to reload, whatever the rules say',
    release: { gray: [office] },
    request: inOffice,
    visit: { reading: stale('gone') },
    is: 'reload v1 stale',
  },
  {
    says: 'no pin: decided as a document by a rule',
    release: { gray: [office] },
    request: inOffice,
    is: 'v2 rule office',
  },
  {
    says: 'no pin: decided as a document by a share',
    release: { gray: [someV2] },
    visit: { seed: inV2 },
    is: 'v2 share some',
  },
  {
    says: 'no pin: to stable when the version drawn has an unavailable pool',
    release: { gray: [someV2] },
    visit: { seed: inV2, down: ['v2'] },
    is: 'v1 fallback some',
  },
  {
    says: 'no pin, and a rule that says fail',
    release: { gray: [{ ...office, onUnavailable: 'fail' }] },
    request: inOffice,
    visit: { down: ['v2'] },
    is: 'unavailable v2 unavailable office',
  },
  {
    says: 'half a fallback never happens: a pinned subresource fails with its version',
    visit: { reading: held('v2'), down: ['v2'] },
    is: 'unavailable v2 unavailable',
  },
  {
    says: 'half a fallback never happens: nor for a page that names its version',
    visit: { reading: held('v1', { history: ['v1', 'v2'] }), pageVersion: 'v2', down: ['v2'] },
    is: 'unavailable v2 unavailable',
  },
  {
    says: 'stable serves its pages even when it is unavailable',
    visit: { reading: held('v1'), down: ['v1'] },
    is: 'v1 pin',
  },
]

export const preflights: readonly Row[] = [
  {
    says: 'goes to stable, whatever the rules say',
    release: { gray: [office, someV2] },
    request: inOffice,
    visit: { seed: inV2 },
    is: 'v1 preflight',
  },
  { says: 'goes to stable, whatever pin it brings', visit: { reading: held('v2') }, is: 'v1 preflight' },
  { says: 'goes to stable even when it is unavailable', visit: { down: ['v1'] }, is: 'v1 preflight' },
]
