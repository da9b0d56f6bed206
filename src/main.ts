#!/usr/bin/env node
// The command line: finds the verb, loads it alone, ends with its exit code. Never does a verb's work.

import { sayReason } from './cli/say-problems.ts'
import { didYouMean, oldestNode, packageVersion, UsageError, type ExitCode } from './cli/usage.ts'

interface Verb {
  readonly summary: string
  /** Its file. `run` throws UsageError on what it does not take. */
  readonly load: () => Promise<{ readonly usage: string; run(args: string[]): Promise<ExitCode> }>
}

const verbs: Readonly<Record<string, Verb>> = {
  serve: { summary: 'run the gateway', load: () => import('./cli/serve.ts') },
  check: { summary: 'read configurations, print every problem, run their tests', load: () => import('./cli/check.ts') },
  explain: { summary: 'say which version a request gets, and why', load: () => import('./cli/explain.ts') },
  diff: { summary: 'say what another configuration would change for visitors', load: () => import('./cli/diff.ts') },
  status: { summary: 'say how a running gateway is', load: () => import('./cli/status.ts') },
  audit: {
    summary: 'say whether answers came from the versions that were asked',
    load: () => import('./cli/audit.ts'),
  },
  add: { summary: 'give a version to visitors, by address or by name', load: () => import('./cli/add.ts') },
  share: { summary: 'set the percentage of visitors that a version draws', load: () => import('./cli/share.ts') },
  promote: { summary: 'make a version stable: everybody gets it', load: () => import('./cli/promote.ts') },
  rollback: { summary: 'take a version back from everybody who has it', load: () => import('./cli/rollback.ts') },
  retire: { summary: 'take out a version that nobody can have open any more', load: () => import('./cli/retire.ts') },
  import: { summary: 'make a routes.yaml from the manifests of a gray release', load: () => import('./cli/import.ts') },
  export: { summary: 'write a configuration for Istio or Envoy', load: () => import('./cli/export.ts') },
  preview: {
    summary: 'print a signed link by which somebody looks at a version',
    load: () => import('./cli/preview.ts'),
  },
  demo: { summary: 'play the story on real parts, on this machine', load: () => import('./cli/demo.ts') },
}

const usage = `graylane VERB [OPTIONS]

${Object.entries(verbs)
  .map(([name, { summary }]) => `  ${name.padEnd(10)}${summary}`)
  .join('\n')}

  graylane VERB --help says more; every VERB takes --json. graylane --version says which this is.
`

async function main([name, ...args]: string[]): Promise<ExitCode> {
  if (name === 'help' && args.length === 1) return main([...args, '--help'])
  if (name === '--help' || name === '-h' || name === 'help') return say(usage, 0)
  if (name === '--version' || name === '-v' || name === 'version') return say(`graylane ${packageVersion()}\n`, 0)
  if (name === undefined) return complain(usage)
  const verb = Object.hasOwn(verbs, name) ? verbs[name] : undefined
  if (name.startsWith('-')) return complain(`graylane: the VERB comes before ${name}\n\n${usage}`)
  if (verb === undefined) {
    return complain(`graylane: there is no verb ${name}${didYouMean(name, Object.keys(verbs))}\n\n${usage}`)
  }
  // Before anything is loaded: what a library says of a Node that is too old is a stack.
  if (Number.parseInt(process.versions.node, 10) < oldestNode()) {
    return complain(`graylane: needs Node ${oldestNode()} or newer, and this is ${process.version}\n`)
  }
  const { usage: help, run } = await verb.load()
  if (args.includes('--help') || args.includes('-h')) return say(help, 0)
  try {
    return await run(args)
  } catch (error) {
    if (error instanceof UsageError) {
      return complain(`graylane ${name}: ${error.message}\ngraylane ${name} --help says what it takes.\n`)
    }
    if (!isOfTheSystem(error)) throw error
    sayReason(`graylane ${name}`, error.message, args.includes('--json'))
    return 1
  }
}

/** A full disk, a name too long: nothing that a stack would explain. */
function isOfTheSystem(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error
}

function say(text: string, code: ExitCode): ExitCode {
  process.stdout.write(text)
  return code
}

function complain(text: string): ExitCode {
  process.stderr.write(text)
  return 2
}

// Somebody may read less than all of an answer (`| head`); on a full disk it is no answer. A gateway's log has its own way with both.
process.stdout.on('error', ({ code, message }: NodeJS.ErrnoException) => {
  if (code === 'EPIPE' || process.argv[2] === 'serve') return
  process.stderr.write(`graylane: the answer cannot be written: ${message}\n`)
  process.exitCode ||= 1
})
const exitCode = await main(process.argv.slice(2))
process.exitCode ||= exitCode
