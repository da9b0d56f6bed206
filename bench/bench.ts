// One benchmark from first process to last: assemble, measure, idle connections, coupling. Every process it started has ended when it
// returns or throws.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { Ports } from './backend.ts'
import { Children } from './children.ts'
import type { Contender } from './contender.ts'
import { visitUnderLoad } from './coupling.ts'
import { measureIdle } from './idle.ts'
import { loadGenerator } from './load/load-generator.ts'
import type { LoadGenerator } from './load/load.ts'
import { currentLoad, describeMachine } from './machine.ts'
import { measure } from './measure.ts'
import type { Plan } from './options.ts'
import type { BenchResult, CouplingSample, IdleSample } from './result.ts'
import { reloadShares, sharing } from './shares.ts'
import { assemble, type Checked, startBackend, startContender } from './stage.ts'

type Say = (line: string) => void

/** Runs the plan with those of `contenders` that it names. */
export function bench(plan: Plan, contenders: readonly Contender[], say: Say): Promise<BenchResult> {
  return onStage(async (children, folder) => {
    const startedAt = new Date()
    const loadBefore = currentLoad()
    const generator = await loadGenerator(children, folder)
    const generatorName = `${generator.name} ${await generator.version()}`
    say(
      `load: ${generatorName}${generator.name === 'wrk' ? '' : ' (wrk costs less and limits less: apt-get install wrk)'}`,
    )
    const backends = await startBackend(children)
    const named = new Set(plan.scenarios.flatMap(({ contenders: names }) => names))
    const wanted = contenders.filter(({ name }) => named.has(name))

    const { checked, participants } = await assemble(wanted, backends, folder, children, say)
    const until = startedAt.getTime() + plan.budgetSeconds * 1000
    const samples = await measure({ ...plan, until }, checked, generator, say)
    for (const { child } of checked) if (child !== undefined) await children.end(child)

    const around = { backends, folder, children, say }
    const idle = await idleConnections(plan, contenders, generator, around)
    const coupling = plan.coupling === undefined ? [] : await couplingUnderLoad(plan.coupling, around)
    const rounds = Math.max(0, ...samples.map(({ round }) => round + 1))
    return {
      kind: plan.kind,
      startedAt: startedAt.toISOString(),
      seconds: Math.round((Date.now() - startedAt.getTime()) / 1000),
      machine: describeMachine(loadBefore),
      load: { generator: generatorName, connections: plan.connections, seconds: plan.seconds, rounds },
      participants,
      samples,
      idle,
      coupling,
    }
  })
}

/** A folder and a list of children that are both gone afterwards, whatever happens. */
export async function onStage<T>(act: (children: Children, folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'graylane-bench-'))
  const children = new Children(folder)
  try {
    return await act(children, folder)
  } finally {
    await children.endAll()
    await rm(folder, { recursive: true, force: true })
  }
}

interface Around {
  readonly backends: Ports
  readonly folder: string
  readonly children: Children
  readonly say: Say
}

async function idleConnections(
  plan: Plan,
  contenders: readonly Contender[],
  generator: LoadGenerator,
  { backends, folder, children, say }: Around,
): Promise<readonly IdleSample[]> {
  const samples: IdleSample[] = []
  const alone = contenders.filter(({ name }) => plan.idle.contenders.includes(name))
  const startAlone = async (contender: Contender): Promise<readonly Checked[]> =>
    (await assemble([contender], backends, folder, children, (line) => say(`idle: ${line}`))).checked
  for (const contender of alone) {
    const started = await startAlone(contender)
    // It answered right a minute ago: on a machine that stalled it may do so again.
    for (const one of started.length > 0 ? started : await startAlone(contender)) {
      const sample = await measureIdle(one, plan.idle.connections, generator)
      if (sample !== undefined) samples.push(sample)
      if (one.child !== undefined) await children.end(one.child)
    }
  }
  if (samples.length > 0) say(`idle connections: ${samples.map(({ contender }) => contender).join('; ')}`)
  return samples
}

async function couplingUnderLoad(
  { seconds, visitors }: NonNullable<Plan['coupling']>,
  { backends, folder, children, say }: Around,
): Promise<readonly CouplingSample[]> {
  const running = await startContender(sharing, backends, folder, children)
  if (typeof running === 'string') {
    say(`coupling: ${running}`)
    return []
  }
  const visits = { port: running.port, seconds, visitors }
  const samples = [
    await visitUnderLoad({ ...visits, title: 'shares as they are' }),
    await visitUnderLoad({ ...visits, title: 'shares changed by reload all the while', reload: reloadShares(running) }),
  ]
  for (const { title, requests, crossings, failed, reloads } of samples) {
    say(`coupling, ${title}: ${crossings} crossings, ${failed} failed in ${requests} requests, ${reloads} reloads`)
  }
  if (running.child !== undefined) await children.end(running.child)
  return samples
}
