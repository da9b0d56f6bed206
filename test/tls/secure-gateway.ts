// A gateway with HTTPS listeners in a directory of its own, and clients that say what they saw of a handshake.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import tls from 'node:tls'
import { createGateway, type Gateway } from '../../src/gateway.ts'
import { samplesOf } from '../observe/exposition-text.ts'
import { Authority } from './authority.ts'

export class SecureGateway implements AsyncDisposable {
  readonly directory: string
  readonly authority: Authority
  /** What was said for people. */
  readonly lines: string[] = []
  #gateway: Gateway | undefined

  private constructor(directory: string, authority: Authority) {
    this.directory = directory
    this.authority = authority
  }

  /** A directory with an authority; no gateway runs yet. */
  static async prepare(): Promise<SecureGateway> {
    const directory = await mkdtemp(join(tmpdir(), 'graylane-tls-'))
    return new SecureGateway(directory, await Authority.create(directory))
  }

  get gateway(): Gateway {
    if (this.#gateway === undefined) throw new Error('the gateway was not started')
    return this.#gateway
  }

  get port(): number {
    return this.gateway.listeners()[0]!.port
  }

  get configPath(): string {
    return join(this.directory, 'routes.yaml')
  }

  /** Writes routes.yaml: `listen` is the flow list, `upstream` the URL of the only pool, `more` further lines. */
  async write(listen: string, upstream: string, more = ''): Promise<void> {
    const routes = `services: { app: {} }\nversions: { v1: { app: "${upstream}" } }\nstable: v1\naccessLog: off\n`
    await writeFile(this.configPath, `listen: [${listen}]\n${routes}${more}`)
  }

  async start(watch = false): Promise<void> {
    const log = (line: string): void => void this.lines.push(line)
    this.#gateway = await createGateway({ configPath: this.configPath, watch, log })
  }

  /** The value of a metric's only sample with these labels; undefined without one. */
  async metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number | undefined> {
    const wanted = Object.entries(labels)
    const samples = samplesOf(await this.gateway.metrics.text(), name)
    return samples.find((sample) => wanted.every(([key, value]) => sample.labels[key] === value))?.value
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#gateway?.close()
    await rm(this.directory, { recursive: true, force: true })
  }
}

export interface Seen {
  /** Common name of the certificate; undefined when the session was resumed. */
  certificate: string | undefined
  protocol: string | undefined
  alpn: string | false | null
  reused: boolean
  session: Buffer | undefined
  /** Code of what ended it. */
  error: string | undefined
  text: string
}

const documentRequest = 'GET / HTTP/1.1\r\nHost: a.test\r\nAccept: text/html\r\nConnection: close\r\n\r\n'

/** A page load on a connection of its own, verified only if `options` say so. */
export function ask(port: number, options: tls.ConnectionOptions = {}): Promise<Seen> {
  const seen: Seen = {
    certificate: undefined,
    protocol: undefined,
    alpn: null,
    reused: false,
    session: undefined,
    error: undefined,
    text: '',
  }
  return new Promise((resolve) => {
    const socket = tls.connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...options })
    socket.on('secureConnect', () => {
      seen.certificate = socket.getPeerCertificate().subject?.CN as string | undefined
      seen.protocol = socket.getProtocol() ?? undefined
      seen.alpn = socket.alpnProtocol
      seen.reused = socket.isSessionReused()
      socket.write(documentRequest)
    })
    socket.on('session', (session: Buffer) => (seen.session = session))
    socket.on('data', (bytes: Buffer) => (seen.text += bytes.toString('latin1')))
    socket.on('error', (error: NodeJS.ErrnoException) => (seen.error = error.code ?? error.message))
    socket.on('close', () => resolve(seen))
  })
}
