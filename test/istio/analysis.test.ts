// What istioctl analyze says of each case of the corpus, by code and origin.

import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'

import { analyze } from '../../src/istio/lint.ts'
import { manifestsAt } from './manifests-at.ts'

const corpus = resolve(import.meta.dirname, '../conformance')
const cases = readdirSync(corpus, { withFileTypes: true }).filter((entry) => entry.isDirectory())
const codes = new Set(
  'IST0101 IST0106 IST0109 IST0112 IST0130 IST0131 IST0132 IST0134 IST0140 IST0145 IST0173 IST0174'.split(' '),
)

describe('analysis of the corpus', () => {
  it.each(cases.map(({ name }) => name))('says of %s what istioctl says', async (name) => {
    const { analysis } = JSON.parse(readFileSync(join(corpus, name, 'verdicts.json'), 'utf8')) as {
      analysis: { code: string; origin: string }[]
    }
    const { manifests } = await manifestsAt(join(corpus, name, 'manifests.yaml'))
    const ours = analyze(manifests).filter(({ code }) => codes.has(code))
    const theirs = analysis.filter(({ code }) => codes.has(code))
    expect(counted(ours)).toEqual(counted(theirs))
  })
})

function counted(findings: readonly { code: string; origin: string }[]): string[] {
  return findings.map(({ code, origin }) => `${code} ${origin}`).toSorted()
}
