// Plays a page of the docs: writes the files it shows, runs the commands it shows, and holds what comes of them against what it shows.
//
// ```LANG file=NAME   is written as NAME.   ```sh run   is run by bash; a line that ends in & stays up until the page ends.
// ```text right behind it is the output, standard error included: a line `...` stands for any lines, `...` inside a line for anything.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const root = join(import.meta.dirname, '../..')

/** Ports that the docs name; each becomes a free one. */
const documentedPorts = [8080, 15001, 9901, 3080, 3800, 3001, 3002, 3101, 3102, 4000]

interface RunBlock {
  readonly kind: 'run'
  readonly line: number
  readonly text: string
  readonly output: string | undefined
}

export type Block =
  | { readonly kind: 'file'; readonly line: number; readonly name: string; readonly text: string }
  | RunBlock

export function blocksOf(markdown: string): readonly Block[] {
  const blocks: Block[] = []
  const fences = markdown.matchAll(/^```([^\n]*)\n([^]*?)^```$/gm)
  let end = -1
  for (const { 1: info = '', 2: text = '', index, 0: whole } of fences) {
    const line = markdown.slice(0, index).split('\n').length
    const file = /\bfile=(\S+)/.exec(info)?.[1]
    const last = blocks.at(-1)
    if (file !== undefined) blocks.push({ kind: 'file', line, name: file, text })
    else if (/^sh run\b/.test(info)) blocks.push({ kind: 'run', line, text, output: undefined })
    else if (info === 'text' && last?.kind === 'run' && markdown.slice(end, index).trim() === '') {
      blocks[blocks.length - 1] = { ...last, output: text }
    }
    end = index + whole.length
  }
  return blocks
}

/** A block whose output is not what the page says. */
export interface Difference {
  readonly line: number
  readonly command: string
  readonly expected: string
  readonly output: string
  readonly code: number | null
}

export async function play(page: string): Promise<readonly Difference[]> {
  const stage = await Stage.set()
  try {
    const differences: Difference[] = []
    for (const block of blocksOf(await readFile(join(root, page), 'utf8'))) {
      if (block.kind === 'file') await stage.write(block.name, block.text)
      else {
        const { output, code } = await played(stage, block)
        if (isAsShown(block, { output, code })) continue
        differences.push({ line: block.line, command: block.text, expected: block.output ?? '', output, code })
        break
      }
    }
    return differences
  } finally {
    await stage.clear()
  }
}

interface Played {
  readonly output: string
  readonly code: number | null
}

/** What only asks for figures is asked again for a while: they are of whole seconds, and the last one may not be over. */
async function played(stage: Stage, block: RunBlock): Promise<Played> {
  const furtherTries = /^graylane (status|audit)\n$/.test(block.text) ? 4 : 0
  let last = await stage.run(block.text)
  for (let tries = 0; tries < furtherTries && !isAsShown(block, last); tries++) {
    await sleep(500)
    last = await stage.run(block.text)
  }
  return last
}

function isAsShown(block: RunBlock, { output, code }: Played): boolean {
  return code === 0 && (block.output === undefined || fits(output, block.output))
}

/** Columns are as wide as what stands in them: runs of spaces count as one. */
export function fits(output: string, expected: string): boolean {
  const pattern = narrowed(expected)
    .trimEnd()
    .split('\n')
    .map((line) =>
      line === '...'
        ? '(?:.*\\n)*?'
        : `${line
            .split('...')
            .map((part) => part.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
            .join('.*')}\\n`,
    )
    .join('')
  return new RegExp(`^${pattern}$`).test(`${narrowed(output).trimEnd()}\n`)
}

function narrowed(text: string): string {
  return text.replaceAll(/(?<=\S) {2,}/g, ' ')
}

class Stage {
  readonly #folder: string
  readonly #ports: ReadonlyMap<number, number>
  readonly #background: ChildProcess[] = []

  private constructor(folder: string, ports: ReadonlyMap<number, number>) {
    this.#folder = folder
    this.#ports = ports
  }

