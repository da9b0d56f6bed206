// The demo from start to end: starts every part, plays the story, tells how to go on, ends everything.
// Whatever it started is closed again, in reverse order, however it ends.

import { setTimeout as sleep } from 'node:timers/promises'
import { buildPages } from './frontend/build.ts'
import { startBroker } from './broker.ts'
import { copyWithPorts, readListeners, type ListenSeats } from './demo-config.ts'
import { startDevices } from './devices.ts'
import { startFrontend } from './frontend-server.ts'
import { startGateway, type GatewayProcess } from './gateway-process.ts'
import { checkSeats, freePorts, type RunningServer, type Seat } from './listen.ts'
import { startMqttServer } from './mqtt-server.ts'
import { invitation, tableOf, verdictOf } from './report.ts'
import { playStory } from './story.ts'
import { readWhose, type Whose } from './whose.ts'

export interface DemoOptions {
  readonly configPath: string
  /** True: every port is the kernel's choice, and graylane runs on a copy of the configuration. */
  readonly anyPorts: boolean
  /** True: ends after the table. */
  readonly once: boolean
  readonly print: (line: string) => void
  /** Ends the demo when it fires. */
  readonly signal: AbortSignal
}

/** The running parts, for whoever wants to look at them from outside. */
export interface Stage {
  readonly edgeUrl: string
  readonly adminUrl: string
  /** The file graylane runs on. */
  readonly configPath: string
  readonly whose: Whose
  readonly gateway: GatewayProcess
  close(): Promise<void>
}

type Closer = () => Promise<void>
type StageOptions = Pick<DemoOptions, 'configPath' | 'anyPorts' | 'print' | 'signal'>

const versions = ['v1', 'v2', 'v3']
const adminPort = 9901

/** Runs it; 0 when nothing crossed and nothing failed, else 1. Throws an Error for the user when a part cannot start. */
export async function playDemo(options: DemoOptions): Promise<number> {
  const { print, signal } = options
  const stage = await startStage(options)
  try {
    print('')
    const story = await playStory(stage.edgeUrl, stage.whose)
    for (const line of [...tableOf(story), '', ...verdictOf(story)]) print(line)
    const code = story.crossings.length + story.failures.length === 0 ? 0 : 1
    if (options.once) return code
    for (const line of [
      '',
      ...invitation(stage.edgeUrl, stage.adminUrl),
      '',
      'Ctrl-C ends it. Requests as they come:',
    ]) {
      print(line)
    }
    stage.gateway.follow((line) => print(`  ${line}`))
    await Promise.race([fired(signal), stage.gateway.ended])
    // Ctrl-C reaches graylane too, and it may be gone before our own signal is seen.
    await Promise.race([fired(signal), sleep(200)])
    if (signal.aborted) return code
    throw new Error('graylane ended by itself. Its last lines stand above.')
  } finally {
    await stage.close()
  }
}

/** Starts every part. Throws an Error for the user when one cannot start; then nothing of it is left running. */
export async function startStage(options: StageOptions): Promise<Stage> {
  const closers: Closer[] = []
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).toReversed()) await closer()
  }
  try {
    return { ...(await startParts(options, closers)), close }
  } catch (error) {
    await close()
    throw error
  }
}

async function startParts(options: StageOptions, closers: Closer[]): Promise<Omit<Stage, 'close'>> {
  const { print, signal } = options
  const tick = (part: string, detail: string): void => print(`  ✓ ${part.padEnd(20)} ${detail}`)
  const keep = <T extends { close(): Promise<void> }>(part: T): T => {
    closers.push(() => part.close())
    signal.throwIfAborted()
    return part
  }
  const seats = await chooseSeats(options)
  print('graylane demo: the story on loopback addresses')

  const { builds, built } = await buildPages(versions)
  tick('page, three builds', built === 0 ? 'as built before' : `built by Vite (${built} of ${builds.length})`)
  const broker = keep(await startBroker())
  tick('MQTT broker', broker.url)
  const devices = keep(await startDevices(broker.url))
  tick(`${devices.names.length} devices`, `${devices.names.at(0)} to ${devices.names.at(-1)}, publishing`)
  const moved = new Map<string, string>()
  for (const [index, build] of builds.entries()) {
    const backendSeat = seatOf('mqtt-server', index, 8000, options.anyPorts)
    const backend = keep(await startMqttServer(build.version, backendSeat, broker.url))
    const frontendSeat = seatOf('frontend', index, 8080, options.anyPorts)
    const frontend = keep(await startFrontend(build, frontendSeat, `http://127.0.0.1:${seats.internal.port}`))
    tick(`release ${build.version}`, `frontend ${placeOf(frontend)}, mqtt-server ${placeOf(backend)}`)
    moved.set(`${backend.host}:8000`, placeOf(backend)).set(`${frontend.host}:8080`, placeOf(frontend))
  }
  const configPath = await chooseConfig(options, seats, moved, closers)
  const gateway = keep(await startGateway(configPath, seats.admin.port, signal))
  const edgeUrl = `http://127.0.0.1:${seats.edge.port}/`
  tick('graylane', `${edgeUrl}, internal 127.0.0.1:${seats.internal.port}, ${options.configPath}`)
  return {
    edgeUrl,
    adminUrl: `http://127.0.0.1:${seats.admin.port}`,
    configPath,
    whose: await readWhose(builds),
    gateway,
  }
}

/** Where graylane will be. With the configured ports, every address of the demo is tried before anything starts. */
async function chooseSeats(options: StageOptions): Promise<ListenSeats & { admin: Seat }> {
  const configured = await readListeners(options.configPath)
  const admin = { part: "graylane's admin port", host: '127.0.0.1', port: adminPort }
  if (options.anyPorts) {
    const [edge = 0, internal = 0, free = 0] = await freePorts(3)
    const host = '127.0.0.1'
    return {
      edge: { ...configured.edge, host, port: edge },
      internal: { ...configured.internal, host, port: internal },
      admin: { ...admin, port: free },
    }
  }
  const others = versions.flatMap((_, index) => [
    seatOf('frontend', index, 8080, false),
    seatOf('mqtt-server', index, 8000, false),
  ])
  await checkSeats([configured.edge, configured.internal, admin, ...others])
  return { ...configured, admin }
}

async function chooseConfig(
  options: StageOptions,
  seats: ListenSeats,
  moved: ReadonlyMap<string, string>,
  closers: Closer[],
): Promise<string> {
  if (!options.anyPorts) return options.configPath
  const copy = await copyWithPorts(options.configPath, { edge: seats.edge.port, internal: seats.internal.port }, moved)
  closers.push(copy.remove)
  return copy.path
}

/** Release vN lives at 127.0.1.N: loopback addresses need no set-up and tell callers apart. */
function seatOf(service: string, index: number, port: number, anyPort: boolean): Seat {
  return { part: `${service} ${versions[index]}`, host: `127.0.1.${index + 1}`, port: anyPort ? 0 : port }
}

function placeOf(server: RunningServer): string {
  return `${server.host}:${server.port}`
}

function fired(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
