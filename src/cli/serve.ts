// `graylane serve`: runs the gateway and its admin server until a signal ends it. Lines for people go to standard error, so that
// standard output is the access log's alone. With --json each is an event instead.

import cluster from 'node:cluster'
import { availableParallelism } from 'node:os'

import type { AdminServer, ListenAddress } from '../admin/server.ts'
import type { MetricsText } from '../admin/view.ts'
import { formatProblem, type Place, type Problem } from '../config/problem.ts'
import { ConfigurationError, createGateway, type Gateway, type ManifestOptions, packageVersion } from '../gateway.ts'
import { listenReason } from '../listen-failure.ts'
import { withPort } from '../rules/authority.ts'
import { readAdminToken } from './admin-client.ts'
import { manifestArguments, manifestUsage, readManifestOptions } from './manifest-arguments.ts'
import { readListenAddress } from './listen-address.ts'
import { stayReadyForLoad } from './ready-for-load.ts'
import { tellAsLines, type Tell, tellAsText } from './tell.ts'
import { defaultConfigPath, readArguments, UsageError, type ExitCode } from './usage.ts'

export const usage = `graylane serve [OPTIONS]

Runs the gateway. Ready when GET /readyz on the admin address answers 200.

  --config FILE|DIR         routes.yaml (default ${defaultConfigPath}), or Istio's manifests (file or directory)
  --admin ADDRESS:PORT      admin server (default 127.0.0.1:9901); elsewhere than on loopback it needs a token, at least
                            16 characters: --admin-token-file FILE, GRAYLANE_ADMIN_TOKEN_FILE or GRAYLANE_ADMIN_TOKEN
  --probe ADDRESS:PORT      a second address with only /healthz, /readyz and /metrics
  --workers N|auto          processes that share the ports, auto for one each processor (default 1);
                            limits.connections and the other limits hold for each process
  --drain-delay SECONDS     from SIGTERM (readyz 503) until listeners close (default 5)
  --json                    what it says on standard error as JSON lines: one event each, with its time
${manifestUsage}
SIGTERM and SIGINT end it when open requests have ended, 30 s at most; a second one ends it at once.
SIGHUP reads the configuration again and opens the access log anew; SIGUSR1 does only the latter.
Exit code: 0 ended as told, 1 could not start, 2 wrong usage.
`

/** How long open requests may go on once the listeners are closed. */
const deadlineMs = 30_000

/** From `ended` to the end. */
const exitLimitMs = 1000

interface ServeOptions {
  readonly configPath: string
  readonly admin: ListenAddress
  readonly probe: ListenAddress | undefined
  readonly drainDelayMs: number
  readonly tokenFile: string | undefined
  readonly workers: number
  readonly manifests: ManifestOptions | undefined
  readonly tell: Tell
}

type Served = Omit<Gateway, 'metrics'> & { readonly metrics: MetricsText }

/** Ends when the gateway was told to; 1 when it could not start. */
export async function run(args: string[]): Promise<ExitCode> {
  stayReadyForLoad()
  // node:cluster runs the same command line again: what it says was read by the primary.
  if (cluster.isWorker) {
    const { runWorker } = await import('../cluster/worker.ts')
    await runWorker(args.includes('--json') ? tellAsLines : tellAsText)
    return 0
  }
  const options = readOptions(args)
  // A terminal or log collector that goes away must not take the gateway with it.
  process.stderr.on('error', () => undefined)
  // Before it starts: whoever reads that it listens may send a signal at once, and is owed what that signal means.
  const toldToEnd = toldBySignal()
  let running: { gateway: Served; admin: AdminServer } | undefined
  // As in nginx and Envoy. Without a listener Node would open its debugger to everybody on this machine.
  process.on('SIGUSR1', () => running?.gateway.reopenLog())
  process.on('SIGHUP', () => {
    running?.gateway.reopenLog()
    void running?.gateway.reload()
  })
  running = await start(options)
  if (running === undefined) return 1
  const { gateway, admin } = running
  const { tell } = options

  const signal = await toldToEnd
  const delayMs = signal === 'SIGINT' ? 0 : options.drainDelayMs
  const delaySeconds = delayMs / 1000
  tell(`${signal}: draining, listeners close in ${delaySeconds} s`, { event: 'draining', signal, delaySeconds })
  await gateway.drain({ delayMs, deadlineMs })
  await admin.close()
  tell('ended', { event: 'ended' })
  // Whoever does not read what we write, or a disk that hangs, must not hold the process.
  setTimeout(() => process.exit(), exitLimitMs).unref()
  return 0
}

async function start(options: ServeOptions): Promise<{ gateway: Served; admin: AdminServer } | undefined> {
  const { tell } = options
  let gateway: Served | undefined
  try {
    const token = await readAdminToken(options.tokenFile)
    gateway = await createServed(options)
    for (const problem of gateway.lastReload().problems) tell(formatProblem(problem), { event: 'problem', ...problem })
    const { admin: listen, probe } = options
    // Not at the top: workers have none, and would carry fastify for nothing.
    const { createAdminServer } = await import('../admin/server.ts')
    const admin = await createAdminServer({
      view: gateway,
      metrics: gateway.metrics,
      listen,
      probe,
      token,
      build: packageVersion(),
    })
    announce(gateway, admin, options)
    return { gateway, admin }
  } catch (error) {
    const reason = takenByOurselves(error, gateway, options) ?? reasonNotToStart(error)
    await gateway?.close()
    tellNotStarted(tell, error, reason)
    return undefined
  }
}

