// `graylane export`: routes.yaml in the words of another proxy, on standard output; what could not be said, on standard error.
// Changes no file and starts nothing.

import { loadConfiguration } from '../config/load.ts'
import type { Problem } from '../config/problem.ts'
import { compileConfiguration } from '../config/snapshot.ts'
import { exportEnvoy } from '../istio/export-envoy.ts'
import { exportIstio } from '../istio/export-istio.ts'
import { sayNoAnswer, sayProblems } from './say-problems.ts'
import { defaultConfigPath, type ExitCode, readArguments, UsageError } from './usage.ts'

export const usage = `graylane export istio|envoy [OPTIONS]

Writes routes.yaml as manifests of Istio, or as a bootstrap of Envoy. What the other cannot do is named on standard
error with its place, and in comments. Routes are named by whom they lead where (office/frontend, */frontend for
everybody else); by these names graylane import finds the rules and services again.

  --config FILE      routes.yaml (default ${defaultConfigPath})
  --namespace NAME   of the manifests (default default)
  --strict           exit with 1 when a rule or a part of one was left out
  --json             { text, problems } on standard output

Exit code: 0 written, 1 the configuration cannot be used, 2 wrong usage.

  graylane export istio > istio.yaml && graylane check istio.yaml
`

const kinds = ['istio', 'envoy'] as const

/** 1 when the configuration cannot be used. */
export async function run(args: string[]): Promise<ExitCode> {
  const options = readOptions(args)
  const loaded = await loadConfiguration(options.config)
  if (!('configuration' in loaded)) return complain(loaded.problems, options.json)
  const compiled = compileConfiguration(loaded.configuration)
  if (!('snapshot' in compiled)) return complain(compiled.problems, options.json)
  const { text, omissions } =
    options.kind === 'istio' ? exportIstio(loaded.configuration, options) : exportEnvoy(loaded.configuration)
  if (options.json) process.stdout.write(`${JSON.stringify({ text, problems: omissions }, undefined, 2)}\n`)
  else {
    process.stdout.write(text)
    sayProblems(omissions)
  }
  return options.strict && omissions.some(({ severity }) => severity === 'warning') ? 1 : 0
}

function complain(problems: readonly Problem[], json: boolean): ExitCode {
  sayNoAnswer(problems, json)
  return 1
}

function readOptions(args: string[]) {
  const { values, positionals } = readArguments(
    args,
    {
      config: { type: 'string', default: defaultConfigPath },
      namespace: { type: 'string', default: 'default' },
      strict: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
    true,
  )
  const [word, ...rest] = positionals
  const kind = kinds.find((known) => known === word)
  if (word === undefined) throw new UsageError('for whom? istio or envoy')
  if (kind === undefined) throw new UsageError(`istio or envoy, not ${JSON.stringify(word)}`)
  if (rest.length > 0) throw new UsageError(`unexpected ${rest.join(' ')}: the configuration is named by --config FILE`)
  if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(values.namespace)) {
    throw new UsageError(`--namespace: ${JSON.stringify(values.namespace)} is no namespace`)
  }
  return { kind, config: values.config, namespace: values.namespace, strict: values.strict, json: values.json }
}
