// The tables of docs/istio.md are true: what is called the same is taken without a word, and everything else is told of.

import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'

import { allProblems } from '../../src/istio/read-manifests.ts'
import { carriedOut, notCarriedOut, oldNames } from '../istio-fields/samples.ts'
import { fieldTable, withTables } from '../istio-fields/table.ts'
import { manifestsIn } from './manifests-at.ts'

describe('the field table of docs/istio.md', () => {
  it.each(carriedOut.map((text) => [/kind: (\w+)/.exec(text)?.[1], text] as const))(
    'finds nothing to say of a whole %s',
    (_, text) => {
      expect(allProblems(manifestsIn(text))).toEqual([])
    },
  )

  it('finds old names at most deprecated', () => {
    const codes = oldNames.flatMap((text) => allProblems(manifestsIn(text)).map(({ code }) => code))
    expect(new Set(codes)).toEqual(new Set(['IST0133']))
  })

  it.each(notCarriedOut.map(([field]) => field))('tells what becomes of %s', (field) => {
    const row = fieldTable().find((one) => one.field === field)
    expect(row?.inManifests).toMatch(/^(?:refused|not honoured|warned of): ./)
  })

  it('has every field that is read, and none that is dropped in silence', () => {
    const rows = fieldTable()
    expect(rows.length).toBeGreaterThan(180)
    expect(rows.filter(({ inManifests }) => inManifests === 'read over')).toEqual([])
  })

  it('is what the page shows: run node test/istio-fields/write.ts', () => {
    const page = readFileSync(resolve(import.meta.dirname, '../../docs/istio.md'), 'utf8')
    expect(withTables(page)).toBe(page)
  })
})