/** Of the admin server or the probe, at a port that is bound already, by this very process. */
function takenByOurselves(
  error: unknown,
  gateway: Served | undefined,
  { admin, probe, configPath }: ServeOptions,
): string | undefined {
  const { code, port } = error as NodeJS.ErrnoException & { readonly port?: number }
  if (code !== 'EADDRINUSE' || gateway === undefined) return undefined
  const what = port === admin.port ? 'admin server' : 'probe'
  if (gateway.listeners().some((listener) => listener.port === port))
    return `port ${port} is a listener of ${configPath}: give the ${what} another`
  if (port === admin.port && port === probe?.port)
    return `port ${port} is asked for by --admin and by --probe: give one another`
  return undefined
}

async function createServed({ configPath, workers, manifests, tell: log }: ServeOptions): Promise<Served> {
  if (workers === 1) return createGateway({ configPath, manifests, log })
  const { createCluster } = await import('../cluster/primary.ts')
  return createCluster({ configPath, workers, manifests, log })
}

function announce(gateway: Served, admin: AdminServer, { configPath, tell }: ServeOptions): void {
  const { snapshot } = gateway.lastReload()
  tell(`configuration ${snapshot} of ${configPath}`, { event: 'configuration', snapshot, path: configPath })
  for (const { address, port, internal, secure } of gateway.listeners()) {
    const url = `${secure ? 'https' : 'http'}://${withPort(address, port)}`
    const role = internal ? 'internal' : 'edge'
    tell(`listening on ${url}${internal ? ', service to service' : ''}`, { event: 'listening', role, url })
  }
  if (admin.probeAddress !== undefined) {
    const url = `http://${admin.probeAddress}`
    tell(`probes on ${url}`, { event: 'listening', role: 'probe', url })
  }
  const url = `http://${admin.address}`
  tell(`admin on ${url}`, { event: 'listening', role: 'admin', url })
}

function tellNotStarted(tell: Tell, error: unknown, reason: string): void {
  const problems = error instanceof ConfigurationError ? error.problems : placed(error, reason)
  const lines = problems.length === 0 ? [reason] : [unusable, ...problems.map(formatProblem)]
  tell(lines.join('\n'), { event: 'not-started', reason, problems })
}

/** What a line of the configuration asks for and the system does not give. */
function placed(error: unknown, message: string): readonly Problem[] {
  const { place } = error as { readonly place?: Place }
  return place === undefined ? [] : [{ ...place, severity: 'error', code: 'apply', message }]
}

/** Resolves at the first signal to end; the second one ends the process where it stands. */
function toldBySignal(): Promise<'SIGTERM' | 'SIGINT'> {
  const { promise, resolve } = Promise.withResolvers<'SIGTERM' | 'SIGINT'>()
  let told = false
  for (const [signal, number] of [
    ['SIGTERM', 15],
    ['SIGINT', 2],
  ] as const) {
    process.on(signal, () => {
      if (told) process.exit(128 + number)
      told = true
      resolve(signal)
    })
  }
  return promise
}

const unusable = 'the configuration cannot be used'

function reasonNotToStart(error: unknown): string {
  if (error instanceof ConfigurationError) return unusable
  const { code, path, message } = error as NodeJS.ErrnoException
  // Of a listener or the log: it is said already what is wrong, and a port may be our own.
  if ('place' in (error as object)) return message
  if (code === 'ENOENT' && path !== undefined) return `there is no file ${path}`
  return listenReason(error) ?? message
}

function readOptions(args: string[]): ServeOptions {
  const { values } = readArguments(args, {
    config: { type: 'string', default: defaultConfigPath },
    admin: { type: 'string', default: '127.0.0.1:9901' },
    probe: { type: 'string' },
    workers: { type: 'string', default: '1' },
    'drain-delay': { type: 'string', default: '5' },
    'admin-token-file': { type: 'string' },
    json: { type: 'boolean', default: false },
    ...manifestArguments,
  })
  return {
    configPath: values.config,
    admin: readListenAddress('admin', values.admin),
    probe: values.probe === undefined ? undefined : readListenAddress('probe', values.probe),
    drainDelayMs: readSeconds('drain-delay', values['drain-delay']),
    tokenFile: values['admin-token-file'],
    workers: readWorkers(values.workers),
    manifests: readManifestOptions(values),
    tell: values.json ? tellAsLines : tellAsText,
  }
}

function readWorkers(text: string): number {
  if (text === 'auto') return availableParallelism()
  if (!/^[1-9]\d{0,2}$/.test(text)) {
    throw new UsageError(`--workers wants auto or a number from 1 to 999, not ${JSON.stringify(text)}`)
  }
  return Number(text)
}

function readSeconds(option: string, text: string): number {
  if (!/^\d{1,4}(\.\d{1,3})?$/.test(text)) {
    throw new UsageError(`--${option} wants seconds from 0 to 9999, not ${JSON.stringify(text)}`)
  }
  return Number(text) * 1000
}
