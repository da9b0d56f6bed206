import { createHmac, randomBytes } from 'node:crypto'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createKeyRing } from '../../src/affinity/key-ring.ts'
import { createPinReader, decodePin, encodePin, pinCookieName } from '../../src/affinity/pin-cookie.ts'
import type { Pin } from '../../src/rules/types.ts'
import { pinSpec, releaseSpec } from './release-spec.ts'

const keys = createKeyRing([Buffer.alloc(32, 'young'), Buffer.alloc(32, 'old')], randomBytes)
const oldKeys = createKeyRing([Buffer.alloc(32, 'old')], randomBytes)
const otherKeys = createKeyRing([Buffer.alloc(32, 'other')], randomBytes)
const key = keys.signing

const pin: Pin = { version: 'v2', epoch: 1, issuedAt: 1_800_000_000, seed: 'abcdefghijklmnop', history: ['v2', 'v1'] }
const value = encodePin('shop', pin, key)
const encode = (given: Partial<Pin>, release = 'shop'): string => encodePin(release, { ...pin, ...given }, key)

const name = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/)
const anyPin: fc.Arbitrary<Pin> = fc.record({
  version: name,
  epoch: fc.nat(),
  issuedAt: fc.nat(4_000_000_000),
  seed: fc.stringMatching(/^[A-Za-z0-9_-]{16}$/),
  history: fc.array(name, { minLength: 1, maxLength: 3 }),
})

describe('the codec', () => {
  test('any pin comes back as it went out, in characters that no cookie parser wants quoted', () => {
    fc.assert(
      fc.property(name, anyPin, (release, given) => {
        const text = encodePin(release, given, key)
        expect(text).toMatch(/^[A-Za-z0-9.~+_-]{1,512}$/)
        expect(decodePin(release, text, keys)).toEqual(given)
      }),
    )
  })

  test('has the layout that all gateways share', () => {
    const text = encode({ version: '1.10', history: ['1.10', 'v1'] })
    const fields = `1.${key.id}.1~10.1.1800000000.abcdefghijklmnop.1~10+v1`
    const mac = createHmac('sha256', key.secret).update(`graylane pin\nshop\n${fields}`).digest().subarray(0, 16)
    expect(text).toBe(`${fields}.${mac.toString('base64url')}`)
  })

  test('different pins never share a text', () => {
    fc.assert(
      fc.property(anyPin, anyPin, (one, other) => {
        fc.pre(JSON.stringify(one) !== JSON.stringify(other))
        expect(encodePin('shop', one, key)).not.toBe(encodePin('shop', other, key))
      }),
    )
    expect(encode({ version: 'a.b' })).not.toBe(encode({ version: 'a' }))
  })

  test('a flip of any one bit is no pin', () => {
    for (let at = 0; at < value.length; at += 1) {
      for (let bit = 0; bit < 16; bit += 1) {
        const flipped = String.fromCharCode(value.charCodeAt(at) ^ (1 << bit))
        const forged = value.slice(0, at) + flipped + value.slice(at + 1)
        expect(typeof decodePin('shop', forged, keys), `bit ${bit} of character ${at}`).not.toBe('object')
      }
    }
  })

  test('a truncation at any place, and anything put behind, is no pin', () => {
    for (let length = 0; length < value.length; length += 1) {
      expect(typeof decodePin('shop', value.slice(0, length), keys)).not.toBe('object')
      expect(typeof decodePin('shop', value.slice(length + 1), keys)).not.toBe('object')
    }
    for (const tail of ['.', 'A', '=', ' ', '\u0000']) expect(decodePin('shop', value + tail, keys)).toBe('forged')
  })

  test('a field taken from another genuine pin is no pin', () => {
    const other = encodePin(
      'shop',
      { version: 'v3', epoch: 2, issuedAt: 1_800_000_001, seed: 'ponmlkjihgfedcba', history: ['v3'] },
      oldKeys.signing,
    ).split('.')
    const own = value.split('.')
    for (let field = 1; field < own.length; field += 1) {
      const swapped = own.map((text, index) => (index === field ? other[index] : text)).join('.')
      expect(decodePin('shop', swapped, keys), `field ${field}`).toBe('forged')
    }
    const [one, id, version, epoch, issued, ...rest] = own
    expect(decodePin('shop', [one, id, version, issued, epoch, ...rest].join('.'), keys)).toBe('forged')
  })

  test("another release's pin is no pin, also where names run into fields", () => {
    expect(decodePin('shop2', value, keys)).toBe('forged')
    expect(decodePin('sho', value, keys)).toBe('forged')
    expect(decodePin('', value, keys)).toBe('forged')
  })

  test('a pin of an unknown key is no pin, one of an older key of the ring is', () => {
    expect(decodePin('shop', encodePin('shop', pin, otherKeys.signing), keys)).toBe('forged')
    expect(decodePin('shop', encodePin('shop', pin, oldKeys.signing), keys)).toEqual(pin)
  })

  test('another spelling of the same signature bytes is no pin', () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
    const last = alphabet.indexOf(value.at(-1)!)
    const twin = value.slice(0, -1) + alphabet[last + 1]
    expect(macOf(twin)).toEqual(macOf(value))
    expect(decodePin('shop', twin, keys)).toBe('forged')
  })

  test('a text of another format is not ours to judge', () => {
    for (const text of ['', 'v2', '2.a.b.c.d.e.f.g', '11.a', ' 1.a', value.slice(1)]) {
      expect(decodePin('shop', text, keys)).toBeUndefined()
    }
  })

  test('a text beyond 512 characters is not looked at', () => {
    expect(decodePin('shop', encode({ seed: 'x'.repeat(500) }), keys)).toBe('forged')
  })

  test('nothing that can come makes it throw', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.array(fc.string()), (text, parts) => {
        expect(typeof decodePin('shop', text, keys)).not.toBe('object')
        expect(typeof decodePin('shop', `1.${key.id}.${parts.join('.')}`, keys)).not.toBe('object')
      }),
    )
  })
})

