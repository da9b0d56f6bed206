// `node bench/report.ts`: the newest results become docs/benchmarks.md and its charts. Measures nothing.

import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

import { barChart } from './report/charts.ts'
import { cellsOf, idleKib, isOurs, ratio } from './report/figures.ts'
import { page, type Results } from './report/page.ts'
import { soakChart } from './report/soak-section.ts'
import { type BenchResult, resultsFolder } from './result.ts'
import { scenarios } from './scenarios.ts'

/** Reads a folder of results; throws when there is none of a whole run. A full run goes before a quick one, however old. */
export async function readResults(folder: string): Promise<Results> {
  const [full, quick] = [await newest<BenchResult>(folder, 'full'), await newest<BenchResult>(folder, 'quick')]
  const bench = full ?? quick
  if (bench === undefined) throw new Error('there is no result yet: run pnpm bench')
  const later = full !== undefined && quick !== undefined && quick.startedAt > full.startedAt ? quick : undefined
  const [micro, profile, soak] = await Promise.all([
    newest<NonNullable<Results['micro']>>(folder, 'micro'),
    newest<NonNullable<Results['profile']>>(folder, 'profile'),
    newest<NonNullable<Results['soak']>>(folder, 'soak'),
  ])
  const alone = await Promise.all(scenarios.map(({ name }) => newest<BenchResult>(folder, `alone-${name}`)))
  return { bench, later, alone: alone.filter((one) => one !== undefined), micro, profile, soak }
}

/** Writes benchmarks.md and images/bench-*.svg into a folder; charts of an earlier report go. */
export async function writeReport(results: Results, docs: string): Promise<void> {
  const charts = chartsOf(results)
  const images = join(docs, 'images')
  await mkdir(images, { recursive: true })
  for (const old of await readdir(images)) if (/^bench-.*\.svg$/.test(old)) await rm(join(images, old))
  for (const [name, svg] of charts) await writeFile(join(images, `bench-${name}.svg`), svg)
  await writeFile(join(docs, 'benchmarks.md'), page(results, new Set(charts.keys())))
}

async function newest<T>(folder: string, kind: string): Promise<T | undefined> {
  const names = await readdir(folder).catch(() => [])
  const name = names
    .filter((one) => one.endsWith(`-${kind}.json`))
    .toSorted()
    .at(-1)
  return name === undefined ? undefined : (JSON.parse(await readFile(join(folder, name), 'utf8')) as T)
}

function chartsOf({ bench, soak }: Results): ReadonlyMap<string, string> {
  const charts = new Map<string, string>()
  const small = cellsOf(bench, 'small').flatMap(({ contender, cpu }) =>
    cpu === undefined
      ? []
      : [{ label: contender, value: cpu.median, from: cpu.min, to: cpu.max, ours: isOurs(contender) }],
  )
  if (small.length > 0) {
    charts.set('small', barChart({ title: 'Small GET with browser headers', unit: 'CPU µs a request', bars: small }))
  }
  const ratios = ratioBars(bench)
  if (ratios.length > 0) {
    const mark = { value: 1, label: 'nginx' }
    charts.set('ratios', barChart({ title: 'CPU time a request', unit: 'multiples of nginx', bars: ratios, mark }))
  }
  const idle = bench.idle.map(({ contender }) => {
    return { label: contender, value: Math.max(0, idleKib(bench, contender) ?? 0), ours: isOurs(contender) }
  })
  if (idle.length > 0) {
    const bars = idle.toSorted((a, b) => a.value - b.value)
    charts.set('idle', barChart({ title: 'Memory of an idle connection', unit: 'KiB', bars }))
  }
  if (soak !== undefined && soak.memory.length > 1) charts.set('soak', soakChart(soak))
  return charts
}

/** graylane and Envoy, kind by kind. */
function ratioBars(bench: BenchResult): Parameters<typeof barChart>[0]['bars'] {
  const kinds = scenarios.filter(({ name }) => name !== 'rules' && name !== 'workers')
  return kinds.flatMap(({ name, title }) =>
    ['graylane', 'envoy'].flatMap((contender) => {
      const times = ratio(bench, name, contender, 'nginx')
      if (times === undefined) return []
      const label = contender === 'graylane' ? title.replace(', browser headers', '') : 'Envoy'
      return [{ label, value: times.median, from: times.min, to: times.max, ours: isOurs(contender) }]
    }),
  )
}

if (import.meta.main) await writeReport(await readResults(resultsFolder), join(import.meta.dirname, '../docs'))
