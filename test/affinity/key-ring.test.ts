import { createHash, randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { createKeyRing } from '../../src/affinity/key-ring.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const idOf = (secret: Uint8Array): string => createHash('sha256').update(secret).digest('hex').slice(0, 8)
const noRandom = (): never => {
  throw new Error('randomness was asked for')
}

const old = bytes('a key of at least thirty-two bytes, the old one')
const young = bytes('a key of at least thirty-two bytes, the young one')

describe('key ring', () => {
  test('the first key signs and every key is found by its id', () => {
    const ring = createKeyRing([young, old], noRandom)
    expect(ring.random).toBe(false)
    expect(ring.signing).toEqual({ id: idOf(young), secret: young })
    expect(ring.find(idOf(old))).toEqual({ id: idOf(old), secret: old })
    expect(ring.find(idOf(young))).toBe(ring.signing)
    expect(ring.find('00000000')).toBeUndefined()
  })

  test('without keys it makes one of 32 random bytes and says so', () => {
    const sizes: number[] = []
    const ring = createKeyRing([], (size) => {
      sizes.push(size)
      return randomBytes(size)
    })
    expect(sizes).toEqual([32])
    expect(ring.random).toBe(true)
    expect(ring.signing.secret).toHaveLength(32)
    expect(ring.find(ring.signing.id)).toBe(ring.signing)
  })

  test('refuses a key of 31 bytes and names which', () => {
    expect(() => createKeyRing([old, bytes('x'.repeat(31))], noRandom)).toThrow(
      'pin key 2 has 31 bytes; at least 32 are needed',
    )
    expect(createKeyRing([bytes('x'.repeat(32))], noRandom).signing.secret).toHaveLength(32)
  })

  test('never shows a secret in an error', () => {
    expect(() => createKeyRing([bytes('hunter2')], noRandom)).toThrow(/^pin key 1 (?!.*hunter2)/)
  })

  test('the same key named twice is one key', () => {
    expect(createKeyRing([old, old], noRandom).signing.id).toBe(idOf(old))
  })

  test('refuses two keys that share an id', () => {
    const [one, other] = twoSecretsOfOneId()
    expect(() => createKeyRing([one, other], noRandom)).toThrow(`pin key 2 has the same id (${idOf(one)})`)
  })
})

/** 32 bits of a hash repeat after some 80 000 tries. */
function twoSecretsOfOneId(): readonly [Uint8Array, Uint8Array] {
  const seen = new Map<string, Uint8Array>()
  for (let i = 0; ; i += 1) {
    const secret = bytes(`a key of at least thirty-two bytes, number ${i}`)
    const twin = seen.get(idOf(secret))
    if (twin !== undefined) return [twin, secret]
    seen.set(idOf(secret), secret)
  }
}