describe('the reader', () => {
  const release = releaseSpec({ versions: ['v1', 'v2'], pin: { epoch: 3 } })
  const read = (field: string | undefined, encrypted = false, spec = release) =>
    createPinReader(spec, keys).read(field, encrypted)
  const held = encode({ epoch: 3 })
  const other = encode({ epoch: 3, version: 'v1' })
  const gone = encode({ epoch: 3, version: 'v9' })
  const revoked = encode({ epoch: 2 })
  const forged = `${held.slice(0, -2)}AA`
  const versionOf = (reading: ReturnType<typeof read>['reading']) =>
    reading.state === 'none' ? undefined : reading.pin.version

  test.each([
    { says: 'no Cookie field', field: undefined, state: 'none', version: undefined },
    { says: 'other cookies only', field: 'a=1; b=2', state: 'none', version: undefined },
    { says: 'a genuine pin', field: `graylane=${held}`, state: 'held', version: 'v2' },
    { says: 'a genuine pin among others', field: `a=1; graylane=${held}; b=2`, state: 'held', version: 'v2' },
    { says: 'a version that is not listed', field: `graylane=${gone}`, state: 'stale', version: 'v9' },
    { says: 'an old epoch', field: `graylane=${revoked}`, state: 'stale', version: 'v2' },
    { says: "another gateway's newer epoch", field: `graylane=${encode({ epoch: 4 })}`, state: 'held', version: 'v2' },
    { says: 'a signature that fails', field: `graylane=${forged}`, state: 'forged', version: undefined },
    { says: 'another format', field: 'graylane=v2', state: 'none', version: undefined },
    { says: 'an empty value', field: 'graylane=', state: 'none', version: undefined },
    { says: 'forged, then genuine', field: `graylane=${forged}; graylane=${held}`, state: 'held', version: 'v2' },
    { says: 'genuine, then forged', field: `graylane=${held}; graylane=${forged}`, state: 'held', version: 'v2' },
    {
      says: 'another format, then forged',
      field: `graylane=v2; graylane=${forged}`,
      state: 'forged',
      version: undefined,
    },
    { says: 'two that differ', field: `graylane=${held}; graylane=${other}`, state: 'two', version: undefined },
    {
      says: 'two that differ, the other way',
      field: `graylane=${other}; graylane=${held}`,
      state: 'two',
      version: undefined,
    },
    { says: 'held and stale', field: `graylane=${held}; graylane=${gone}`, state: 'two', version: undefined },
    { says: 'the same twice', field: `graylane=${held}; graylane=${held}`, state: 'held', version: 'v2' },
    {
      says: 'two around a forged one',
      field: `graylane=${held}; graylane=${forged}; graylane=${other}`,
      state: 'two',
      version: undefined,
    },
    { says: 'a quoted pin', field: `graylane="${held}"`, state: 'none', version: undefined },
    { says: 'the __Host- form on plain http', field: `__Host-graylane=${held}`, state: 'none', version: undefined },
  ])('$says: $state', ({ field, state, version }) => {
    const finding = read(field)
    expect(finding.state).toBe(state)
    expect(finding.reading.state).toBe(state === 'held' || state === 'stale' ? state : 'none')
    expect(versionOf(finding.reading)).toBe(version)
  })

  test.each([
    { says: 'the __Host- form', field: `__Host-graylane=${held}`, state: 'held', version: 'v2' },
    {
      says: 'a planted plain one beside it',
      field: `graylane=${other}; __Host-graylane=${held}`,
      state: 'held',
      version: 'v2',
    },
    { says: 'a plain one of the time before https', field: `graylane=${other}`, state: 'held', version: 'v1' },
    {
      says: 'a plain one beside a forged __Host- one',
      field: `__Host-graylane=${forged}; graylane=${other}`,
      state: 'held',
      version: 'v1',
    },
    { says: 'a forged __Host- one alone', field: `__Host-graylane=${forged}`, state: 'forged', version: undefined },
    { says: 'a forged plain one alone', field: `graylane=${forged}`, state: 'forged', version: undefined },
    {
      says: 'two __Host- ones that differ',
      field: `__Host-graylane=${held}; __Host-graylane=${other}; graylane=${held}`,
      state: 'two',
      version: undefined,
    },
    {
      says: 'a stale __Host- one beside a plain one',
      field: `__Host-graylane=${gone}; graylane=${held}`,
      state: 'stale',
      version: 'v9',
    },
  ])('on https, $says: $state', ({ field, state, version }) => {
    const finding = read(field, true)
    expect(finding.state).toBe(state)
    expect(versionOf(finding.reading)).toBe(version)
  })

  test('with a domain, https writes the plain name and still reads what stands under __Host-, which is due to move', () => {
    const spec = releaseSpec({ versions: ['v1', 'v2'], pin: { epoch: 3, domain: 'shop.test' } })
    expect(pinCookieName(spec.pin, true)).toBe('graylane')
    expect(read(`graylane=${held}`, true, spec)).toMatchObject({ state: 'held' })
    expect(read(`graylane=${held}`, true, spec).moved).toBeUndefined()
    expect(read(`__Host-graylane=${held}`, true, spec)).toMatchObject({ state: 'held', moved: true })
    expect(read(`__Host-graylane=${held}`, false, spec).state).toBe('none')
  })

  test('the cookie is named by the configuration', () => {
    expect(pinCookieName(pinSpec({ cookie: 'lane' }), false)).toBe('lane')
    expect(pinCookieName(pinSpec({ cookie: 'lane' }), true)).toBe('__Host-lane')
    expect(read(`lane=${held}; graylane=${other}`, false, releaseSpec({ pin: { cookie: 'lane' } })).state).toBe('held')
  })

  test('a verified pin is checked once: the ring is not asked again', () => {
    const { ring, asked } = counting()
    const reader = createPinReader(release, ring)
    const first = reader.read(`graylane=${held}`, false)
    expect(reader.read(`a=1; graylane=${held}`, false)).toBe(first)
    expect(asked()).toBe(1)
  })

  test('forgeries are not remembered, so they push nobody out', () => {
    const { ring, asked } = counting()
    const reader = createPinReader(release, ring, 2)
    reader.read(`graylane=${held}`, false)
    for (let i = 0; i < 50; i += 1) reader.read(`graylane=${encodePin('other', { ...pin, epoch: i }, key)}`, false)
    expect(asked()).toBe(51)
    reader.read(`graylane=${held}`, false)
    expect(asked()).toBe(51)
  })

  test('no more pins are remembered than was said', () => {
    const { ring, asked } = counting()
    const reader = createPinReader(release, ring, 2)
    for (const text of [held, other, gone, held]) reader.read(`graylane=${text}`, false)
    expect(asked()).toBe(4)
  })

  test('at most eight signatures are checked for one request', () => {
    const { ring, asked } = counting()
    const reader = createPinReader(release, ring)
    const flood = Array.from({ length: 200 }, (_, i) => `graylane=${encodePin('other', { ...pin, epoch: i }, key)}`)
    expect(reader.read([...flood, `graylane=${held}`].join('; '), false).state).toBe('forged')
    expect(asked()).toBe(8)
  })

  test('a pin that is remembered is found behind any flood', () => {
    const reader = createPinReader(release, keys)
    reader.read(`graylane=${held}`, false)
    const flood = Array.from({ length: 200 }, (_, i) => `graylane=${encodePin('other', { ...pin, epoch: i }, key)}`)
    expect(reader.read([...flood, `graylane=${held}`].join('; '), false).state).toBe('held')
  })
})

function macOf(text: string): Buffer {
  return Buffer.from(text.split('.')[7]!, 'base64url')
}

function counting() {
  let asked = 0
  const ring = { ...keys, find: (id: string) => (asked++, keys.find(id)) }
  return { ring, asked: () => asked }
}
