// `pin` in its long form, and the signing keys.

import { createKeyRing, type KeyRing, secretBytesAtLeast } from '../affinity/key-ring.ts'
import type { PinKey } from '../affinity/types.ts'
import type { PinSpec } from '../rules/release.ts'
import type { Configuration } from './configuration.ts'
import { complain, type Draft } from './draft.ts'
import { readKey } from './key-source.ts'
import { bareDomain } from './pin-domain.ts'
import { durationMs } from './written-values.ts'

/** Browsers keep no cookie longer (RFC 6265bis 5.5), and a pin's cookie lives ttl and 7 days. */
const longestTtlDays = 393
const dayMs = 86_400_000
/** Names that mean something else to every HTTP speaker. */
const takenFields = new Set(
  (
    'accept accept-encoding authorization cache-control connection content-length content-type cookie date etag host location ' +
    'set-cookie te trailer transfer-encoding upgrade user-agent vary via x-forwarded-for x-forwarded-host x-forwarded-proto'
  ).split(' '),
)

export function pinSpec(draft: Draft): PinSpec {
  const { pin } = draft.document
  const { cookie, header, ttl, epoch, repin, sameSite, domain, pageHeader } = pin
  if (/^__(host|secure)-/i.test(cookie))
    complain(draft, pin, 'cookie', 'value', 'leave the prefix out: https adds __Host-')
  for (const [key, name] of [
    ['header', header],
    ['pageHeader', pageHeader],
  ] as const) {
    if (takenFields.has(name.toLowerCase())) complain(draft, pin, key, 'value', `${name} has another meaning in HTTP`)
  }
  if (header.toLowerCase() === pageHeader.toLowerCase()) {
    const message = 'header and pageHeader have to differ: one is what we say, the other what the page says'
    complain(draft, pin, 'header', 'value', message)
  }
  return {
    cookie,
    header: header.toLowerCase(),
    ttlSeconds: ttlSeconds(draft, ttl),
    epoch,
    repin,
    sameSite,
    domain: domain && bareDomain(domain),
    pageHeader: pageHeader.toLowerCase(),
  }
}

function ttlSeconds(draft: Draft, ttl: string): number {
  const ms = durationMs(ttl)
  if (ms < 1000 || ms % 1000 !== 0)
    complain(draft, draft.document.pin, 'ttl', 'value', `${ttl} is not a number of whole seconds`)
  if (ms > longestTtlDays * dayMs)
    complain(draft, draft.document.pin, 'ttl', 'value', `${ttl} is longer than ${longestTtlDays} days`)
  return ms / 1000
}

/** The keys in their order; empty, with a warning, when none is named. A key that is named has to be there. */
export async function pinKeys(draft: Draft): Promise<readonly PinKey[]> {
  const { pin } = draft.document
  const keys: PinKey[] = []
  for (const [index, source] of pin.keys.entries()) {
    const secret = await readKey(draft, source, '{ env: GRAYLANE_KEY }')
    if (secret === undefined) continue
    if (secret.byteLength < secretBytesAtLeast) {
      complain(
        draft,
        pin.keys,
        index,
        'key',
        `this key has ${secret.byteLength} bytes; at least ${secretBytesAtLeast} are needed`,
      )
      continue
    }
    const key = createKeyRing([secret], () => new Uint8Array()).signing
    draft.sources.mixIntoDigest(key.id)
    keys.push(key)
  }
  if (pin.keys.length === 0) warnOfRandomKey(draft)
  return keys
}

/** The keys of a release at work: those that it names, or one that is drawn here. */
export function keyRingOf(
  { keys }: Pick<Configuration, 'keys'>,
  release: string,
  randomBytes: (size: number) => Uint8Array,
): KeyRing {
  return createKeyRing(
    (keys.get(release) ?? []).map(({ secret }) => secret),
    randomBytes,
  )
}

function warnOfRandomKey(draft: Draft): void {
  const message = 'no pin.keys: a random key is used, so pins end with this process and no other gateway reads them'
  const { document, origins } = draft
  draft.report({
    ...origins.keyPlace(document, 'pin'),
    severity: 'warning',
    code: 'no-keys',
    message,
    keyPath: 'pin.keys',
  })
}
