// docs/benchmarks.md, all of it: words around figures. No figure is written here; each comes from a result.

import type { MicroResult } from '../micro/micro.ts'
import type { ProfileResult } from '../profile.ts'
import type { BenchResult } from '../result.ts'
import { scenarios } from '../scenarios.ts'
import type { SoakResult } from '../soak.ts'
import { type Bar, bars, memoryBar, outcomeOf } from './bars.ts'
import { short } from './charts.ts'
import { type Cell, cellsOf, idleKib, isOurs, ratio, type Spread, timeOf } from './figures.ts'
import { soakSection } from './soak-section.ts'
import { table } from './table.ts'

export interface Results {
  readonly bench: BenchResult
  /** A quick run that was made after it. */
  readonly later?: BenchResult | undefined
  /** Runs of one scenario each. */
  readonly alone?: readonly BenchResult[]
  readonly micro: MicroResult | undefined
  readonly profile: ProfileResult | undefined
  readonly soak: SoakResult | undefined
}

/** The whole page; `charts` are the names of those there are. */
export function page(results: Results, charts: ReadonlySet<string>): string {
  const { bench } = results
  const chart = (name: string, alt: string): string =>
    charts.has(name) ? [`![${alt}](images/bench-${name}.svg)`].join('\n') : ''
  const sections = [
    opening(results),
    barsSection(results),
    aloneSection(results),
    lossesSection(results),
    methodSection(bench),
    `## By request\n\n${scenarioNote}\n\n${chart('small', 'CPU time of a small GET by proxy')}\n\n${chart('ratios', 'CPU time as a multiple of nginx, by kind of request')}`,
    ...scenarios.map(({ name, title }) => scenarioSection(bench, name, title)),
    idleSection(bench, chart('idle', 'Resident memory of an idle connection')),
    couplingSection(bench),
    profileSection(results.profile),
    microSection(results.micro),
    soakSection(results.soak, chart('soak', 'Memory over the soak'), (growth) => outcome(memoryBar, growth)),
    participantsSection(bench),
  ]
  return `${sections
    .filter((section) => section !== '')
    .join('\n\n')
    .replaceAll(/\n{3,}/g, '\n\n')}\n`
}

function opening({ bench, micro, profile, soak }: Results): string {
  const { kind, seconds, machine, load } = bench
  const quick =
    kind === 'quick'
      ? '\nThis is a **quick** run: few rounds. Ranges are wide; do not quote it. `pnpm bench` makes a full one.\n'
      : ''
  const others = [profile && 'the profile', micro && 'the parts alone', soak && 'the soak'].filter(Boolean)
  const apart =
    others.length === 0 ? '' : `\n\nRuns of their own, of the version that stands there: ${others.join(', ')}.`
  return `# Benchmarks

<!-- Made by \`node bench/report.ts\` from bench/results. Do not edit: run it again. -->

What one proxied request costs, in CPU time of the proxy's whole process tree, beside other proxies that do the same work on the same
machine in the same run. Repeat it with \`pnpm bench\` (\`--quick\`: less than two minutes), then \`node bench/report.ts\`.
${quick}
| | |
| --- | --- |
| graylane | ${ownVersion(bench)} |
| when | ${timeOf(bench)}, ${seconds} s, ${kind} |
| machine | ${machine.cores} x ${machine.cpu}, ${machine.memoryGib} GiB, ${machine.system} |
| load average | ${machine.loadBefore} before, ${machine.loadAfter} at the end |
| Node | ${machine.node} |
| load | ${load.generator}, ${load.connections} connections, ${load.seconds} s for each figure and round, ${rounds(bench)}, order reversed every second round |${apart}`
}

function barsSection({ bench, later, soak }: Results): string {
  const rows = bars.map((bar) => {
    const value = bar.measure(bench, soak)
    const row = [bar.what, bar.unit, limit(bar, bar.must), limit(bar, bar.goal), number(value), outcome(bar, value)]
    if (later === undefined) return row
    const again = bar.measure(later)
    return [...row, number(again), outcome(bar, again)]
  })
  const heads = ['what', 'unit', 'must', 'goal', 'measured', '']
  return `## The bars

What graylane with everything on may cost at most (must), and is meant to (goal). \`x nginx\` and \`x Envoy\` are multiples of their CPU time for
one request in the same run.

${later === undefined ? table(heads, rows, 2) : `${table([...heads, 'later', ''], rows, 2)}\n\n${laterNote(later)}`}`
}

