// What a program says when it fails goes into results and the report, which are published: no path of this machine stays in it.

import { join } from 'node:path'

const root = join(import.meta.dirname, '..')

/** Two names or more behind a slash that begins a word, `file://` or not: an address such as http://127.0.0.1:80/a/b is none. */
const absolute = /(?<![\w./@-])(?:file:\/\/)?\/(?:[\w.@+~-]+\/)+([\w.@+~-]*)/g

/** Paths in `folder` and in the project are told from there on, of any other absolute path only the last name. */
export function withoutPaths(text: string, folder: string): string {
  return [folder, root]
    .reduce((left, known) => left.replaceAll(`file://${known}/`, '').replaceAll(`${known}/`, ''), text)
    .replaceAll(absolute, '$1')
}
