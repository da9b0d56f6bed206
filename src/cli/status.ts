// `graylane status`: how a running gateway is, from its admin server: configuration, versions side by side, crossings.
// Asks, and changes nothing.

import { readFile } from 'node:fs/promises'

import type { GatewayState } from '../admin/gateway-state.ts'
import type { TrafficView } from '../observe/traffic-ring.ts'
import { readListenAddress } from './listen-address.ts'
import { painter } from './terminal.ts'
import { readArguments, type ExitCode } from './usage.ts'

const usage = `graylane status [OPTIONS]

Says how a running gateway is: its configuration, its versions side by side over the last minute, and what crossed.

  --admin ADDRESS:PORT      its admin server (default 127.0.0.1:9901)
  --admin-token-file FILE   the token it wants; else GRAYLANE_ADMIN_TOKEN
  --json                    the answer as JSON

Exit code: 0 ready and nothing crossed, 1 not ready, a refused configuration or crossings, 2 wrong usage or no answer.
`

interface Status {
  readonly state: GatewayState
  readonly traffic: TrafficView
}

export async function runStatus(args: string[]): Promise<ExitCode> {
  const { values } = readArguments(args, {
    admin: { type: 'string', default: '127.0.0.1:9901' },
    'admin-token-file': { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  })
  if (values.help) {
    process.stdout.write(usage)
    return 0
  }
  const { host, port } = readListenAddress('admin', values.admin)
  const origin = `http://${host.includes(':') ? `[${host}]` : host}:${port}`
  let status: Status
  try {
    const token = await readToken(values['admin-token-file'])
    const [state, traffic] = await Promise.all([
      ask(`${origin}/state`, token),
      ask(`${origin}/traffic?window=60`, token),
    ])
    status = { state: state as GatewayState, traffic: traffic as TrafficView }
  } catch (error) {
    process.stderr.write(`graylane status: ${reasonOf(error, origin)}\n`)
    return 2
  }
  process.stdout.write(values.json ? `${JSON.stringify(status, undefined, 2)}\n` : describe(status))
  const { state, reloads } = status.state
  return state === 'ready' && reloads[0]?.ok !== false && status.traffic.coupling.crossings === 0 ? 0 : 1
}

async function readToken(file: string | undefined): Promise<string | undefined> {
  return file === undefined ? process.env['GRAYLANE_ADMIN_TOKEN'] || undefined : (await readFile(file, 'utf8')).trim()
}

async function ask(url: string, token: string | undefined): Promise<unknown> {
  const headers = { accept: 'application/json', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) }
  const response = await fetch(url, { headers, redirect: 'error', signal: AbortSignal.timeout(5000) })
  if (!response.ok) throw new Error(`${url} answers ${response.status}`)
  return response.json()
}

function reasonOf(error: unknown, origin: string): string {
  const { cause, message, name, path } = error as Error & { readonly path?: string }
  if (path !== undefined) return message
  const { code, message: why = message } = (cause ?? {}) as Partial<NodeJS.ErrnoException>
  if (code === 'ECONNREFUSED')
    return `nothing listens at ${origin}: is a gateway running, and is its admin server there?`
  return name === 'TimeoutError' ? `${origin} does not answer` : code === undefined ? why : `${origin}: ${code}`
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
    '',
    crossings(traffic, paint),
  ]
  if (state.endpointsOut.length > 0)
    lines.push(paint('yellow', `endpoints that are out: ${state.endpointsOut.join(', ')}`))
  return lines.map((line) => `${line}\n`).join('')
}

function releaseLines(release: GatewayState['releases'][number], traffic: TrafficView): string[] {
  const rows = [['version', 'is', 'requests/s', 'errors', 'p50', 'p99', 'pins in 5 min', 'sockets']]
  for (const { name, role } of release.versions) {
    const seen = traffic.versions.find((one) => one.release === release.name && one.version === name)
    rows.push([
      name,
      role,
      (seen?.rate ?? 0).toFixed(1),
      `${(100 * (seen?.errors ?? 0)).toFixed(1)} %`,
      milliseconds(seen?.p50),
      milliseconds(seen?.p99),
      String(seen?.pins.fiveMinutes ?? 0),
      String(seen?.sockets ?? 0),
    ])
  }
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  return [
    `release ${release.name}`,
    ...rows.map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column]!)).join('  ')}`.trimEnd()),
  ]
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
