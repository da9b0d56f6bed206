// The ways in which a configuration file changes on real machines.

import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Over the old content, as `cat >` does. */
export function writeInPlace(directory: string, name: string, text: string): Promise<void> {
  return writeFile(join(directory, name), text)
}

/** A new file renamed over the old one, as editors and `graylane`'s own verbs do. */
export async function writeByRename(directory: string, name: string, text: string): Promise<void> {
  await writeFile(join(directory, `.${name}.new`), text)
  await rename(join(directory, `.${name}.new`), join(directory, name))
}

/**
 * As kubelet does it: data in a new directory, then the symlink `..data` swapped by one rename, then the old directory removed.
 * `n` counts from 0, which makes the mount.
 */
export async function writeConfigMap(directory: string, name: string, text: string, n: number): Promise<void> {
  const dataOf = (version: number): string => `..2026_01_01_00_00_00.${version}`
  await mkdir(join(directory, dataOf(n)))
  await writeFile(join(directory, dataOf(n), name), text)
  await pointTo(directory, '..data', dataOf(n))
  if (n === 0) await symlink(`..data/${name}`, join(directory, name))
  else await rm(join(directory, dataOf(n - 1)), { recursive: true })
}

/** Makes a symlink, or swaps it by one rename. */
export async function pointTo(directory: string, link: string, target: string): Promise<void> {
  await symlink(target, join(directory, `${link}_tmp`))
  await rename(join(directory, `${link}_tmp`), join(directory, link))
}
