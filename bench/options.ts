// Arguments into a plan. A plan holds every number of a run; nothing below it has a default of its own.

import { parseArgs } from 'node:util'

import { main } from './line-up.ts'
import type { BenchResult } from './result.ts'
import { contenderNames, findScenario, type Scenario, scenarios } from './scenarios.ts'

export const usage = `pnpm bench [OPTIONS]

Measures graylane beside nginx, HAProxy, Caddy, Envoy and the proxies of Node, all on this machine, and writes bench/results.

  --quick               the main figures in less than two minutes
  --contenders A,B      only these; the result is partial and the report leaves it out
  --scenarios A,B       only these (partial as well)
  --rounds N            rounds (default 6, quick 2)
  --alone A             only this scenario, for the report: what its bar says when no other kind of request was sent
  --micro               only the cost in ns of parsing, deciding, verifying and rewriting
  --profile             only where the time of a small GET goes, by function
  --soak MINUTES        only memory under mixed load

Then: node bench/report.ts writes docs/benchmarks.md and its charts from the newest results.
`

export interface Plan {
  readonly kind: BenchResult['kind']
  readonly scenarios: readonly { readonly scenario: Scenario; readonly contenders: readonly string[] }[]
  readonly rounds: number
  /** Of load by cell. */
  readonly seconds: number
  /** And before it, not counted. */
  readonly leadInSeconds: number
  readonly connections: number
  readonly warmUp: { readonly compiling: number; readonly everyScenario: boolean }
  /** Seconds from the start after which no further round begins. */
  readonly budgetSeconds: number
  readonly idle: { readonly connections: number; readonly contenders: readonly string[] }
  readonly coupling: { readonly seconds: number; readonly visitors: number } | undefined
}

export type Job =
  | { readonly do: 'help' }
  | { readonly do: 'bench'; readonly plan: Plan }
  | { readonly do: 'micro' }
  | { readonly do: 'profile' }
  | { readonly do: 'soak'; readonly minutes: number }

/** Throws with a sentence for whoever typed it. */
export function readOptions(args: readonly string[]): Job {
  const { values } = parseArgs({
    // pnpm hands on the `--` of `pnpm bench -- --quick`.
    args: args.filter((arg) => arg !== '--'),
    options: {
      quick: { type: 'boolean', default: false },
      contenders: { type: 'string' },
      scenarios: { type: 'string' },
      rounds: { type: 'string' },
      alone: { type: 'string' },
      micro: { type: 'boolean', default: false },
      profile: { type: 'boolean', default: false },
      soak: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
  if (values.help) return { do: 'help' }
  if (values.micro) return { do: 'micro' }
  if (values.profile) return { do: 'profile' }
  if (values.soak !== undefined) return { do: 'soak', minutes: positive('soak', values.soak) }
  const contenders = namesIn('contenders', values.contenders, contenderNames)
  const wanted = namesIn(
    'scenarios',
    values.scenarios,
    scenarios.map(({ name }) => name),
  )
  const rounds = values.rounds === undefined ? undefined : positive('rounds', values.rounds)
  if (values.alone !== undefined) return { do: 'bench', plan: planAlone(values.alone, rounds) }
  return { do: 'bench', plan: planOf(values.quick, contenders, wanted, rounds) }
}

function planOf(
  quick: boolean,
  only: readonly string[] | undefined,
  wanted: readonly string[] | undefined,
  rounds: number | undefined,
): Plan {
  const chosen = wanted === undefined ? scenarios : wanted.map((name) => findScenario(name)!)
  const whole = only === undefined && wanted === undefined
  const among = (names: readonly string[]): readonly string[] =>
    only === undefined ? names : names.filter((name) => only.includes(name))
  const cells = chosen
    .map((scenario) => ({ scenario, contenders: among(quick && whole ? scenario.quickly : scenario.contenders) }))
    .filter(({ contenders }) => contenders.length > 0)
  const idle = quick ? ['graylane'] : idleContenders
  return {
    kind: whole ? (quick ? 'quick' : 'full') : 'partial',
    scenarios: cells,
    rounds: rounds ?? (quick ? 2 : 6),
    seconds: 1,
    leadInSeconds: quick ? 0 : 1,
    connections: 64,
    warmUp: quick ? { compiling: 6, everyScenario: false } : { compiling: 12, everyScenario: true },
    budgetSeconds: quick ? 95 : 3600,
    idle: { connections: 5000, contenders: whole ? idle : [] },
    coupling: whole ? { seconds: quick ? 3 : 15, visitors: 32 } : undefined,
  }
}

function planAlone(name: string, rounds: number | undefined): Plan {
  const alone = scenarios.filter(({ quickly }) => quickly.length > 0)
  const scenario = alone.find((one) => one.name === name)
  if (scenario === undefined) throw new Error(`--alone takes one of: ${alone.map((one) => one.name).join(' | ')}`)
  return { ...planOf(false, scenario.quickly, [name], rounds), kind: 'alone' }
}

const idleContenders = main.map(({ name }) => name).filter((name) => name !== 'direct')

function namesIn(option: string, text: string | undefined, known: readonly string[]): readonly string[] | undefined {
  if (text === undefined) return undefined
  // Names hold commas themselves (`nginx, 1000 rules`), so they are told apart by what is known.
  const names = known.filter((name) => text === name || `,${text},`.includes(`,${name},`))
  if (names.join(',').length !== text.length) throw new Error(`--${option} takes some of: ${known.join(' | ')}`)
  return names
}

function positive(option: string, text: string): number {
  const number = Number(text)
  if (!(number > 0 && number <= 1440))
    throw new Error(`--${option} wants a number above 0, not ${JSON.stringify(text)}`)
  return number
}
