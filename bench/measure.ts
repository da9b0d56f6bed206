// The rounds: every scenario, every contender, once a round; the order is reversed in each second round, so that nobody always comes
// after the same neighbour. Measures nobody that has not been checked.

import { costOfTree } from './process-tree.ts'
import type { LoadGenerator } from './load/load.ts'
import type { Sample } from './result.ts'
import { browserHeaders, type Scenario } from './scenarios.ts'
import type { Checked } from './stage.ts'

export interface Rounds {
  readonly scenarios: readonly { readonly scenario: Scenario; readonly contenders: readonly string[] }[]
  readonly rounds: number
  /** Of load by contender, scenario and round. */
  readonly seconds: number
  /** Seconds of the same load before that, not counted: whoever idled has to get its code and data back into the caches. */
  readonly leadInSeconds: number
  readonly connections: number
  /** Seconds for those that compile as they run (the others get one), and whether each scenario is warmed up as well. */
  readonly warmUp: { readonly compiling: number; readonly everyScenario: boolean }
  /** No round is begun that would not end by then; milliseconds since 1970. */
  readonly until: number
}

/** `say` is told when a round ends. Samples of all rounds that fit the time. */
export async function measure(
  plan: Rounds,
  checked: readonly Checked[],
  generator: LoadGenerator,
  say: (line: string) => void,
): Promise<readonly Sample[]> {
  const samples: Sample[] = []
  for (const one of checked) await warmUp(one, plan, generator)
  let longest = 0
  for (let round = 0; round < plan.rounds; round++) {
    const started = Date.now()
    if (round > 0 && started + longest > plan.until) {
      say(`stops after ${round} of ${plan.rounds} rounds: the time is up`)
      break
    }
    for (const { scenario, contenders } of plan.scenarios) {
      const order = round % 2 === 0 ? contenders : contenders.toReversed()
      for (const name of order) {
        const one = checked.find(({ contender }) => contender.name === name)
        if (one !== undefined && canTake(one, scenario))
          samples.push(await sample(one, scenario, round, plan, generator))
      }
    }
    for (const { contender, setting } of checked) await contender.tidy?.(setting)
    longest = Math.max(longest, Date.now() - started)
    say(`round ${round + 1} of ${plan.rounds}: ${Math.round((Date.now() - started) / 1000)} s`)
  }
  return samples
}

/** Not those over TLS where no certificate could be made. */
function canTake({ setting }: Checked, { secure }: Scenario): boolean {
  return !secure || setting.secure !== undefined
}

/** Pools are filled, and code is compiled by requests of the kinds to come. */
async function warmUp(one: Checked, plan: Rounds, generator: LoadGenerator): Promise<void> {
  const own = plan.scenarios.filter(
    ({ scenario, contenders }) => contenders.includes(one.contender.name) && canTake(one, scenario),
  )
  const [first] = own
  if (first === undefined) return
  const { connections, warmUp: warm } = plan
  const seconds = one.contender.compilesAsItRuns ? warm.compiling : 1
  await run(one, first.scenario, { connections, seconds }, generator)
  if (!warm.everyScenario) return
  const more = one.contender.compilesAsItRuns ? 2 : 1
  for (const { scenario } of own.slice(1)) await run(one, scenario, { connections, seconds: more }, generator)
}

async function sample(
  one: Checked,
  scenario: Scenario,
  round: number,
  plan: Rounds,
  generator: LoadGenerator,
): Promise<Sample> {
  const { connections, leadInSeconds } = plan
  if (leadInSeconds > 0) await run(one, scenario, { connections, seconds: leadInSeconds }, generator)
  const id = one.child?.pid
  const before = id === undefined ? undefined : costOfTree(id)
  const started = performance.now()
  const result = await run(one, scenario, plan, generator)
  const elapsed = (performance.now() - started) / 1000
  const after = id === undefined ? undefined : costOfTree(id)
  const cpuSeconds = before === undefined || after === undefined ? undefined : after.cpuSeconds - before.cpuSeconds
  return {
    scenario: scenario.name,
    contender: one.contender.name,
    round,
    ...result,
    cpuMicroseconds: cpuSeconds === undefined ? undefined : (cpuSeconds / Math.max(1, result.requests)) * 1e6,
    cores: cpuSeconds === undefined ? undefined : cpuSeconds / elapsed,
    residentKib: after?.residentKib,
  }
}

function run(
  { port, setting, verdict }: Checked,
  scenario: Scenario,
  { seconds, connections }: Pick<Rounds, 'seconds' | 'connections'>,
  generator: LoadGenerator,
): ReturnType<LoadGenerator['run']> {
  const { method, path, bodyBytes, newConnections, numbered, secure } = scenario
  const headers = browserHeaders(verdict.pins.v2)
  const at = { port: secure ? setting.secure!.port : port, secure }
  return generator.run({ ...at, method, path, headers, bodyBytes, newConnections, numbered, connections, seconds })
}