function laterNote(later: BenchResult): string {
  return `**Later** is a quick run (${timeOf(later)}, ${rounds(later)}, load average ${later.machine.loadBefore} before): what the machine's neighbours do moves ratios, too.`
}

/** For the bars that are missed, where it was measured: what else was sent to the same process changes what one request costs. */
function aloneSection({ bench, soak, alone = [] }: Results): string {
  const missed = bars.filter((bar) => outcomeOf(bar, bar.measure(bench, soak)) === 'missed')
  const rows = missed.flatMap((bar) =>
    alone.flatMap((run) => {
      const value = bar.measure(run)
      if (value === undefined) return []
      return [[bar.what, bar.unit, number(bar.measure(bench, soak)), number(value), outcome(bar, value), madeBy(run)]]
    }),
  )
  if (rows.length === 0) return ''
  return `### Missed bars, one kind of request alone

In the run above each process answers all kinds of requests in turns. In these, made by \`pnpm bench --alone\`, it answered one kind only; the bars hold
for the run above.

${table(['what', 'unit', 'above', 'alone', '', 'run'], rows, 2)}`
}

function madeBy(run: BenchResult): string {
  return `${ownVersion(run)}, ${timeOf(run)}, ${rounds(run)}`
}

function rounds({ load }: BenchResult): string {
  return `${load.rounds} round${load.rounds === 1 ? '' : 's'}`
}

function ownVersion({ participants }: BenchResult): string {
  return participants.find(({ name }) => name === 'graylane')?.version ?? 'not measured'
}

function outcome(bar: Bar, value: number | undefined): string {
  return `**${outcomeOf(bar, value)}**`
}

function limit(bar: Bar, value: number): string {
  if (bar.unit === 'crossings' || bar.unit === 'requests') return String(value)
  return `${bar.below ? '<' : '<='} ${value}`
}

/** Who is cheaper, and which bars are missed: said by the figures, whether we like it or not. */
function lossesSection({ bench, soak }: Results): string {
  const cheaper = scenarios.flatMap(({ name, title }) => cheaperAt(bench, name, title))
  const memory = bench.idle
    .filter(({ contender }) => (idleKib(bench, contender) ?? Infinity) < (idleKib(bench, 'graylane') ?? -Infinity))
    .filter(({ contender }) => !isOurs(contender))
    .map(({ contender }) => contender)
  if (memory.length > 0) cheaper.push(`- idle connections take less memory in: ${memory.join(', ')}`)
  const missed = bars
    .filter((bar) => outcomeOf(bar, bar.measure(bench, soak)) === 'missed')
    .map((bar) => `- ${bar.what}: ${number(bar.measure(bench, soak))} ${bar.unit}, must be ${limit(bar, bar.must)}`)
  const failed = bench.samples.filter((sample) => isOurs(sample.contender) && sample.failed > 0)
  if (failed.length > 0)
    cheaper.push(`- requests of graylane failed in: ${[...new Set(failed.map((one) => one.scenario))].join(', ')}`)
  return `## Where we lose

Bars missed:

${missed.length === 0 ? '- none' : missed.join('\n')}

Who does the same for less CPU time or memory:

${cheaper.length === 0 ? '- nobody in this run' : cheaper.join('\n')}`
}

