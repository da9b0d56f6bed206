// The stage of the demo: every part, started in order and ended in reverse order, whatever happens in between.
// Plays nothing by itself: run.ts does, and so do the tests in a browser.

import { startBroker } from './broker.ts'
import { copyOnLoopback, readPorts, type ListenPorts } from './demo-config.ts'
import { startDevices } from './devices.ts'
import { buildPages, type Build } from './frontend/build.ts'
import { startFrontend } from './frontend-server.ts'
import { startGateway, type GatewayProcess } from './gateway-process.ts'
import { checkAddresses, reservePorts, type RunningServer, type PartAddress } from './listen.ts'
import { startMqttServer } from './mqtt-server.ts'
import { readWhose, type Whose } from './whose.ts'

export interface StageOptions {
  /** routes.yaml; its pools are expected at 127.0.1.N:8080 (frontend vN) and 127.0.1.N:8000 (mqtt-server vN). */
  readonly configPath: string
  /** True: every port is the kernel's choice. */
  readonly anyPorts: boolean
  /** One line for each part that is up. */
  readonly print: (line: string) => void
  /** Ends the start when it fires. */
  readonly signal: AbortSignal
}

/** The running parts, for whoever wants to look at them from outside. */
export interface Stage {
  readonly edgeUrl: string
  readonly adminUrl: string
  /** The file graylane runs on: a copy on loopback. */
  readonly configPath: string
  readonly whose: Whose
  readonly gateway: GatewayProcess
  close(): Promise<void>
}

/** What is up so far: `keep` takes a part, to be closed in its turn, and hands it back. */
interface Cast {
  keep<T extends { close(): Promise<void> }>(part: T): T
}

/** The ports of graylane; those that are held for it are let go by `release`. */
interface Ports extends ListenPorts {
  readonly admin: number
  release(): Promise<void>
}

const versions = ['v1', 'v2', 'v3']
const adminPort = 9901

/** Starts every part. Throws an Error for the user when one cannot start; then nothing of it is left running. */
export async function startStage(options: StageOptions): Promise<Stage> {
  const closers: (() => Promise<void>)[] = []
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).toReversed()) await closer()
  }
  const cast: Cast = {
    keep(part) {
      closers.push(() => part.close())
      options.signal.throwIfAborted()
      return part
    },
  }
  try {
    return { ...(await startParts(options, cast)), close }
  } catch (error) {
    await close()
    throw error
  }
}

async function startParts(options: StageOptions, cast: Cast): Promise<Omit<Stage, 'close'>> {
  const tick = (part: string, detail: string): void => options.print(`  ✓ ${part.padEnd(20)} ${detail}`)
  const ports = options.anyPorts ? await anyPorts(options, cast) : await configuredPorts(options)
  options.print('graylane demo: the story on loopback addresses')
  const { builds, built } = await buildPages(versions)
  tick('page, three builds', built === 0 ? 'as built before' : `built by Vite (${built} of ${builds.length})`)
  const broker = cast.keep(await startBroker())
  tick('MQTT broker', broker.url)
  const devices = cast.keep(await startDevices(broker.url))
  tick(`${devices.names.length} devices`, `${devices.names.at(0)} to ${devices.names.at(-1)}, publishing`)
  const moved = new Map<string, string>()
  for (const [index, build] of builds.entries()) {
    const internalUrl = `http://127.0.0.1:${ports.internal}`
    const started = await startVersion(
      build,
      index,
      { brokerUrl: broker.url, internalUrl, any: options.anyPorts },
      cast,
    )
    tick(`version ${build.version}`, `frontend ${placeOf(started.frontend)}, mqtt-server ${placeOf(started.backend)}`)
    moved.set(`${started.frontend.host}:8080`, placeOf(started.frontend))
    moved.set(`${started.backend.host}:8000`, placeOf(started.backend))
  }
  const whose = await readWhose(builds)
  const copy = await copyOnLoopback(options.configPath, ports, moved)
  cast.keep({ close: copy.remove })
  await ports.release()
  const gateway = cast.keep(await startGateway(copy.path, ports.admin, options.signal))
  const edgeUrl = `http://127.0.0.1:${ports.edge}/`
  tick('graylane', `${edgeUrl}, internal 127.0.0.1:${ports.internal}, ${options.configPath}`)
  return { edgeUrl, adminUrl: `http://127.0.0.1:${ports.admin}`, configPath: copy.path, whose, gateway }
}

async function startVersion(
  build: Build,
  index: number,
  { brokerUrl, internalUrl, any }: { brokerUrl: string; internalUrl: string; any: boolean },
  cast: Cast,
): Promise<{ frontend: RunningServer; backend: RunningServer }> {
  const backendAddress = addressOf('mqtt-server', index, any ? 0 : 8000)
  const backend = cast.keep(await startMqttServer(build.version, backendAddress, brokerUrl))
  const frontend = cast.keep(await startFrontend(build, addressOf('frontend', index, any ? 0 : 8080), internalUrl))
  return { frontend, backend }
}

/** Every address of the demo is tried before anything starts. */
async function configuredPorts(options: StageOptions): Promise<Ports> {
  const { edge, internal } = await readPorts(options.configPath)
  const host = '127.0.0.1'
  await checkAddresses([
    { part: 'the edge of graylane', host, port: edge },
    { part: "graylane's internal listener", host, port: internal },
    { part: "graylane's admin port", host, port: adminPort },
    ...versions.flatMap((_, index) => [addressOf('frontend', index, 8080), addressOf('mqtt-server', index, 8000)]),
  ])
  return { edge, internal, admin: adminPort, release: async () => undefined }
}

async function anyPorts(options: StageOptions, cast: Cast): Promise<Ports> {
  await readPorts(options.configPath)
  const reserved = await reservePorts(3)
  cast.keep({ close: reserved.release })
  const [edge = 0, internal = 0, admin = 0] = reserved.ports
  return { edge, internal, admin, release: reserved.release }
}

/** vN lives at 127.0.1.N: loopback addresses need no set-up and tell callers apart. */
function addressOf(service: string, index: number, port: number): PartAddress {
  return { part: `${service} ${versions[index]}`, host: `127.0.1.${index + 1}`, port }
}

function placeOf(server: RunningServer): string {
  return `${server.host}:${server.port}`
}
