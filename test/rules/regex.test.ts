import * as fc from 'fast-check'
import { RE2JS } from 're2js'
import { describe, expect, test } from 'vitest'
import { readRegexLiteral } from '../../src/rules/regex-literals.ts'
import { compileRegex, longestPattern, longestValue } from '../../src/rules/regex.ts'

function fits(pattern: string, value: string): boolean {
  const regex = compileRegex(pattern)
  if (!regex.ok) throw new Error(regex.message)
  return regex.fits(value)
}

describe('a regex', () => {
  test.each([
    ['a|ab', 'ab', true, 'tries alternatives against the whole value'],
    ['^a$', 'a', true, 'may be anchored, to no effect'],
    ['a', 'xa', false, 'has to fit from the start'],
    ['a', 'ax', false, 'has to fit to the end'],
    ['(?i)abc', 'aBC', true, 'knows inline flags'],
    ['(?P<n>a)', 'a', true, 'knows named groups of RE2'],
    ['(?<n>a)', 'a', true, 'knows named groups of others'],
    ['\\d+', '٣', false, 'counts ASCII digits alone'],
    ['\\pN', '7', true, 'knows one-letter classes'],
    ['\\Qa.b\\E', 'a.b', true, 'knows quoting'],
    ['\\Qa.b\\E', 'axb', false, 'takes quoted text as it is'],
    ['.', '\n', false, 'has a dot that fits no line feed'],
    ['a.*', 'a\n', false, 'has a dot that fits no line feed, behind a prefix too'],
    ['(?s)a.*', 'a\n', true, 'has a dot that fits all with (?s)'],
    ['[^a]', 'é', true, 'sees one byte in one latin1 character'],
    ['', '', true, 'may be empty'],
  ])('%j on %j is %s: it %s', (pattern, value, verdict) => {
    expect(fits(pattern, value)).toBe(verdict)
  })

  test.each([
    ['(?=a)', 'error parsing regexp: invalid or unsupported Perl syntax: `(?=`'],
    ['(a)\\1', 'error parsing regexp: invalid escape sequence: `\\1`'],
    ['a++', 'error parsing regexp: invalid nested repetition operator: `++`'],
    ['(a', 'error parsing regexp: missing closing ): `(a`'],
    ['*', 'error parsing regexp: missing argument to repetition operator: `*`'],
    ['a{1001}', 'error parsing regexp: invalid repeat count: `{1001}`'],
  ])('%j is refused: %s', (pattern, message) => {
    expect(compileRegex(pattern)).toEqual({ ok: false, message })
  })

  test('may have 1024 bytes and no more, bytes of UTF-8 at that', () => {
    expect(compileRegex('a'.repeat(longestPattern)).ok).toBe(true)
    expect(compileRegex('é'.repeat(longestPattern / 2)).ok).toBe(true)
    expect(compileRegex(`a${'é'.repeat(longestPattern / 2)}`)).toEqual({
      ok: false,
      message: 'the regex has 1025 bytes; the most is 1024',
    })
  })

  test.each(['[a]+', 'a.*', '.*a.*'])('%s fits no value above 8 KiB', (pattern) => {
    expect(fits(pattern, 'a'.repeat(longestValue))).toBe(true)
    expect(fits(pattern, 'a'.repeat(longestValue + 1))).toBe(false)
  })
})

describe('attack: patterns that take a backtracking engine longer than the universe is old', () => {
  test.each(['(a+)+$', '(a|a)*b', '(.*a){20}b', '(a?){50}a{50}b'])('%s answers, and says no', (pattern) => {
    expect(fits(pattern, `${'a'.repeat(4095)}!`)).toBe(false)
  })
})

describe('what is read off a pattern without running it', () => {
  test.each([
    ['abc', { kind: 'exact', text: 'abc' }],
    ['^192\\.168\\.0\\.58$', { kind: 'exact', text: '192.168.0.58' }],
    ['', { kind: 'exact', text: '' }],
    ['/api/.*', { kind: 'prefix', text: '/api/' }],
    ['^/api/(.*)$', { kind: 'prefix', text: '/api/' }],
    ['.*', { kind: 'prefix', text: '' }],
    ['^(.*?;)?\\s*(user=jason)(;.*)?$', { kind: 'needs', text: 'user=jason' }],
    ['192\\.168\\.0\\.58(,.*)?', { kind: 'needs', text: '192.168.0.58' }],
    ['.*Firefox/1[0-9]+ .*', { kind: 'needs', text: 'Firefox/1' }],
    ['ab+c', { kind: 'needs', text: 'ab' }],
    ['[]x]y[[:alpha:]z]q', { kind: 'needs', text: 'y' }],
    ['[\\]xyz]ab[[:alpha:]xyz]c', { kind: 'needs', text: 'ab' }],
    ['a|b', undefined],
    ['(ab|cd)?x?', undefined],
    ['(?i)abc', undefined],
    ['\\x41bc', undefined],
    ['\\pNabc', undefined],
  ])('%j gives %j', (pattern, literal) => {
    expect(readRegexLiteral(pattern)).toEqual(literal)
  })

  test('changes no verdict of re2js', () => {
    const text = fc.constantFrom('a', 'b', 'ab', '\\.', '.', '\n', 'é')
    const piece = fc.constantFrom(
      'a',
      'b',
      'ab',
      'ba',
      '.',
      '\\.',
      '[ab]',
      '[^]a]',
      '[\\]a]',
      '[[:alpha:]b]',
      '\\s',
      '(a)',
      '(a|b)',
      '(?:ab)',
      '(b',
      ')',
      '|',
      '^',
      '$',
      'é',
      '{',
      '}',
      ',2',
    )
    const quantifier = fc.constantFrom('', '', '', '*', '+', '?', '.*', '{2}', '{0,1}', '*?', '+?')
    const pattern = fc.array(fc.tuple(piece, quantifier), { maxLength: 6 }).map((parts) => parts.flat().join(''))
    const value = fc.array(text, { maxLength: 6 }).map((parts) => parts.join(''))
    let compared = 0
    fc.assert(
      fc.property(pattern, fc.array(value, { minLength: 5, maxLength: 5 }), (source, values) => {
        const regex = compileRegex(source)
        if (!regex.ok) return
        const plain = RE2JS.compile(Buffer.from(source).toString('latin1'))
        for (const each of values) {
          expect(regex.fits(each), `${source} on ${JSON.stringify(each)}`).toBe(plain.testExact(each))
          compared += 1
        }
      }),
      { numRuns: 3000 },
    )
    expect(compared).toBeGreaterThan(1000)
  })
})
