// The bars that are to be met, as data, and whether a result meets them. The bars are written down here; every figure comes from the result.

import type { BenchResult } from '../result.ts'
import type { SoakResult } from '../soak.ts'
import { idleKib, ratio } from './figures.ts'
import { memoryGrowth } from './soak-section.ts'

export interface Bar {
  readonly what: string
  readonly unit: string
  readonly must: number
  readonly goal: number
  /** Less than these, not as much. */
  readonly below?: boolean
  measure(result: BenchResult, soak?: SoakResult): number | undefined
}

export type Outcome = 'goal met' | 'met' | 'missed' | 'not measured'

function cost(what: string, scenario: string, to: 'nginx' | 'envoy', must: number, goal: number): Bar {
  const measure = (result: BenchResult): number | undefined => ratio(result, scenario, 'graylane', to)?.median
  return { what, unit: `x ${to === 'nginx' ? 'nginx' : 'Envoy'}`, must, goal, measure }
}

export const memoryBar: Bar = {
  what: 'memory after five minutes of soak',
  unit: 'MiB in ten minutes',
  must: 1,
  goal: 1,
  below: true,
  measure: (_result, soak) => memoryGrowth(soak),
}

export const bars: readonly Bar[] = [
  cost('small GET, browser headers', 'small', 'nginx', 1.25, 1.1),
  cost('small GET, browser headers', 'small', 'envoy', 0.6, 0.5),
  cost('64 KiB answer', '64k', 'nginx', 1.5, 1.2),
  cost('1 MiB answer', '1m', 'nginx', 1.3, 1.1),
  cost('POST of 1 KiB', 'post-1k', 'nginx', 1.2, 1.0),
  cost('new connection per request', 'new-connection', 'envoy', 1.0, 0.85),
  {
    what: '1000 rules more',
    unit: 'x 3 rules',
    must: 1.1,
    goal: 1.03,
    measure: (result) => ratio(result, 'rules', 'graylane, 1000 rules', 'graylane')?.median,
  },
  {
    what: 'two workers',
    unit: 'x one worker',
    must: 1.15,
    goal: 1.15,
    measure: (result) => ratio(result, 'workers', 'graylane, 2 workers', 'graylane')?.median,
  },
  {
    what: 'idle keep-alive connection',
    unit: 'KiB',
    must: 6,
    goal: 4,
    measure: (result) => idleKib(result, 'graylane'),
  },
  {
    what: 'crossings under load and reload',
    unit: 'crossings',
    must: 0,
    goal: 0,
    measure: ({ coupling }) =>
      coupling.length === 0 ? undefined : coupling.reduce((sum, { crossings }) => sum + crossings, 0),
  },
  {
    what: 'failed requests under load and reload',
    unit: 'requests',
    must: 0,
    goal: 0,
    measure: ({ coupling }) =>
      coupling.length === 0 ? undefined : coupling.reduce((sum, { failed }) => sum + failed, 0),
  },
  memoryBar,
]

export function outcomeOf({ must, goal, below }: Bar, value: number | undefined): Outcome {
  if (value === undefined) return 'not measured'
  // What is printed is what is judged: 1.1 is not missed by its third decimal.
  const rounded = Math.round(value * 100) / 100
  const within = (limit: number): boolean => (below ? rounded < limit : rounded <= limit)
  if (within(goal)) return 'goal met'
  return within(must) ? 'met' : 'missed'
}
