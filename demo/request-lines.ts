// graylane's access log for people: one short line a request, the version first.
// Passes on what it does not know as it is, so that nothing graylane says is lost.

interface Logged {
  readonly time: string
  readonly method: string
  readonly path: string
  readonly status: number
  readonly version: string
  readonly reason: string
  readonly rule: string
  readonly service: string
  readonly endpoint: string
  readonly internal: boolean
}

/** A printer of what graylane says from now on; requests from before are left out: the log comes up to a second late. */
export function requestPrinter(print: (line: string) => void): (line: string) => void {
  const since = Date.now()
  return (line) => {
    const logged = readLogged(line)
    if (logged === undefined) print(`  ${line}`)
    else if (Date.parse(logged.time) >= since) print(`  ${describe(logged)}`)
  }
}

function describe({ method, path, status, version, reason, rule, service, endpoint, internal }: Logged): string {
  const why = rule === '' ? reason : `${reason} ${rule}`
  const way = internal ? 'service to service' : 'browser'
  return `${version.padEnd(3)} ${why.padEnd(14)} ${status} ${method} ${path}  ${way} -> ${service} ${endpoint}`
}

function readLogged(line: string): Logged | undefined {
  if (!line.startsWith('{')) return undefined
  try {
    return JSON.parse(line) as Logged
  } catch {
    return undefined
  }
}
