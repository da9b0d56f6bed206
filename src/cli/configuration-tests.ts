// The `tests:` of a configuration, run: each is one imagined request, decided by the gateway's own function, and what has to come of it.
// A test that fails is a problem at its line, like any other.

import type { RouteTest } from '../config/configuration.ts'
import type { Problem } from '../config/problem.ts'
import type { Rehearsal } from '../rehearse.ts'

export function runTests({ configuration, explain }: Pick<Rehearsal, 'configuration' | 'explain'>): {
  readonly failures: readonly Problem[]
  readonly count: number
} {
  const failures: Problem[] = []
  let count = 0
  for (const [release, tests] of configuration.tests) {
    const hosts = configuration.releases.find(({ name }) => name === release)?.hosts ?? []
    for (const test of tests) {
      count++
      const problem = runTest(test, hosts, explain)
      if (problem !== undefined) failures.push(problem)
    }
  }
  return { failures, count }
}

function runTest(test: RouteTest, hosts: readonly string[], explain: Rehearsal['explain']): Problem | undefined {
  const { ip, method, path, headers, cookies } = test.request
  const fields: [name: string, value: string][] = [...headers]
  if (!fields.some(([name]) => name.toLowerCase() === 'host')) fields.push(['host', hostOf(hosts)])
  if (cookies.size > 0) fields.push(['cookie', Array.from(cookies, ([name, value]) => `${name}=${value}`).join('; ')])
  const seen = explain({ ip, method, url: path, headers: fields })
  const differences = (['version', 'service', 'reason'] as const)
    .filter((what) => test.expect[what] !== undefined && test.expect[what] !== seen[what])
    .map((what) => `expected ${what} ${test.expect[what]}, got ${seen[what] === '' ? 'none' : seen[what]}`)
  if (differences.length === 0) return undefined
  const decision = seen.steps.findLast(({ step }) => step === 'decision')?.outcome ?? seen.edgeCode
  return { ...test.place, severity: 'error', code: 'test', message: `${differences.join('; ')} (${decision})` }
}

/** A Host that the release answers for; a test may name another in its headers. */
function hostOf([first = '*']: readonly string[]): string {
  if (first === '*') return 'localhost'
  return first.startsWith('*.') ? `test${first.slice(1)}` : first
}
