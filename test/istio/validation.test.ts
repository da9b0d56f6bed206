import { readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

import { describe, expect, it } from 'vitest'

import { Sources } from '../../src/config/sources.ts'
import { loadManifests } from '../../src/istio/load-manifests.ts'
import { allProblems, type Manifests } from '../../src/istio/read-manifests.ts'
import { isRefused } from '../../src/istio/resource.ts'

const corpus = resolve(import.meta.dirname, '../conformance')
const cases = readdirSync(corpus, { withFileTypes: true }).filter((entry) => entry.isDirectory())

async function load(path: string): Promise<Manifests> {
  const problems: unknown[] = []
  const asker = { file: path, line: 1, column: 1 }
  const manifests = await loadManifests([{ path, asker }], new Sources(path, () => {}), (problem) =>
    problems.push(problem),
  )
  expect(problems).toEqual([])
  return manifests
}

describe('every resource of the corpus', () => {
  it.each(cases.map(({ name }) => name))('is accepted or refused as Istio does in %s', async (name) => {
    const verdicts = JSON.parse(readFileSync(join(corpus, name, 'verdicts.json'), 'utf8')) as {
      resources: { kind: string; namespace: string; name: string; accepted: boolean }[]
    }
    const { resources } = await load(join(corpus, name, 'manifests.yaml'))
    const ours = resources.map((resource) => ({
      kind: resource.kind,
      namespace: resource.metadata.namespace,
      name: resource.metadata.name,
      accepted: !isRefused(resource),
    }))
    const theirs = verdicts.resources.map(({ kind, namespace, name: own, accepted }) => ({
      kind,
      namespace,
      name: own,
      accepted,
    }))
    expect(ours).toEqual(theirs)
  })

  it('has a place for everything that is wrong', async () => {
    const file = join(corpus, 'validation', 'manifests.yaml')
    const problems = allProblems(await load(file))
    const lines = readFileSync(file, 'utf8').split('\n')
    expect(problems.length).toBeGreaterThan(20)
    for (const problem of problems) {
      expect(problem.file).toBe(file)
      expect((lines[problem.line - 1] as string).length).toBeGreaterThanOrEqual(problem.column)
    }
    const status = problems.find(({ message }) => message.includes('HTTP status 99'))
    expect(status && lines[status.line - 1]?.slice(status.column - 1)).toMatch(/^99\b/)
  })
})
