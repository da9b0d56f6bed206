// The routes.yaml the demo runs on: where graylane will listen, and a copy with other ports when these are not wanted.
// Never changes the file it was given; what the file means is graylane's own business.

import { randomUUID } from 'node:crypto'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { isMap, isScalar, isSeq, parseDocument, visit, type Document, type YAMLMap } from 'yaml'
import type { Seat } from './listen.ts'

export interface ListenSeats {
  readonly edge: Seat
  readonly internal: Seat
}

/** Where that file tells graylane to listen. Throws an Error when it has no edge or no internal listener. */
export async function readListeners(configPath: string): Promise<ListenSeats> {
  const listeners = listenersOf(await readYaml(configPath))
  const edge = listeners.find((listener) => !isInternal(listener))
  const internal = listeners.find(isInternal)
  if (edge === undefined || internal === undefined) {
    throw new Error(`${configPath}: the demo needs a listener for browsers and one with internal: true`)
  }
  return {
    edge: seatOf(edge, 'the edge of graylane', '0.0.0.0'),
    internal: seatOf(internal, "graylane's internal listener", '127.0.0.1'),
  }
}

/**
 * Writes a copy that listens on 127.0.0.1 at these two ports and finds its pools where `moved` says (old host:port to new one).
 * Relative list files are named by their whole path, since the copy lies elsewhere. Whoever asks for it calls `remove`.
 */
export async function copyWithPorts(
  configPath: string,
  ports: { edge: number; internal: number },
  moved: ReadonlyMap<string, string>,
): Promise<{ path: string; remove(): Promise<void> }> {
  const document = await readYaml(configPath)
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

function seatOf(listener: YAMLMap, part: string, anyHost: string): Seat {
  const host = listener.get('address')
  return { part, host: typeof host === 'string' ? host : anyHost, port: Number(listener.get('port')) }
}
