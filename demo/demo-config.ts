// The routes.yaml the demo runs on: a copy on loopback of the one it was given, so that nobody outside reaches the demo, and so that
// who plays with it leaves the original alone. What the file means is graylane's own business.

import { randomUUID } from 'node:crypto'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { isMap, isScalar, isSeq, parseDocument, visit, type Document, type YAMLMap } from 'yaml'

export interface ListenPorts {
  readonly edge: number
  readonly internal: number
}

/** The ports that file tells graylane to listen on. Throws an Error when it has no edge or no internal listener. */
export async function readPorts(configPath: string): Promise<ListenPorts> {
  const listeners = listenersOf(await readYaml(configPath))
  const edge = listeners.find((listener) => !isInternal(listener))
  const internal = listeners.find(isInternal)
  if (edge === undefined || internal === undefined) {
    throw new Error(`${configPath}: the demo needs a listener for browsers and one with internal: true`)
  }
  return { edge: Number(edge.get('port')), internal: Number(internal.get('port')) }
}

/**
 * Writes a copy that listens on 127.0.0.1 at these ports, logs to standard output, and finds its pools where `moved` says (old
 * host:port to new one). A wildcard address would not do: it takes 8080 of every loopback address, the frontends' own included.
 * Relative list files are named by their whole path, since the copy lies elsewhere. Whoever asks for it calls `remove`.
 */
export async function copyOnLoopback(
  configPath: string,
  ports: ListenPorts,
  moved: ReadonlyMap<string, string>,
): Promise<{ path: string; remove(): Promise<void> }> {
  const document = await readYaml(configPath)
  document.set('accessLog', 'stdout')
  for (const listener of listenersOf(document)) {
    listener.set('port', String(isInternal(listener) ? ports.internal : ports.edge))
    listener.set('address', '127.0.0.1')
  }
  visit(document, {
    Pair(_key, pair) {
      const list = isScalar(pair.key) && pair.key.value === 'file' && isScalar(pair.value) ? pair.value : undefined
      if (typeof list?.value === 'string') list.value = resolve(dirname(configPath), list.value)
    },
    Scalar(_key, scalar) {
      if (typeof scalar.value !== 'string' || !URL.canParse(scalar.value)) return
      const to = moved.get(new URL(scalar.value).host)
      if (to !== undefined) scalar.value = `http://${to}`
    },
  })
  const path = join(tmpdir(), `graylane-demo-${randomUUID()}.yaml`)
  await writeFile(path, document.toString({ lineWidth: 0 }))
  return { path, remove: () => rm(path, { force: true }) }
}

/** Every scalar as it is written (failsafe), as graylane reads them: a copy must not make 1.1 out of version 1.10. */
async function readYaml(configPath: string): Promise<Document> {
  const document = parseDocument(await readFile(configPath, 'utf8'), { schema: 'failsafe' })
  const [error] = document.errors
  if (error !== undefined) throw new Error(`${configPath}: ${error.message}`)
  return document
}

function isInternal(listener: YAMLMap): boolean {
  return listener.get('internal') === 'true'
}

function listenersOf(document: Document): YAMLMap[] {
  const listen = document.get('listen')
  return isSeq(listen) ? listen.items.filter((item) => isMap(item)) : []
}
