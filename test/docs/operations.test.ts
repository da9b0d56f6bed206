// What docs/operations.md lists is what there is: every answer of the edge's own, with its status, and every event of `serve --json`.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

import { edgeErrors } from '../../src/proxy/edge-answers.ts'

const root = join(import.meta.dirname, '../..')
const page = readFileSync(join(root, 'docs/operations.md'), 'utf8')

/** The first cells of a table's rows, from its head on. */
function firstCells(head: string): readonly string[] {
  const [, table = ''] = page.split(`\n| ${head} |`)
  return Array.from(table.split('\n\n', 1)[0]!.matchAll(/^\| ([^|]+) \|/gm), ([, cell]) => cell as string)
}

describe('docs/operations.md', () => {
  it('says of each answer of the edge what to do about it, and of no other', () => {
    const listed = firstCells('what you see').flatMap((cell) => {
      let status = ''
      return Array.from(
        cell.matchAll(/(?:(\d{3}) )?`(EDGE_\w+)`/g),
        ([, own = status, code]) => `${(status = own)} ${code}`,
      )
    })
    expect(listed.toSorted()).toEqual(
      Object.values(edgeErrors)
        .map(({ status, code }) => `${status} ${code}`)
        .toSorted(),
    )
  })

  it('lists each event that serve --json tells, and no other', () => {
    const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter((file) =>
      file.endsWith('.ts'),
    )
    const told = sources.flatMap((file) =>
      Array.from(readFileSync(join(root, 'src', file), 'utf8').matchAll(/\bevent: '([\w-]+)'/g), ([, event]) => event),
    )
    const listed = firstCells('event').flatMap((cell) => Array.from(cell.matchAll(/`([\w-]+)`/g), ([, event]) => event))
    expect(listed.toSorted()).toEqual([...new Set(told)].toSorted())
  })
})
