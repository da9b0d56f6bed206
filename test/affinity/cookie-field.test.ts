import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { findCookies, setsCookie, withoutCookie } from '../../src/affinity/cookie-field.ts'

interface Row {
  readonly says: string
  readonly field: string
  readonly found: readonly string[]
  readonly rest: string | undefined
}

const rows: readonly Row[] = [
  { says: 'the only cookie', field: 'pin=a', found: ['a'], rest: undefined },
  { says: 'the first of several', field: 'pin=a; b=1; c=2', found: ['a'], rest: 'b=1; c=2' },
  { says: 'one in the middle', field: 'b=1; pin=a; c=2', found: ['a'], rest: 'b=1; c=2' },
  { says: 'the last', field: 'b=1; pin=a', found: ['a'], rest: 'b=1' },
  { says: 'none', field: 'b=1; c=2', found: [], rest: 'b=1; c=2' },
  { says: 'an empty field', field: '', found: [], rest: '' },
  { says: 'several of the name, in order', field: 'pin=a; b=1; pin=b', found: ['a', 'b'], rest: 'b=1' },
  { says: 'several of the name, side by side', field: 'pin=a; pin=b;pin=a', found: ['a', 'b', 'a'], rest: undefined },
  { says: 'no blank behind the semicolon', field: 'b=1;pin=a;c=2', found: ['a'], rest: 'b=1;c=2' },
  { says: 'blanks and tabs around everything', field: ' \tpin = a \t; b=1', found: ['a'], rest: 'b=1' },
  { says: 'an empty value', field: 'pin=; b=1', found: [''], rest: 'b=1' },
  { says: 'a value with equals signs', field: 'pin=a=b==', found: ['a=b=='], rest: undefined },
  { says: 'a quoted value, kept as it is', field: 'pin="a"', found: ['"a"'], rest: undefined },
  { says: 'a longer name that begins alike', field: 'pinned=x', found: [], rest: 'pinned=x' },
  { says: 'a longer name that ends alike', field: 'my-pin=x; _pin=y', found: [], rest: 'my-pin=x; _pin=y' },
  { says: 'another case', field: 'PIN=x; Pin=y', found: [], rest: 'PIN=x; Pin=y' },
  { says: 'the name within a value', field: 'b=pin=x; c=1', found: [], rest: 'b=pin=x; c=1' },
  { says: 'the name behind a blank within a value', field: 'b=1 pin=x', found: [], rest: 'b=1 pin=x' },
  { says: 'the name without a value', field: 'pin; b=1', found: [], rest: 'pin; b=1' },
  { says: 'the name doubled', field: 'pinpin=x; pin=a', found: ['a'], rest: 'pinpin=x' },
  {
    says: 'the __Host- form, which is another cookie but also ours',
    field: '__Host-pin=a; b=1',
    found: [],
    rest: 'b=1',
  },
  { says: 'both forms', field: '__Host-pin=a; pin=b', found: ['b'], rest: undefined },
  { says: 'the __Host- form of a longer name', field: 'x__Host-pin=a', found: [], rest: 'x__Host-pin=a' },
  { says: 'empty pairs', field: ';; pin=a;;', found: ['a'], rest: ';;' },
]

describe('the Cookie field', () => {
  test.each(rows)('finds $says', ({ field, found }) => {
    expect(findCookies(field, 'pin')).toEqual(found)
  })

  test.each(rows)('leaves the rest of: $says', ({ field, rest }) => {
    expect(withoutCookie(field, 'pin')).toBe(rest)
  })

  test('finds the __Host- form by its own name', () => {
    expect(findCookies('pin=b; __Host-pin=a', '__Host-pin')).toEqual(['a'])
  })

  const name = fc.constantFrom('pin', 'pi', 'pinn', '__Host-pin', 'x-pin', 'p.in')
  const value = fc.stringMatching(/^[!-+\--:<-~ ]{0,6}$/)
  const pairs = fc.array(fc.tuple(name, value), { maxLength: 8 })

  test('finds and takes out what a parser that splits would', () => {
    fc.assert(
      fc.property(pairs, (list) => {
        const field = list.map(([key, text]) => `${key}=${text}`).join('; ')
        expect(findCookies(field, 'pin')).toEqual(list.filter(([key]) => key === 'pin').map(([, text]) => text.trim()))
        const rest = (withoutCookie(field, 'pin') ?? '').split(';').map((pair) => pair.trim())
        const others = list.filter(([key]) => key !== 'pin' && key !== '__Host-pin')
        expect(rest.filter((pair) => pair !== '')).toEqual(others.map(([key, text]) => `${key}=${text}`.trim()))
      }),
    )
  })

  test('never finds in what it left', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('pin', '=', ';', ' ', 'x', '__Host-', '\t'), { maxLength: 24 }), (parts) => {
        const rest = withoutCookie(parts.join(''), 'pin')
        if (rest === undefined) return
        expect(findCookies(rest, 'pin')).toEqual([])
        expect(findCookies(rest, '__Host-pin')).toEqual([])
      }),
    )
  })
})

describe('Set-Cookie of a backend', () => {
  test.each([
    { line: 'pin=x; Path=/', sets: true },
    { line: '__Host-pin=x; Path=/; Secure', sets: true },
    { line: ' pin =x', sets: true },
    { line: 'pin=', sets: true },
    { line: '=pin=x', sets: true },
    { line: ' = pin =x; Path=/', sets: true },
    { line: '=pin', sets: false },
    { line: '==pin=x', sets: false },
    { line: '=; pin=x', sets: false },
    { line: 'pinned=x', sets: false },
    { line: 'session=pin=x', sets: false },
    { line: 'session; pin=x', sets: false },
    { line: 'pin', sets: false },
    { line: 'pinx', sets: false },
    { line: '', sets: false },
  ])('$line sets the pin: $sets', ({ line, sets }) => {
    expect(setsCookie(line, 'pin')).toBe(sets)
  })
})
