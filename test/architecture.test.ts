import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'

import { describe, expect, it } from 'vitest'

const root = resolve(import.meta.dirname, '..')
const source = join(root, 'src')

interface Import {
  readonly from: string
  /** A path below src for our own, else the package or `node:` name. */
  readonly of: string
  readonly typeOnly: boolean
}

const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((file) => /(?<!\.d)\.ts$/.test(file))
const imports = files.flatMap(importsOf)

/** The import and export-from statements of a file, dynamic imports too. */
function importsOf(file: string): Import[] {
  const text = readFileSync(join(source, file), 'utf8')
  const statements = text.matchAll(/^\s*(?:import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s+)?'([^']+)'/gm)
  const dynamic = text.matchAll(/\bimport\(\s*'([^']+)'\s*\)/g)
  return [
    ...Array.from(statements, (match) => entry(file, match[2] as string, match[1] !== undefined)),
    ...Array.from(dynamic, (match) => entry(file, match[1] as string, false)),
  ]
}

function entry(from: string, specifier: string, typeOnly: boolean): Import {
  const of = specifier.startsWith('.') ? relative(source, resolve(source, dirname(from), specifier)) : specifier
  return { from, of, typeOnly }
}

/** `rules`, `proxy`, ...; the files beside main.ts are the wiring, `gateway`. */
function areaOf(file: string): string {
  if (file === 'main.ts') return 'main'
  return file.includes('/') ? (file.split('/')[0] as string) : 'gateway'
}