  static async set(): Promise<Stage> {
    const folder = await mkdtemp(join(tmpdir(), 'graylane-docs-'))
    await mkdir(join(folder, '.bin'))
    const command = `#!/bin/sh\nexec "${process.execPath}" "${join(root, 'src/main.ts')}" "$@"\n`
    await writeFile(join(folder, '.bin/graylane'), command)
    await chmod(join(folder, '.bin/graylane'), 0o755)
    return new Stage(folder, await freePorts())
  }

  write(name: string, text: string): Promise<void> {
    return writeFile(join(this.#folder, name), this.#withPorts(text))
  }

  /** Lines that end in & are started and waited for until they are up; the others run one after the other. */
  async run(text: string): Promise<Played> {
    let output = ''
    const foreground: string[] = []
    for (const line of this.#withPorts(text).replaceAll('\\\n', ' ').trimEnd().split('\n')) {
      if (!line.endsWith('&')) foreground.push(line)
      else {
        const before = await this.#runForeground(foreground.splice(0))
        output += before.output
        if (before.code !== 0) return { output, code: before.code }
        await this.#start(line.replace(/\s*&$/, ''))
      }
    }
    const rest = await this.#runForeground(foreground)
    return { output: this.#withDocumentedPorts(output + rest.output), code: rest.code }
  }

  async clear(): Promise<void> {
    for (const child of this.#background) {
      if (child.exitCode !== null || child.signalCode !== null) continue
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    await rm(this.#folder, { recursive: true })
  }

  async #runForeground(lines: readonly string[]): Promise<Played> {
    if (lines.length === 0) return { output: '', code: 0 }
    const child = this.#spawn(['-euo', 'pipefail', '-c', `exec 2>&1\n${lines.join('\n')}`])
    let output = ''
    child.stdout?.on('data', (chunk: Buffer) => (output += String(chunk)))
    const [code] = (await once(child, 'close')) as [number | null]
    return { output, code }
  }

  async #start(line: string): Promise<void> {
    const child = this.#spawn([
      '-c',
      `exec ${this.#isServe(line) && !line.includes('--admin') ? `${line} --admin 127.0.0.1:${this.#ports.get(9901)} --drain-delay 0` : line}`,
    ])
    this.#background.push(child)
    let said = ''
    const up = Promise.withResolvers<void>()
    child.stderr?.on('data', (chunk: Buffer) => {
      said += String(chunk)
      if (said.includes('admin on')) up.resolve()
    })
    child.once('exit', (code) => up.reject(new Error(`${line} ended with ${code}: ${said}`)))
    if (this.#isServe(line)) return up.promise
    up.promise.catch(() => undefined)
    await sleep(700)
  }

  #isServe(line: string): boolean {
    return /^graylane serve\b/.test(line)
  }

  #spawn(args: readonly string[]): ChildProcess {
    const path = [join(this.#folder, '.bin'), join(process.execPath, '..'), process.env['PATH']].join(':')
    const env = { ...process.env, PATH: path, NO_COLOR: '1' }
    return spawn('bash', args, { cwd: this.#folder, env, stdio: ['ignore', 'pipe', 'pipe'] })
  }

  #withPorts(text: string): string {
    let changed = text.replaceAll(
      /graylane (status|audit)(?! --admin)/g,
      `graylane $1 --admin 127.0.0.1:${this.#ports.get(9901)}`,
    )
    for (const [documented, free] of this.#ports)
      changed = changed.replaceAll(new RegExp(`\\b${documented}\\b`, 'g'), String(free))
    return changed
  }

  #withDocumentedPorts(text: string): string {
    let changed = text
    for (const [documented, free] of this.#ports) changed = changed.replaceAll(String(free), String(documented))
    return changed
  }
}

async function freePorts(): Promise<ReadonlyMap<number, number>> {
  const servers = documentedPorts.map(() => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const free = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => once(server.close(), 'close')))
  return new Map(documentedPorts.map((port, index) => [port, free[index] as number]))
}