/** Compared with graylane under as many rules. */
function cheaperAt(bench: BenchResult, name: string, title: string): string[] {
  const kind = name === 'rules' ? ', 1000 rules' : ''
  const cells = cellsOf(bench, name).filter(({ cpu }) => cpu !== undefined)
  const ours = cells.findIndex(({ contender }) => contender === `graylane${kind}`)
  const ahead = cells
    .slice(0, Math.max(0, ours))
    .filter(({ contender }) => !isOurs(contender) && contender.endsWith(kind))
  if (ahead.length === 0) return []
  const named = ahead.map(({ contender }) => {
    const times = ratio(bench, name, `graylane${kind}`, contender)
    return `${contender.slice(0, contender.length - kind.length)} (graylane costs ${times === undefined ? '?' : times.median.toFixed(2)} x)`
  })
  return [`- ${title}: ${named.join(', ')}`]
}

const scenarioNote = `CPU time is user and system time of the process and all its children, by answered request; the median of the rounds and their range. A ratio
compares two proxies round by round and takes the median. † marks requests/s and latencies that the load generator, the backend or the machine
limited (the proxy kept less than 0.9 of a core busy): they say nothing about the proxy, the CPU time does. Failed are requests of all rounds
that got no answer, or one that is neither 2xx nor 3xx. Who everyone is stands under [who took part](#who-took-part).`

function scenarioSection(bench: BenchResult, name: string, title: string): string {
  const cells = cellsOf(bench, name)
  if (cells.length === 0) return ''
  const rows = cells.map((cell) => cellRow(bench, name, cell))
  const heads = ['proxy', 'CPU µs', 'range', 'x nginx', 'x Envoy', 'requests/s', 'p50 ms', 'p99 ms', 'resident MiB']
  return `### ${title[0]?.toUpperCase()}${title.slice(1)}\n\n${table(heads, rows, 1)}`
}

function cellRow(bench: BenchResult, scenario: string, cell: Cell): readonly string[] {
  const { contender, cpu, requestsPerSecond, p50, p99, residentKib, limitedByLoad, failed } = cell
  const mark = limitedByLoad ? ' †' : ''
  const times = (to: string): string => ratio(bench, scenario, contender, to)?.median.toFixed(2) ?? '–'
  return [
    `${isOurs(contender) ? `**${contender}**` : contender}${failed > 0 ? ` (${failed} failed)` : ''}`,
    cpu === undefined ? 'not available' : short(cpu.median),
    cpu === undefined ? '–' : range(cpu),
    times('nginx'),
    times('envoy'),
    `${Math.round(requestsPerSecond.median)}${mark}`,
    `${(p50.median / 1000).toFixed(2)}${mark}`,
    `${(p99.median / 1000).toFixed(2)}${mark}`,
    residentKib === undefined ? '–' : String(Math.round(residentKib.median / 1024)),
  ]
}

function idleSection(bench: BenchResult, chart: string): string {
  if (bench.idle.length === 0) return ''
  const rows = bench.idle.map((one) => [
    isOurs(one.contender) ? `**${one.contender}**` : one.contender,
    String(one.connections),
    String(one.failed),
    short(one.residentKibBefore / 1024),
    short(one.residentKibAfter / 1024),
    number(idleKib(bench, one.contender)),
  ])
  const heads = ['proxy', 'connections', 'refused', 'MiB before', 'MiB with them', 'KiB each']
  return `## Idle connections\n\nEach has made one request with browser headers and then waits. Memory of the kernel is in nobody's figure.\n\n${chart}\n\n${table(heads, rows, 1)}`
}

