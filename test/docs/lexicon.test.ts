// docs/lexicon.md gives each word one meaning, and has the words that others see: reasons of decisions, states of pins.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

const root = join(import.meta.dirname, '../..')
const rows = Array.from(
  readFileSync(join(root, 'docs/lexicon.md'), 'utf8').matchAll(/^\| (?!---|word)([^|]+) \| (.+) \|$/gm),
  ([, word, meaning]) => ({ word: word!, meaning: meaning! }),
)
const types = readFileSync(join(root, 'src/rules/types.ts'), 'utf8')

function meaningOf(word: string): string {
  return rows.find((row) => row.word === word)!.meaning
}

describe('docs/lexicon.md', () => {
  it('gives no word two meanings', () => {
    const words = rows.flatMap(({ word }) => word.split(', '))
    expect(words.length).toBeGreaterThan(40)
    expect(words.filter((word, index) => words.indexOf(word) !== index)).toEqual([])
  })

  it('names every reason that a decision can have, in the order of the code', () => {
    const [, union] = /^export type Reason =((?:\n {2}\| '[\w-]+')+)/m.exec(types)!
    const reasons = Array.from(union!.matchAll(/'([\w-]+)'/g), ([, reason]) => reason!)
    const named = Array.from(meaningOf('reason').matchAll(/`([^`]+)`/g), ([, words]) => words!.split(' ')).flat()
    expect(named).toEqual(reasons)
  })

  it('says of every pin that may come what it is called', () => {
    const states = [...types.matchAll(/readonly state: '(\w+)'/g), ...types.matchAll(/\['state'\] \| '(\w+)'/g)]
    expect(states.map(([, state]) => state)).toEqual(['none', 'held', 'stale', 'forged'])
    const called = rows.map(({ word }) => word)
    expect(called).toEqual(expect.arrayContaining(['held pin', 'stale pin', 'forged pin']))
    expect(meaningOf('held pin')).toContain('two genuine ones')
  })
})
