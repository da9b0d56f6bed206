// `graylane explain`: which version one imagined request gets, and why, step by step. Decides with the gateway's own function, needs no
// running gateway and asks no upstream.

import { isIP } from 'node:net'

import { rehearse, type Rehearsal } from '../rehearse.ts'
import { sayNoAnswer } from './say-problems.ts'
import { painter } from './terminal.ts'
import { defaultConfigPath, readArguments, UsageError, type ExitCode } from './usage.ts'

export const usage = `graylane explain [OPTIONS] [METHOD] URL

Says which version a request gets, and why. URL is http://host/path or a path.

  --config FILE         routes.yaml (default ${defaultConfigPath})
  --ip ADDRESS          the peer that sends it (default 127.0.0.1)
  -H 'Name: value'      a header field, as often as needed
  --port PORT           of the listener that takes it, an internal one too (default: the first edge listener)
  --json                the answer as JSON

Exit code: 0 explained, 1 the configuration cannot be used, 2 wrong usage.

  graylane explain --ip 192.168.0.58 -H 'Accept: text/html' http://shop.example/
`

type Explanation = ReturnType<Rehearsal['explain']>
type ExplainInput = Parameters<Rehearsal['explain']>[0]

interface ExplainOptions {
  readonly configPath: string
  readonly json: boolean
  readonly input: ExplainInput
}

/** 1 when the configuration cannot be used. */
export async function run(args: string[]): Promise<ExitCode> {
  const options = readOptions(args)
  const rehearsal = await rehearse(options.configPath)
  if (!('explain' in rehearsal)) {
    sayNoAnswer(rehearsal.problems, options.json)
    return 1
  }
  const { port } = options.input
  const { listen } = rehearsal.configuration
  if (port !== undefined && !listen.some((listener) => listener.port === port)) {
    throw new UsageError(
      `--port: nothing listens at ${port}, but at ${listen.map((listener) => listener.port).join(', ')}`,
    )
  }
  const explanation = rehearsal.explain(options.input)
  process.stdout.write(options.json ? `${JSON.stringify(explanation, undefined, 2)}\n` : describe(explanation))
  return 0
}

function describe(explanation: Explanation): string {
  const paint = painter(process.stdout)
  const lines = [
    ...explanation.steps.map(({ step, outcome }): [string, string] => [step, outcome]),
    ...ending(explanation),
  ]
  const width = Math.max(...lines.map(([name]) => name.length))
  return lines.map(([name, text]) => `${paint('dim', name.padEnd(width))}  ${text}\n`).join('')
}

function ending(explanation: Explanation): [name: string, text: string][] {
  const { version, reason, rule, service, poolVersion, forwards, status, edgeCode, setsPin } = explanation
  const lines: [string, string][] = []
  if (reason !== '') lines.push(['version', `${version} (${reason}${rule === '' ? '' : `: ${rule}`})`])
  if (forwards !== undefined) {
    const owner = poolVersion === version ? '' : `, which lends its pool to ${version}`
    // A service of manifests without a subset has no version.
    const pool = poolVersion === '' ? service : `${service} of ${poolVersion}${owner}`
    lines.push(['upstream', `${pool}: ${forwards.target}, Host ${forwards.host}`])
  }
  if (status !== undefined)
    lines.push(['answer', `${status}${edgeCode === '' ? '' : ` ${edgeCode}`}, by the edge itself`])
  lines.push(['pin', setsPin ? 'an HTML answer sets a new one' : 'none is set'])
  return lines
}

function readOptions(args: string[]): ExplainOptions {
  const { values, positionals } = readArguments(
    args,
    {
      config: { type: 'string', default: defaultConfigPath },
      ip: { type: 'string', default: '127.0.0.1' },
      header: { type: 'string', short: 'H', multiple: true, default: [] },
      port: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
    true,
  )
  if (isIP(values.ip) === 0) throw new UsageError(`--ip: ${JSON.stringify(values.ip)} is no IP address`)
  const [url, method = 'GET', ...rest] = positionals.toReversed()
  if (url === undefined) throw new UsageError('which URL?')
  if (rest.length > 0) throw new UsageError(`one METHOD and one URL, not ${positionals.join(' ')}`)
  if (isTarget(method) && isMethod(url)) throw new UsageError(`METHOD comes first: explain ${url} ${method}`)
  if (!isMethod(method)) throw new UsageError(`${JSON.stringify(method)} is no method`)
  checkMethod(method)
  if (!isTarget(url)) throw new UsageError(noTarget(url))
  const headers = values.header.map(readHeader)
  if (headers.filter(([name]) => name.toLowerCase() === 'host').length > 1) {
    throw new UsageError('one Host: to two the edge answers 400 and asks no rule')
  }
  return {
    configPath: values.config,
    json: values.json,
    input: {
      ip: values.ip,
      method,
      // No client sends what stands behind #.
      url: url.replace(/#.*$/, ''),
      headers,
      port: values.port === undefined ? undefined : readPort(values.port),
    },
  }
}

function isMethod(text: string): boolean {
  return /^[A-Za-z-]+$/.test(text)
}

/** Methods have a case (RFC 9110 9.1): another method would be explained. */
function checkMethod(method: string): void {
  const meant = method.toUpperCase()
  if (meant === 'TRACE' || meant === 'CONNECT')
    throw new UsageError(`to ${meant} the edge answers 405 and asks no rule`)
  if (method !== meant && usualMethods.includes(meant))
    throw new UsageError(`${method} is another method than ${meant}: write ${meant}`)
}

const usualMethods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']

/** A path, an absolute URL, or the `*` of OPTIONS (RFC 9112 3.2), in characters that a request line can hold. */
function isTarget(text: string): boolean {
  return /^(?:\/|https?:\/\/|\*$)[^\s\p{Cc}]*$/iu.test(text)
}

function noTarget(text: string): string {
  if (/^[A-Z]+$/.test(text)) return `which URL? ${text} is a METHOD`
  const meant = /^[\w.-]+(?::\d+)?(?:\/\S*)?$/.test(text) ? `: http://${text}, or /${text}` : ''
  return `${JSON.stringify(text)} is neither a path nor an http URL${meant}`
}

function readPort(text: string): number {
  if (!/^\d{1,5}$/.test(text)) throw new UsageError(`--port: ${JSON.stringify(text)} is no port`)
  return Number(text)
}

function readHeader(line: string): [name: string, value: string] {
  const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([^\0\r\n]*)$/.exec(line)
  if (match === null) throw new UsageError(`-H wants 'Name: value', not ${JSON.stringify(line)}`)
  return [match[1] as string, match[2] as string]
}
