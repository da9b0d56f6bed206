// `graylane status`: how a running gateway is, from its admin server: configuration, versions side by side, crossings.
// Asks, and changes nothing.

import type { GatewayState } from '../admin/gateway-state.ts'
import type { TrafficView } from '../observe/traffic-ring.ts'
import { adminOptions, adminUsage, openAdmin } from './admin-client.ts'
import { sayReason } from './say-problems.ts'
import { columns, painter } from './terminal.ts'
import { readArguments, UsageError, type ExitCode } from './usage.ts'

export const usage = `graylane status [OPTIONS]

Says how a running gateway is: its configuration, its versions side by side over the last minute, and what
crossed since it started (graylane audit --for SECONDS counts from now on).

${adminUsage}
  --json                    the answer as JSON

Exit code: 0 ready and nothing crossed, 1 not ready, a refused configuration or crossings, 2 wrong usage or no answer.
`

interface Status {
  readonly state: GatewayState
  readonly traffic: TrafficView
}

export async function run(args: string[]): Promise<ExitCode> {
  const { values } = readArguments(args, {
    ...adminOptions,
    json: { type: 'boolean', default: false },
  })
  let status: Status
  try {
    const admin = await openAdmin(values)
    const [state, traffic] = await Promise.all([admin.json('/state'), admin.json('/traffic?window=60')])
    if (!isState(state) || !isTraffic(traffic)) throw admin.foreign()
    status = { state, traffic }
  } catch (error) {
    if (error instanceof UsageError) throw error
    sayReason('graylane status', (error as Error).message, values.json)
    return 2
  }
  process.stdout.write(values.json ? `${JSON.stringify(status, undefined, 2)}\n` : describe(status))
  const { state, reloads } = status.state
  return state === 'ready' && reloads[0]?.ok !== false && status.traffic.coupling.crossings === 0 ? 0 : 1
}

/** As far as is looked at here: something else may listen there, or another version. */
function isState(value: unknown): value is GatewayState {
  const { reloads, releases, endpointsOut } = Object(value) as Partial<GatewayState>
  return [reloads, releases, endpointsOut].every(Array.isArray)
}

function isTraffic(value: unknown): value is TrafficView {
  const { versions, coupling } = Object(value) as Partial<TrafficView>
  return Array.isArray(versions) && Array.isArray(coupling?.pairs)
}

// --- for people ------------------------------------------------------------------------------------------------------------------------

function describe({ state, traffic }: Status): string {
  const paint = painter(process.stdout)
  const [reload] = state.reloads
  const lines = [
    `${paint(state.state === 'ready' ? 'green' : 'red', state.state)}, graylane ${state.build} on Node ${state.node}`,
    `configuration ${state.snapshot} of ${state.file}`,
    ...(reload?.ok === false
      ? [paint('red', 'the file as it is now was refused:'), ...reload.problems.map((problem) => `  ${problem}`)]
      : []),
    ...state.releases.flatMap((release) => ['', ...releaseLines(release, traffic)]),
    ...(state.releases.length === 0 && traffic.versions.length > 0 ? ['', ...seenLines(traffic)] : []),
    '',
    crossings(traffic, paint),
  ]
  if (state.endpointsOut.length > 0)
    lines.push(paint('yellow', `endpoints that are out: ${state.endpointsOut.join(', ')}`))
  return lines.map((line) => `${line}\n`).join('')
}

function releaseLines(release: GatewayState['releases'][number], traffic: TrafficView): string[] {
  const rows = [['version', 'is', ...loadHeads, 'pins in 5 min', 'sockets']]
  for (const { name, role } of release.versions) {
    const seen = traffic.versions.find((one) => one.release === release.name && one.version === name)
    rows.push([name, role, ...loadOf(seen), String(seen?.pins.fiveMinutes ?? 0), String(seen?.sockets ?? 0)])
  }
  return [`release ${release.name}`, ...columns(rows)]
}

/** Istio's manifests have no releases: versions are those that were seen, of all namespaces. */
function seenLines({ versions }: TrafficView): readonly string[] {
  const rows = versions.map((seen) => [
    seen.release,
    seen.version === '' ? '-' : seen.version,
    ...loadOf(seen),
    String(seen.sockets),
  ])
  return columns([['namespace', 'version', ...loadHeads, 'sockets'], ...rows])
}

const loadHeads = ['requests/s', 'errors', 'p50', 'p99']

/** Of a version over the last minute; undefined: nothing of it was seen. */
function loadOf(seen: TrafficView['versions'][number] | undefined): readonly string[] {
  const { rate = 0, errors = 0, p50, p99 } = seen ?? {}
  return [rate.toFixed(1), `${(100 * errors).toFixed(1)} %`, milliseconds(p50), milliseconds(p99)]
}

function milliseconds(value: number | undefined): string {
  return value === undefined ? '-' : `${value.toFixed(1)} ms`
}

function crossings(
  { coupling: { crossings: count, answered, named, pairs } }: TrafficView,
  paint: ReturnType<typeof painter>,
): string {
  if (answered === 0) return 'crossings: nothing answered yet'
  const coverage = `${count} among the ${((100 * named) / answered).toFixed(0)} % of answers that named their version`
  const worst = pairs.map(({ service, asked, served, count: times }) => `${service} ${asked} -> ${served} (${times})`)
  return paint(count === 0 ? 'green' : 'red', `crossings: ${[coverage, ...worst].join('; ')}`)
}
