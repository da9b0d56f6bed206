// Many cases, a few at a time, with the account of them.

import type { Case } from './case.ts'
import { type Deviation, deviations } from './deviations.ts'
import { play, type Played } from './play.ts'

export interface Result {
  /** Requests. Resources that Istio accepts and we refuse, or the other way round, count as failures too. */
  readonly passed: number
  readonly failed: number
  /** Requests that differ, rightly. */
  readonly deviating: ReadonlyMap<Deviation, number>
  readonly byCase: ReadonlyMap<string, CaseResult>
}

export interface CaseResult {
  readonly passed: number
  readonly failed: number
  readonly deviating: number
}

const atOnce = 4

export async function playAll(cases: readonly Case[], say: (line: string) => void): Promise<Result> {
  const byCase = new Map<string, CaseResult>(cases.map(({ name }) => [name, { passed: 0, failed: 0, deviating: 0 }]))
  const deviating = new Map<Deviation, number>()
  const queue = [...cases]
  const worker = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      byCase.set(next.name, await playOne(next, deviating, say))
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  for (const [{ name, reason }, count] of deviating) say(`${count} differ rightly (${name}): ${reason}`)
  const sum = (key: keyof CaseResult): number => [...byCase.values()].reduce((total, one) => total + one[key], 0)
  return { passed: sum('passed'), failed: sum('failed'), deviating, byCase }
}

async function playOne(of: Case, deviating: Map<Deviation, number>, say: (line: string) => void): Promise<CaseResult> {
  let played: Awaited<ReturnType<typeof play>>
  try {
    played = await play(of)
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    say(`FAIL ${of.name}: ${message.replaceAll('\n', ' ')}`)
    return { passed: 0, failed: Math.max(1, of.verdicts.size), deviating: 0 }
  }
  const result = { passed: 0, failed: 0, deviating: 0 }
  const fail = ({ id, differences }: Played): void => {
    result.failed++
    say(`FAIL ${of.name}/${id}: ${differences.join('; ')}`)
  }
  for (const resource of played.resources) if (resource.differences.length > 0) fail(resource)
  for (const request of played.requests) {
    const verdict = of.verdicts.get(request.id)
    const deviation =
      request.differences.length === 0 ? undefined : deviations.find(({ concerns }) => verdict && concerns(verdict))
    if (request.differences.length === 0) result.passed++
    else if (deviation === undefined) fail(request)
    else {
      result.deviating++
      deviating.set(deviation, (deviating.get(deviation) ?? 0) + 1)
    }
  }
  return result
}