function couplingSection({ coupling }: BenchResult): string {
  if (coupling.length === 0) return ''
  const rows = coupling.map((one) => [
    one.title,
    String(one.visitors),
    String(one.pages),
    Object.entries(one.pagesByVersion)
      .toSorted()
      .map(([version, pages]) => `${version} ${pages}`)
      .join(', '),
    String(one.requests),
    String(one.failed),
    String(one.reloads),
    `**${one.crossings}**`,
  ])
  const heads = ['', 'visitors', 'pages', 'by version', 'requests', 'failed', 'reloads', 'crossings']
  return `## Coupling under load

Versions are drawn by shares. Visitors load a page, keep its cookie, ask for its parts; the version that the backend wrote into every
answer is compared with the page's. A crossing is an answer of another version.

${table(heads, rows, 1)}`
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`
}

function profileSection(profile: ProfileResult | undefined): string {
  if (profile === undefined) return ''
  const { version, profiler, microseconds, layers = [] } = profile
  const each =
    microseconds === undefined ? '' : ` A request took ${microseconds.toFixed(1)} CPU µs, the profiler's work included.`
  const note =
    profiler === 'perf'
      ? `By perf.${each}`
      : 'A system call counts to the function that made it: the writes are the kernel’s work.'
  const whose = layers.map(({ name, share }) => [
    name,
    percent(share),
    ...(microseconds === undefined ? [] : [(share * microseconds).toFixed(1)]),
  ])
  const heads = ['whose code', 'share', ...(microseconds === undefined ? [] : ['CPU µs a request'])]
  const functions = profile.functions
    .slice(0, 25)
    .map(({ name, place, share }) => [
      `\`${name.replaceAll('|', '\\|')}\``,
      place === '' ? 'Node, V8' : /[/:]/.test(place) ? `\`${place}\`` : place,
      percent(share),
    ])
  return `## Where the time goes

\`pnpm bench --profile\`, small GET, everything on, ${version}: share of the busy time, without what a function calls. ${note}
${whose.length === 0 ? '' : `\n${table(heads, whose, 1)}\n`}
${table(['function', 'where', 'share'], functions, 2)}`
}

function microSection(micro: MicroResult | undefined): string {
  if (micro === undefined) return ''
  const rows = micro.timings.map(({ name, median, min, max }) => [name, whole(median), `${whole(min)}–${whole(max)}`])
  return `## The parts alone\n\n\`pnpm bench --micro\`, ${micro.version}, load average ${micro.machine.loadBefore} before.\n\n${table(['part', 'ns', 'range'], rows, 1)}`
}

function participantsSection({ participants }: BenchResult): string {
  const rows = participants.map(({ name, about, version, state, remarks }) => [
    name,
    version ?? '–',
    about,
    [state, ...remarks].join('; ').replaceAll(/\s+/g, ' ').replaceAll('|', '\\|'),
  ])
  return `## Who took part

One process or thread each. Everyone's answers were checked first: the right version by address, user and pin, x-version, X-Forwarded-For, every
byte of the bodies, HEAD, POST, connections to the backend kept. Whoever answers wrongly is left out.

${table(['contender', 'version', 'what', 'outcome'], rows, 4)}`
}

function methodSection({ kind, load }: BenchResult): string {
  const leadIn =
    kind === 'quick'
      ? ''
      : `
- Each figure follows a second of the same load that is not counted. Without it, who had waited for a minute paid for that: a graylane that
  takes part in one scenario alone cost a fifth more than the same one beside it which had just been busy.`
  return `## How to read this

- All do the same: the address 192.168.0.58 gets v2, the user jason v3, else the pin in the cookie decides, else v1; \`x-version\` on the answer,
  X-Forwarded-For appended, connections to the backends kept. graylane's pin is signed, and it counts and logs; the others write no access log.
- One machine runs backend, proxy and ${load.generator.split(' ')[0]}, over loopback: there is no network, and the kernel charges the receiving side's work
  to the sender. Compare proxies within a table; do not carry microseconds to another machine.
- Ticks of CPU time are 10 ms: one figure of ${load.seconds} s is good to some percent, hence rounds and ranges.${leadIn}
- Load generators send the same fields over a connection again and again. graylane compares them and reads them once (docs/engine.md, "Fields
  that come again"), as it does with a browser's; what a request costs whose fields differ each time stands in a table of its own.
- Requests over TLS go to a graylane of their own. What a plain request costs a process that serves both stands in the first table:
  Node runs through other code over TLS, and has to tell the two apart from then on.
- HAProxy and Envoy run with their default buffers; nginx with buffers that keep bodies off the disk. None is tuned to the last.`
}

function range({ min, max }: Spread): string {
  return `${short(min)}–${short(max)}`
}

function number(value: number | undefined): string {
  if (value === undefined) return '–'
  return Number.isInteger(value) ? String(value) : value.toFixed(2)
}

function whole(value: number): string {
  return Math.round(value).toString()
}
