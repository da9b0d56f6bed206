// The pin as a cookie value: `1.<key id>.<version>.<epoch>.<issued>.<seed>.<history>.<mac>`, signed, read, and found in a Cookie field.
// Never throws, and never tells a client why its pin was not taken: a signature that fails is no pin.

import { Buffer } from 'node:buffer'
import type { PinSpec, ReleaseSpec } from '../rules/release.ts'
import type { Pin } from '../rules/types.ts'
import { cookieEnd, findCookies, nextCookie } from './cookie-field.ts'
import type { KeyRing } from './key-ring.ts'
import type { PinFinding, PinKey } from './types.ts'
import { decodeName, encodeName, isSame, sign } from './signature.ts'
import { VerifiedPins } from './verified-pins.ts'

export interface PinReader {
  /** @param cookieField all Cookie lines of the request, joined by `; ` */
  read(cookieField: string | undefined, encrypted: boolean): PinFinding
}

/** The longest value there can be is near 420 characters: five names, two numbers, the seed and the signatures around them. */
const valueLengthAtMost = 512
/** Signatures checked for one request. Browsers send one pin, in rare cases two; a field stuffed with forgeries costs no more than this. */
const checksPerRequest = 8
const pinsRemembered = 20_000

const noPin: PinFinding = { reading: { state: 'none' }, state: 'none' }
const forgedPin: PinFinding = { reading: { state: 'none' }, state: 'forged' }
const twoPins: PinFinding = { reading: { state: 'none' }, state: 'two' }

/** The cookie's name: `__Host-` on https keeps sibling domains from planting one (RFC 6265bis 4.1.3.2), but forbids `domain`. */
export function pinCookieName(spec: PinSpec, encrypted: boolean): string {
  return encrypted && spec.domain === undefined ? `__Host-${spec.cookie}` : spec.cookie
}

/** The signed value: cookie-octets that no parser wants quoted (letters, digits and `.~+_-`). */
export function encodePin(release: string, pin: Pin, key: PinKey): string {
  const fields = [
    '1',
    key.id,
    encodeName(pin.version),
    pin.epoch,
    pin.issuedAt,
    pin.seed,
    // `+` occurs in no name.
    pin.history.map(encodeName).join('+'),
  ].join('.')
  return `${fields}.${macOf(release, fields, key)}`
}

/** The pin in a value that this release signed; `forged` for a signature that fails; undefined for something that is not our format. */
export function decodePin(release: string, value: string, keyRing: KeyRing): Pin | 'forged' | undefined {
  if (!value.startsWith('1.')) return undefined
  if (value.length > valueLengthAtMost) return 'forged'
  const parts = value.split('.')
  const [, keyId, version, epoch, issuedAt, seed, history, mac] = parts
  if (parts.length !== 8 || mac === undefined) return 'forged'
  const key = keyRing.find(keyId!)
  if (key === undefined || !isSame(mac, macOf(release, value.slice(0, -mac.length - 1), key))) return 'forged'
  return {
    version: decodeName(version!),
    epoch: Number(epoch),
    issuedAt: Number(issuedAt),
    seed: seed!,
    history: history!.split('+').map(decodeName),
  }
}

/**
 * Reads the pins of one release. Verified ones are remembered by their exact bytes, so a visitor's pin is checked once;
 * failures are not remembered: a flood of forgeries can neither push out good pins nor fill memory, and pays a hash each time.
 * @param max pins remembered, about 0.5 KiB each
 */
export function createPinReader(release: ReleaseSpec, keyRing: KeyRing, max: number = pinsRemembered): PinReader {
  const verified = new VerifiedPins(max)
  const hostName = pinCookieName(release.pin, true)

  function check(value: string): PinFinding {
    const pin = decodePin(release.name, value, keyRing)
    if (pin === undefined) return noPin
    if (pin === 'forged') return forgedPin
    const state = isStale(pin, release) ? 'stale' : 'held'
    const finding: PinFinding = { reading: { state, pin }, state }
    // A slice of the request head would keep the whole head in memory: keep a copy.
    verified.add(Buffer.from(value, 'latin1').toString('latin1'), finding)
    return finding
  }

  /** The one genuine pin among values of one cookie name. */
  function pick(values: readonly string[]): PinFinding {
    let best = noPin
    let bestValue: string | undefined
    let checks = checksPerRequest
    for (const value of values) {
      if (value === bestValue) continue
      const finding = verified.find(value, 0, value.length) ?? (checks-- > 0 ? check(value) : noPin)
      if (finding.reading.state === 'none') {
        if (best.state === 'none') best = finding
      } else if (best.reading.state === 'none') {
        best = finding
        bestValue = value
      } else return twoPins
    }
    return best
  }

  /** The same for the cookies of a field. Nearly always there is one, and it was seen before: then nothing is copied. */
  function readNamed(field: string, name: string): PinFinding {
    const from = nextCookie(field, name, 0)
    if (from === -1) return noPin
    const to = cookieEnd(field, from)
    const known = verified.find(field, from, to)
    return known !== undefined && nextCookie(field, name, to) === -1 ? known : pick(findCookies(field, name))
  }

  /**
   * With `domain` a pin for one host may still be about: from before `domain` was set, so that a page which is open since then would lose
   * its version. The newest counts. Elsewhere two that differ count as none, because a sibling domain may have planted one; here siblings
   * are trusted with the pin anyway.
   */
  function pickNewest(cookieField: string, encrypted: boolean): PinFinding {
    const values = findCookies(cookieField, release.pin.cookie)
    const own = encrypted ? findCookies(cookieField, `__Host-${release.pin.cookie}`) : []
    if (own.length === 0 && values.length < 2) return pick(values)
    let best = noPin
    for (const value of [...values, ...own].slice(0, checksPerRequest)) {
      const finding = verified.find(value, 0, value.length) ?? check(value)
      if (finding.reading.state === 'none') best = best.state === 'none' ? finding : best
      else if (best.reading.state === 'none' || finding.reading.pin.issuedAt > best.reading.pin.issuedAt) best = finding
    }
    return best.reading.state === 'none' ? best : { ...best, moved: true }
  }

  return {
    read(cookieField, encrypted) {
      if (cookieField === undefined) return noPin
      if (release.pin.domain !== undefined) return pickNewest(cookieField, encrypted)
      const name = encrypted ? hostName : release.pin.cookie
      const finding = readNamed(cookieField, name)
      if (!encrypted || finding.state === 'held' || finding.state === 'stale') return finding
      // A browser that was pinned over plain http and came back over https. Only when the name that nobody can plant says nothing.
      const plain = finding.state === 'two' ? noPin : readNamed(cookieField, release.pin.cookie)
      return plain.state === 'none' ? finding : plain
    },
  }
}

/** A pin of a newer epoch holds: another gateway has read the new configuration already. */
function isStale(pin: Pin, release: ReleaseSpec): boolean {
  return pin.epoch < release.pin.epoch || !release.versions.has(pin.version)
}

/** A release name holds no line feed, so name and fields cannot run into each other. */
function macOf(release: string, fields: string, key: PinKey): string {
  return sign(`graylane pin\n${release}\n${fields}`, key.secret)
}
