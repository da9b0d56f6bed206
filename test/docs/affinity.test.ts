// docs/affinity.md names a test for each sentence: the file is there, and says it. The sentences that the model notices are all listed.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { sabotages } from '../model/sabotages.ts'

const docs = join(import.meta.dirname, '../../docs')
const text = readFileSync(join(docs, 'affinity.md'), 'utf8')
const named = Array.from(text.matchAll(/\]\((\.\.\/test\/[\w./-]+)\): “([^”]+)”/g), ([, file, sentence]) => ({
  file: file!,
  sentence: sentence!,
}))

describe('docs/affinity.md', () => {
  it('names a test in every row of its tables, but for the one of others', () => {
    const rows = text
      .slice(0, text.indexOf('## Beside others'))
      .split('\n')
      .filter((line) => /^\| (?!---)/.test(line))
    const headings = rows.filter((row) => row.endsWith('| shown by |'))
    expect(headings).toHaveLength(3)
    expect(rows.filter((row) => !row.includes('](../test/') && !headings.includes(row))).toEqual([])
  })

  it.each(named)('$sentence: stands in $file', ({ file, sentence }) => {
    expect(readFileSync(join(docs, file), 'utf8')).toContain(sentence)
  })

  it('lists each sentence that is switched off, and no other', () => {
    const listed = Array.from(text.matchAll(/^- (step \d+: .*)$/gm), ([, sentence]) => sentence)
    expect(listed).toEqual(sabotages.map(({ sentence }) => sentence))
  })

  it('gives a source for what it says of others, by issue or by kind', () => {
    const table = text.slice(text.indexOf('## Beside others'))
    expect(table.match(/\]\(https:\/\/github\.com\/[\w.-]+\/[\w.-]+\/(?:issues|pull)\/\d+\)/g)?.length).toBeGreaterThan(
      20,
    )
  })
})
