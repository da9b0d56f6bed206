import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'

import { loadConfiguration } from '../../src/config/load.ts'
import { graylane } from '../cli/graylane-process.ts'
import { blocksOf, fits, play } from './documented-commands.ts'

const root = join(import.meta.dirname, '../..')
const pages = [
  ...readdirSync(join(root, 'docs'))
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file}`),
  'README.md',
  'README.zh-CN.md',
]
const played = pages.filter((page) =>
  blocksOf(readFileSync(join(root, page), 'utf8')).some(({ kind }) => kind === 'run'),
)

describe('a page of the docs', () => {
  it('is played where it shows commands', () => {
    expect(played).toEqual(expect.arrayContaining(['docs/seven-steps.md']))
  })

  it.each(played)('%s shows commands that do what it says', { timeout: 240_000 }, async (page) => {
    expect(await play(page)).toEqual([])
  })

  it.each(pages)('%s links to what exists', (page) => {
    const text = readFileSync(join(root, page), 'utf8')
    const links = Array.from(text.matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g), (match) => match[1] as string)
    const folder = join(root, page, '..')
    const missing = links.filter((link) => {
      try {
        readdirSync(join(folder, link, '..')).includes(link.split('/').at(-1) as string)
        return !readdirSync(join(folder, link, '..')).includes(link.replace(/\/$/, '').split('/').at(-1) as string)
      } catch {
        return true
      }
    })
    expect(missing).toEqual([])
  })
})

describe('a command that is shown and not run', () => {
  const shown = [...new Set(pages.flatMap((page) => commandsOf(readFileSync(join(root, page), 'utf8'))))]

  it.each(shown)('%s is one that there is', { timeout: 60_000 }, async (command) => {
    const [verb = '', ...words] = command.split(/\s+/)
    if (verb.startsWith('-')) return
    const { code, out } = await graylane([verb, '--help'])
    expect(code).toBe(0)
    const known = new Set(out.match(/(?<=[\s|[(])--?[A-Za-z][a-z-]*/g))
    const unknown = words.filter((word) => /^--?[a-z]/i.test(word)).map((word) => word.replace(/=.*/, ''))
    expect(unknown.filter((word) => word !== '--help' && !known.has(word))).toEqual([])
  })
})

/** `VERB ...` of every graylane command in a block that no test plays. */
function commandsOf(markdown: string): string[] {
  const blocks = Array.from(markdown.matchAll(/^```sh\n([^]*?)^```$/gm), (match) => match[1] as string)
  return blocks.flatMap((text) =>
    Array.from(text.matchAll(/^(?:.*&& |npx |pnpm )?(?:graylane|node src\/main\.ts) ([^#|&\n]*)/gm), (match) =>
      (match[1] as string).trim(),
    ),
  )
}

describe('a part of routes.yaml that is shown', () => {
  const parts = pages.flatMap((page) =>
    Array.from(readFileSync(join(root, page), 'utf8').matchAll(/^```yaml\n([^]*?)^```$/gm), (match) => ({
      page,
      part: parse(match[1] as string, { schema: 'failsafe' }) as Record<string, object>,
    })).filter(({ part }) => !('istio' in part)),
  )

  it.each(parts)('in $page can stand in a file, with $part', async ({ part }) => {
    const services = part['services'] ?? { web: {} }
    const pools = Object.fromEntries(Object.keys(services).map((name) => [name, 'http://127.0.0.1:1']))
    const whole = { listen: [{ port: '0' }], services, versions: { v1: pools, v2: pools }, stable: 'v1', ...part }
    const key = { keys: [{ kty: 'oct', k: 'k'.repeat(43) }] }
    const read = (path: string) => Promise.resolve(Buffer.from(JSON.stringify(path === 'routes.yaml' ? whole : key)))
    const loaded = await loadConfiguration('routes.yaml', { read, env: { GRAYLANE_KEY: 'k'.repeat(32) } })
    expect(loaded.problems.filter(({ severity }) => severity === 'error')).toEqual([])
  })
})

describe('the player of pages', () => {
  it('compares line by line, with room where the page leaves some', () => {
    expect(fits('a 1\nb\nc\nd\n', 'a ...\n...\nd\n')).toBe(true)
    expect(fits('a 1\nb\n', 'a ...\n')).toBe(false)
    expect(fits('x\n', 'y\n')).toBe(false)
  })
})
