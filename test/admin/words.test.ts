// What the dashboard says, without a browser: every word that it asks for is there, in both languages.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

const folder = join(import.meta.dirname, '../../src/admin/dashboard')
const { words } = (await import(join(folder, 'words.js'))) as { words: Record<string, readonly [string, string]> }
const sources = readdirSync(folder)
  .filter((file) => /\.(?:js|html)$/.test(file) && file !== 'words.js')
  .map((file) => readFileSync(join(folder, file), 'utf8'))
  .join('\n')

describe('a word of the dashboard', () => {
  it('is known wherever it is asked for', () => {
    const asked = Array.from(
      sources.matchAll(/\b(?:word|field|figure|fact|text)\('(\w+)'|data-word="(\w+)"/g),
      ([, called, marked]) => called ?? marked!,
    )
    expect(new Set(asked).size).toBeGreaterThan(80)
    // The verbs' fields are asked for by their second argument.
    const fields = new Set(['ip'])
    expect(asked.filter((name) => !(name in words) && !fields.has(name))).toEqual([])
  })

  it('says every reason that a decision can have', () => {
    const types = readFileSync(join(folder, '../../rules/types.ts'), 'utf8')
    const [union = ''] = /type Reason =[^]*?\n\n/.exec(types) ?? []
    const reasons = Array.from(union.matchAll(/'([\w-]+)'/g), ([, reason]) => `reason-${reason!}`)
    expect(reasons).toContain('reason-source-address')
    expect(Object.keys(words).filter((name) => name.startsWith('reason-'))).toEqual(reasons)
  })

  it('is asked for somewhere', () => {
    // These are put together: a state, a role, a verb, a theme, a part of a condition.
    const composed = /^(?:theme|part|condition)[A-Z]|^reason-|^(?:ready|starting|closed|gray|idle|seen)$/
    const unused = Object.keys(words).filter((name) => !sources.includes(name) && !composed.test(name))
    expect(unused).toEqual([])
  })

  it.each(Object.entries(words))('%s is said in English and in Chinese, about the same things', (_name, texts) => {
    expect(texts).toHaveLength(2)
    const [english, chinese] = texts
    expect(english).not.toMatch(/\p{Script=Han}/u)
    const placesOf = (text: string): readonly string[] => [...text.matchAll(/\{\d\}/g)].map(String).toSorted()
    expect(placesOf(chinese)).toEqual(placesOf(english))
    // Signs, names and units are the same to everybody.
    const isPlain = /^(?:Cookie.*|[^A-Za-z]*|graylane .*Node.*)$/.test(chinese)
    if (!isPlain) expect(chinese).toMatch(/\p{Script=Han}/u)
  })
})