// Three ways round the rule. The demo lives outside src, with development packages; its verb reaches for it when called. The nearest right
// word is one function, for names in a configuration and for options alike; and so is a host with its port, wherever one is written.
const exceptions: readonly (readonly [from: RegExp, of: RegExp])[] = [
  [/^cli\/demo\.ts$/, /^\.\.\/demo\//],
  [/^cli\/usage\.ts$/, /^rules\/route-problem\.ts$/],
  [/^(?:admin|cli|observe)\//, /^rules\/authority\.ts$/],
]
const ours = imports.filter(
  (one) => one.of.endsWith('.ts') && !exceptions.some(([from, of]) => from.test(one.from) && of.test(one.of)),
)
const others = imports.filter(({ of }) => !of.endsWith('.ts'))

/** What one area imports of another beside types. */
function valuesBetween(from: string, of: string): Import[] {
  return ours.filter((one) => areaOf(one.from) === from && areaOf(one.of) === of && !one.typeOnly)
}

describe('the import rule (CONTRIBUTING.md)', () => {
  // An area may import itself, and these.
  const allowed: Record<string, readonly string[]> = {
    rules: [],
    affinity: ['rules'],
    config: ['rules', 'affinity'],
    istio: ['config', 'rules'],
    observe: ['rules'],
    // For services of others: it stands alone.
    propagate: [],
    proxy: ['rules', 'affinity', 'observe'],
    admin: ['config', 'observe', 'gateway'],
    cluster: ['config', 'observe', 'gateway'],
    // serve starts the admin server and the workers: cli stands above both.
    cli: ['config', 'istio', 'observe', 'gateway', 'admin', 'cluster'],
    gateway: ['rules', 'affinity', 'config', 'istio', 'observe', 'proxy'],
    main: ['cli'],
  }

  it('sees imports at all', () => {
    expect(files.length).toBeGreaterThan(30)
    expect(ours).toContainEqual({ from: 'observe/record.ts', of: 'rules/types.ts', typeOnly: true })
    expect(ours).toContainEqual({ from: 'main.ts', of: 'cli/serve.ts', typeOnly: false })
    expect(ours).toContainEqual({ from: 'gateway.ts', of: 'proxy/handle-request.ts', typeOnly: false })
    expect(others).toContainEqual({ from: 'rules/regex.ts', of: 're2js', typeOnly: false })
  })

  it.each(Object.entries(allowed))('lets %s import itself and %j only', (area, areas) => {
    const wrong = ours.filter(({ from, of }) => areaOf(from) === area && ![area, ...areas].includes(areaOf(of)))
    expect(wrong).toEqual([])
  })

  it('knows every area', () => {
    expect(Object.keys(allowed)).toEqual(expect.arrayContaining([...new Set(files.map(areaOf))]))
  })

  it('lets observe see types of rules only, and proxy types of observe only', () => {
    expect(valuesBetween('observe', 'rules')).toEqual([])
    expect(valuesBetween('proxy', 'observe')).toEqual([])
    expect(valuesBetween('admin', 'gateway')).toEqual([])
  })

  it('lets affinity see of rules the types, the functions for addresses and authorities and the reading of a parameter only', () => {
    const seen = /^rules\/(?:address|authority|query-parameter)/
    expect(valuesBetween('affinity', 'rules').filter(({ of }) => !seen.test(of))).toEqual([])
  })
})

describe('packages', () => {
  // Who may import a package: a file, or a folder with its slash.
  const importers: Record<string, string | readonly string[]> = {
    re2js: 'rules/regex.ts',
    'ipaddr.js': 'rules/address.ts',
    'prom-client': 'observe/exposition.ts',
    fastify: ['admin/', 'fastify-'],
    'fastify-plugin': 'fastify-plugin.ts',
    '@fastify/swagger': 'admin/',
    undici: 'proxy/',
    'lru-cache': 'affinity/',
    yaml: 'config/',
    diff: 'config/',
    typebox: 'config/',
  }

  it.each(Object.entries(importers))('%s is imported by %s only', (name, place) => {
    const users = others.filter(({ of }) => of === name || of.startsWith(`${name}/`)).map(({ from }) => from)
    const places = [place].flat()
    expect(users.filter((from) => !places.some((start) => from.startsWith(start)))).toEqual([])
  })

  it('are no others than these', () => {
    const names = others.map(({ of }) => of).filter((of) => !of.startsWith('node:'))
    expect(
      names.filter((name) => !Object.keys(importers).some((known) => name === known || name.startsWith(`${known}/`))),
    ).toEqual([])
  })

  it('and built-in modules: rules knows no IO, clock or chance', () => {
    const pure = ['node:buffer']
    const used = others.filter(({ from }) => areaOf(from) === 'rules').map(({ of }) => of)
    expect(used.filter((of) => of.startsWith('node:') && !pure.includes(of))).toEqual([])
    const words = /\b(?:Date\.now|new Date\(|Math\.random|performance\.now|process\.|setTimeout|setInterval)/
    expect(files.filter((file) => areaOf(file) === 'rules' && words.test(code(file)))).toEqual([])
  })
})

describe('rule patterns', () => {
  it('are compiled by rules/regex.ts alone: nowhere else is a regex made from a string', () => {
    // These compile the patterns of our own schema.
    const ownPatterns = ['config/read-by-schema.ts']
    const fromStrings = files.filter((file) => /\bnew RegExp\b|\bRegExp\(/.test(code(file)))
    expect(fromStrings.filter((file) => !ownPatterns.includes(file))).toEqual([])
  })
})

/** What a file imports, types too, and what that imports in turn. */
function reachedFrom(file: string): ReadonlySet<string> {
  const reached = new Set<string>()
  const look = (at: string): void => {
    for (const { of } of ours.filter(({ from }) => from === at)) {
      if (reached.has(of)) continue
      reached.add(of)
      look(of)
    }
  }
  look(file)
  return reached
}

describe('files', () => {
  it('never import themselves by way of others: what is above stays above', () => {
    expect(files.filter((file) => reachedFrom(file).has(file))).toEqual([])
  })

  it('have at most 400 lines', () => {
    const long = files.filter((file) => readFileSync(join(source, file), 'utf8').trimEnd().split('\n').length > 400)
    expect(long).toEqual([])
  })

  it('are named in kebab-case by what they do', () => {
    const vague = /(?:^|[/-])(?:utils?|helpers?|common|misc|manager)(?:[-.]|$)/
    expect(files.filter((file) => !/^(?:[a-z0-9-]+\/)*[a-z0-9-]+\.ts$/.test(file) || vague.test(file))).toEqual([])
  })

  it('begin with one to three lines of comment: what this is, what it never does', () => {
    const heads = files.map((file) => {
      const lines = readFileSync(join(source, file), 'utf8')
        .split('\n')
        .filter((line) => !line.startsWith('#!'))
      return { file, lines: lines.findIndex((line) => !line.startsWith('//')) }
    })
    expect(heads.filter(({ lines }) => lines < 1 || lines > 3)).toEqual([])
  })

  it('use no private interface of Node', () => {
    expect(files.filter((file) => /\bprocess\.binding\b|\._handle\b|\b_http_\w+/.test(code(file)))).toEqual([])
  })
})

/** A file without its comments. */
function code(file: string): string {
  return readFileSync(join(source, file), 'utf8').replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '')
}
