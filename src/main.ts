#!/usr/bin/env node
// The command line: finds the verb, loads it alone, ends with its exit code. Never does a verb's work.

import { didYouMean, UsageError, type ExitCode } from './cli/usage.ts'

interface Verb {
  readonly summary: string
  readonly load: () => Promise<(args: string[]) => Promise<number>>
}

const verbs: Readonly<Record<string, Verb>> = {
  serve: {
    summary: 'run the gateway',
    load: async () => (await import('./cli/serve.ts')).runServe,
  },
  check: {
    summary: 'read configurations, print every problem, run their tests',
    load: async () => (await import('./cli/check.ts')).runCheck,
  },
  explain: {
    summary: 'say which version a request gets, and why',
    load: async () => (await import('./cli/explain.ts')).runExplain,
  },
  diff: {
    summary: 'say what another configuration would change for visitors',
    load: async () => (await import('./cli/diff.ts')).runDiff,
  },
  status: {
    summary: 'say how a running gateway is',
    load: async () => (await import('./cli/status.ts')).runStatus,
  },
  audit: {
    summary: 'say whether answers came from the versions that were asked',
    load: async () => (await import('./cli/audit.ts')).runAudit,
  },
  add: {
    summary: 'give a version to visitors, by address or by name',
    load: async () => (await import('./cli/add.ts')).runAdd,
  },
  share: {
    summary: 'set the percentage of visitors that a version draws',
    load: async () => (await import('./cli/share.ts')).runShare,
  },
  promote: {
    summary: 'make a version stable: everybody gets it',
    load: async () => (await import('./cli/promote.ts')).runPromote,
  },
  rollback: {
    summary: 'take a version back from everybody who has it',
    load: async () => (await import('./cli/rollback.ts')).runRollback,
  },
  retire: {
    summary: 'take out a version that nobody can have open any more',
    load: async () => (await import('./cli/retire.ts')).runRetire,
  },
  import: {
    summary: 'make a routes.yaml from the manifests of a gray release',
    load: async () => (await import('./cli/import.ts')).runImport,
  },
  export: {
    summary: 'write a configuration for Istio or Envoy',
    load: async () => (await import('./cli/export.ts')).runExport,
  },
  preview: {
    summary: 'print a signed link by which somebody looks at a version',
    load: async () => (await import('./cli/preview.ts')).runPreview,
  },
  demo: {
    summary: 'play the story on real parts, on this machine',
    load: async () => (await import('./cli/demo.ts')).runDemo,
  },
}

const usage = `graylane VERB [OPTIONS]

${Object.entries(verbs)
  .map(([name, { summary }]) => `  ${name.padEnd(10)}${summary}`)
  .join('\n')}

  graylane VERB --help says more; every VERB takes --json. graylane --version says which this is.
`

async function main([name, ...args]: string[]): Promise<number> {
  if (name === '--help' || name === '-h' || name === 'help') return say(usage, 0)
  if (name === '--version') return say(`graylane ${await version()}\n`, 0)
  if (name === undefined) return complain(usage)
  const verb = Object.hasOwn(verbs, name) ? verbs[name] : undefined
  if (verb === undefined) {
    return complain(`graylane: there is no verb ${name}${didYouMean(name, Object.keys(verbs))}\n\n${usage}`)
  }
  try {
    const run = await verb.load()
    return await run(args)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    return complain(`graylane ${name}: ${error.message}\ngraylane ${name} --help says what it takes.\n`)
  }
}

function say(text: string, code: ExitCode): ExitCode {
  process.stdout.write(text)
  return code
}

function complain(text: string): ExitCode {
  process.stderr.write(text)
  return 2
}

async function version(): Promise<string> {
  const { readFile } = await import('node:fs/promises')
  const text = await readFile(new URL('../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

process.exitCode = await main(process.argv.slice(2))
