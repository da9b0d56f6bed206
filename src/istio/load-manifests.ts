// Manifests from disk: a file, or a directory with all that are below it. What a directory holds is read in the order of its names.

import type { Problem } from '../config/problem.ts'
import type { SourceText } from '../config/source-text.ts'
import type { Sources } from '../config/sources.ts'
import { readYaml, type YamlNode } from '../config/yaml-tree.ts'
import type { Place } from '../rules/types.ts'
import { type Manifests, readManifests } from './read-manifests.ts'

const extensions = /\.(?:ya?ml|json)$/
const deepest = 8

/** A path that is given by name is read whatever it is called. Problems of files stand beside those of the manifests. */
export async function loadManifests(
  paths: readonly { readonly path: string; readonly asker: Place }[],
  sources: Sources,
  report: (problem: Problem) => void,
): Promise<Manifests> {
  const documents: YamlNode[] = []
  for (const { path, asker } of paths) {
    const tooDeep = (directory: string): void => {
      const message = `${directory} is not read: no more than ${deepest} directories one in another are`
      report({ ...asker, severity: 'warning', code: 'file', message })
    }
    for (const file of await filesOf(path, sources, 0, tooDeep)) {
      const source = await sources.manifest(file, asker)
      if (source !== undefined) documents.push(...readDocuments(source, report))
    }
  }
  return readManifests(documents)
}

/** Where nothing was read at all: another directory was meant, and nothing wrong with this one would look like all is well. */
export function noManifest([first]: readonly { readonly path: string; readonly asker: Place }[]): Problem {
  const place = first?.asker ?? { file: 'manifests', line: 1, column: 1 }
  const message = `no manifest is in ${first?.path ?? 'it'} (of a directory, files called *.yaml, *.yml and *.json are read)`
  return { ...place, severity: 'error', code: 'document', message }
}

/** A template is no YAML before it is rendered, or other YAML than it seems: what the parser stumbles over says little. */
function readDocuments(source: SourceText, report: (problem: Problem) => void): readonly YamlNode[] {
  const stumbled: Problem[] = []
  const trees = readYaml(source, (problem) => void stumbled.push(problem), 'kubernetes')
  const at = source.text.indexOf('{{')
  if (trees === undefined && at !== -1) {
    const message = 'this is a template ({{ ... }}): render it first, as in helm template CHART > manifests.yaml'
    report({ ...source.placeOf(at), severity: 'error', code: 'template', message })
  } else for (const problem of stumbled) report(problem)
  return trees ?? []
}

/** The path itself when it is no directory. Hidden entries are left out: a mounted ConfigMap has its versions there. */
async function filesOf(
  path: string,
  sources: Sources,
  depth: number,
  tooDeep: (directory: string) => void,
): Promise<readonly string[]> {
  const names = await sources.directory(path)
  if (names === undefined) return [path]
  const files: string[] = []
  for (const name of names) {
    if (name.startsWith('.')) continue
    const inside = `${path.replace(/\/*$/, '')}/${name}`
    if (name.endsWith('/')) {
      if (depth < deepest) files.push(...(await filesOf(inside, sources, depth + 1, tooDeep)))
      else tooDeep(inside)
    } else if (extensions.test(name)) files.push(inside)
  }
  return files
}
